"""Provisioning: compare topics, subscriptions, datasets, tables and views with the wanted ones, and change them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from google.api_core.exceptions import NotFound
from google.cloud import bigquery
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import PublisherClient, SubscriberClient

from headrace.bigquery.completeness_view import completeness_view, put_view, view_differs
from headrace.bigquery.service_tables import engines_table, tallies_table
from headrace.bigquery.table_changes import evolved_table, same_location, table_changes, table_refusals
from headrace.core.plan_refusals import ProvisionError, Refusal
from headrace.core.resource_names import FIRST_KEY_VERSION, Names
from headrace.dead_letters.archive_tables import archive_tables
from headrace.pubsub.job_subscription import differences, subscription_for
from headrace.runtime.clock import now_micros
from headrace.schemas.envelope import from_micros
from headrace.schemas.registry import Registry
from headrace.steps.mask.token_history import TokenHistory, makes_tokens, next_history
from headrace.steps.mask.tokens import token_prefix

LOADS_KEPT: Final = timedelta(days=1)  # expiry of tables that abandoned loads left behind


@dataclass(frozen=True, slots=True)
class Change:
    """A change to make: *action* is create or update, *what* the kind of resource, *why* the properties to update."""

    action: str
    what: str
    name: str
    apply: Callable[[], Any] = field(repr=False, compare=False)
    why: str = ""


@dataclass(frozen=True, slots=True)
class Clients:
    """The three clients that provisioning needs."""

    publisher: PublisherClient
    subscriber: SubscriberClient
    bigquery: bigquery.Client


def plan(
    registry: Registry, names: Names, location: str, clients: Clients, masking_key_version: str = FIRST_KEY_VERSION
) -> list[Change]:
    """Compare the existing resources with the contracts, and return the changes to make.

    The description of a table with tokens names *masking_key_version*.

    Raises:
        ProvisionError: resources differ in ways that cannot be changed; it lists all of these, with their remedies.
    """
    found = [
        *_pubsub_changes(registry, names, clients),
        *_dataset_changes(f"{names.project}.{names.dataset}", location, clients.bigquery),
        *_dataset_changes(f"{names.project}.{names.archive}", location, clients.bigquery),
        *_dataset_changes(f"{names.project}.{names.loads}", location, clients.bigquery, LOADS_KEPT),
        *_table_changes(registry, names, clients.bigquery, masking_key_version),
        *_view_changes(names, clients.bigquery),
        *_rollup_changes(registry, names, clients.bigquery),
    ]
    refusals = [each for each in found if isinstance(each, Refusal)]
    if refusals:
        raise ProvisionError(refusals)
    return [each for each in found if isinstance(each, Change)]


def apply(changes: Sequence[Change]) -> None:
    """Make the changes in their order."""
    for change in changes:
        change.apply()


def _pubsub_changes(registry: Registry, names: Names, clients: Clients) -> Iterator[Change | Refusal]:
    pairs = [(names.topic(subject), names.subscription(subject)) for subject in registry.subjects]
    pairs.append((names.dead_letter_topic, names.dead_letter_subscription))
    for topic, subscription in pairs:
        if _missing(clients.publisher.get_topic, topic=topic):
            yield Change("create", "topic", topic, _bind(clients.publisher.create_topic, name=topic))
        yield from _subscription_changes(subscription, topic, clients.subscriber)


def _subscription_changes(name: str, topic: str, client: SubscriberClient) -> Iterator[Change | Refusal]:
    wanted = subscription_for(name, topic, now_micros())
    try:
        existing = client.get_subscription(subscription=name)
    except NotFound:
        yield Change("create", "subscription", name, _bind(client.create_subscription, request=wanted))
        return
    found = differences(existing, topic)
    refused = [each for each in found if each.field is None]
    yield from (Refusal("subscription", name, each.found, each.remedy) for each in refused)
    if found and not refused:
        mask = FieldMask(paths=[each.field for each in found if each.field])
        update = _bind(client.update_subscription, request={"subscription": wanted, "update_mask": mask})
        yield Change("update", "subscription", name, update, "; ".join(each.found for each in found))


def _dataset_changes(
    name: str, location: str, client: bigquery.Client, tables_kept: timedelta | None = None
) -> Iterator[Change | Refusal]:
    wanted = bigquery.Dataset(name)
    wanted.location = location
    if tables_kept is not None:
        wanted.default_table_expiration_ms = tables_kept // timedelta(milliseconds=1)
    try:
        existing = client.get_dataset(name)
    except NotFound:
        yield Change("create", "dataset", name, _bind(client.create_dataset, dataset=wanted))
        return
    if not same_location(existing.location, location):
        why = f"it is in {existing.location} and the setting `location` is {location}, and BigQuery cannot move it"
        yield Refusal("dataset", name, why, f'set location = "{existing.location}", or name another dataset')
        return
    if existing.default_table_expiration_ms != wanted.default_table_expiration_ms:
        existing.default_table_expiration_ms = wanted.default_table_expiration_ms
        update = _bind(client.update_dataset, dataset=existing, fields=["default_table_expiration_ms"])
        yield Change("update", "dataset", name, update, "how long new tables are kept")


def _table_changes(
    registry: Registry, names: Names, client: bigquery.Client, masking_key_version: str
) -> Iterator[Change | Refusal]:
    latest = map(registry.latest, registry.subjects)
    versions = {each.options.table: masking_key_version for each in latest if makes_tokens(each)}
    today = from_micros(now_micros()).date()
    wanted: list[bigquery.Table] = []
    for subject in registry.subjects:
        table, refusals = evolved_table(registry, subject, names)
        wanted.append(table)
        yield from refusals
    wanted += [make(names.project, names.dataset) for make in (tallies_table, engines_table)]
    for table in [*wanted, *archive_tables(names.project, names.archive)]:
        name = f"{table.project}.{table.dataset_id}.{table.table_id}"
        try:
            existing = client.get_table(table)
        except NotFound:
            history = next_history(None, None, versions.get(table.table_id), today)
            table.description = history.beside(table.description)
            yield Change("create", "table", name, _bind(client.create_table, table=table))
            continue
        if refusals := table_refusals(existing, table, name):
            yield from refusals
            continue
        version, created = versions.get(table.table_id), existing.created.date() if existing.created else today
        before = TokenHistory.read(existing.description)
        history = next_history(existing.description, created, version, today)
        table.description = history.beside(table.description)
        fields = table_changes(existing, table, name)
        if fields:
            for each, value in fields.items():
                setattr(existing, each, value)
            update = _bind(client.update_table, table=existing, fields=list(fields))
            yield Change("update", "table", name, update, _why(fields, before, history))


def _why(fields: Iterable[str], before: TokenHistory, after: TokenHistory) -> str:
    """Return the changed properties; name a new version of the masking key."""
    named = {"description": f"description (tokens begin with {token_prefix(after.current or '')} from now on)"}
    return ", ".join(named.get(each, each) if before != after else each for each in fields)


def _view_changes(names: Names, client: bigquery.Client) -> Iterator[Change | Refusal]:
    view = completeness_view(names.project, names.dataset)
    name = f"{view.project}.{view.dataset_id}.{view.table_id}"
    put = _bind(put_view, client=client, wanted=view)
    try:
        existing = client.get_table(view)
    except NotFound:
        yield Change("create", "view", name, put)
        return
    if existing.table_type != "VIEW":
        yield Refusal("view", name, "a table has the name of the view", "rename it, and provision again")
    elif view_differs(existing, view):
        yield Change("update", "view", name, put)


def _rollup_changes(registry: Registry, names: Names, client: bigquery.Client) -> Iterator[Change | Refusal]:
    if not any(registry.latest(subject).transformations.rollups for subject in registry.subjects):
        return
    from headrace.bigquery.rollup_views import (  # imports sqlglot, which jobs without rollups do not need
        LABEL,
        put_rollup,
        rollup_views,
    )

    for view in rollup_views(registry, names):
        put = _bind(put_rollup, client=client, wanted=view)
        try:
            existing = client.get_table(view.name)
        except NotFound:
            yield Change("create", "materialized view", view.name, put)
            continue
        if existing.table_type != "MATERIALIZED_VIEW":
            yield Refusal("rollup", view.name, "another resource has the name of the rollup", "rename the rollup")
        elif existing.labels.get(LABEL) != view.label or (existing.description or "") != view.doc:
            yield Change("update", "materialized view", view.name, put)


def _missing(get: Callable[..., Any], **name: str) -> bool:
    try:
        get(**name)
    except NotFound:
        return True
    return False


def _bind(call: Callable[..., Any], **arguments: Any) -> Callable[[], Any]:
    return lambda: call(**arguments)
