"""Provisioning: compare topics, subscriptions, datasets, tables and views with the wanted ones, and change them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from google.api_core.exceptions import NotFound
from google.cloud import bigquery
from google.pubsub_v1 import PublisherClient, SubscriberClient

from headrace.bigquery.column_renames import Rename, column_renames
from headrace.bigquery.completeness_view import completeness_view
from headrace.bigquery.latest_views import latest_views
from headrace.bigquery.service_tables import engines_table, tallies_table
from headrace.bigquery.table_changes import evolved_table, same_location, table_changes, table_refusals
from headrace.bigquery.table_differences import changed_properties, created_properties, expiry_refusals
from headrace.bigquery.view_comparison import view_changes
from headrace.core.plan_changes import Change, Comparison, Note, PropertyChange
from headrace.core.plan_refusals import ProvisionError, Refusal
from headrace.core.resource_names import FIRST_KEY_VERSION, PROVISIONED, Names
from headrace.dead_letters.archive_tables import archive_tables
from headrace.pubsub.provisioning import pubsub_comparisons
from headrace.runtime.clock import now_micros
from headrace.schemas.envelope import from_micros
from headrace.schemas.registry import Registry
from headrace.steps.mask.token_history import TokenHistory, next_history, without_history
from headrace.steps.mask.tokens import token_prefix

LOADS_KEPT: Final = timedelta(days=1)  # expiry of tables that abandoned loads left behind


@dataclass(frozen=True, slots=True)
class Clients:
    """The three clients that provisioning needs."""

    publisher: PublisherClient
    subscriber: SubscriberClient
    bigquery: bigquery.Client


def plan(
    registry: Registry,
    names: Names,
    location: str,
    clients: Clients,
    masking_key_version: str = FIRST_KEY_VERSION,
    note: Callable[[Note], None] = lambda note: None,
) -> list[Change]:
    """Compare the existing resources with the contracts, and return the changes to make.

    The description of a table with tokens names *masking_key_version*. *note* is called with each note about a resource
    that the settings name, and that Headrace therefore does not change.

    Raises:
        ProvisionError: resources differ in ways that cannot be changed; it lists all of these, with their remedies.
    """
    compared = comparisons(registry, names, location, clients, masking_key_version)
    found = [each for comparison in compared for each in comparison.find()]
    refusals = [each for each in found if isinstance(each, Refusal)]
    for each in found:
        if isinstance(each, Note):
            note(each)
    if refusals:
        raise ProvisionError(refusals)
    return [each for each in found if isinstance(each, Change)]


def comparisons(
    registry: Registry, names: Names, location: str, clients: Clients, masking_key_version: str = FIRST_KEY_VERSION
) -> Iterator[Comparison]:
    """Yield a comparison for each wanted resource, in the order in which the changes must be made."""
    yield from pubsub_comparisons(registry, names, clients.publisher, clients.subscriber)
    for dataset, kept in ((names.dataset, None), (names.archive, None), (names.loads, LOADS_KEPT)):
        name = f"{names.project}.{dataset}"
        yield Comparison("dataset", name, partial(_dataset_changes, name, location, clients.bigquery, kept))
    yield from _tables(registry, names, clients.bigquery, masking_key_version)
    for view in (completeness_view(names.project, names.dataset), *latest_views(registry, names)):
        yield Comparison("view", _full_name(view), partial(view_changes, view, clients.bigquery))
    yield from _rollups(registry, names, clients.bigquery)


def apply(changes: Sequence[Change]) -> None:
    """Make the changes in their order."""
    for change in changes:
        change.apply()


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
        wanted.labels = dict(PROVISIONED)
        made = (PropertyChange("location", None, location),)
        yield Change("create", "dataset", name, partial(client.create_dataset, dataset=wanted), diff=made)
        return
    if not same_location(existing.location, location):
        why = f"it is in {existing.location} and the setting `location` is {location}, and BigQuery cannot move it"
        yield Refusal("dataset", name, why, f'set location = "{existing.location}", or name another dataset')
        return
    if existing.default_table_expiration_ms != wanted.default_table_expiration_ms:
        kept = _days(existing.default_table_expiration_ms), _days(wanted.default_table_expiration_ms)
        existing.default_table_expiration_ms = wanted.default_table_expiration_ms
        update = partial(client.update_dataset, dataset=existing, fields=["default_table_expiration_ms"])
        why = "how long new tables are kept"
        yield Change("update", "dataset", name, update, why, can_wait=True, diff=(PropertyChange(why, *kept),))


def _days(milliseconds: int | None) -> str:
    return "for ever" if milliseconds is None else f"{timedelta(milliseconds=milliseconds) / timedelta(days=1):g} days"


def _tables(
    registry: Registry, names: Names, client: bigquery.Client, masking_key_version: str
) -> Iterator[Comparison]:
    latest = map(registry.latest, registry.subjects)
    versions = {each.options.table: masking_key_version for each in latest if each.makes_tokens}
    evolved = {subject: evolved_table(registry, subject, names) for subject in registry.subjects}
    for subject, (_, refusals) in evolved.items():
        if refusals:
            yield Comparison("contract", subject, partial(iter, refusals))
    wanted = [(table, column_renames(registry, subject)) for subject, (table, _) in evolved.items()]
    own = [make(names.project, names.dataset) for make in (tallies_table, engines_table)]
    wanted += [(table, []) for table in (*own, *archive_tables(names.project, names.archive))]
    for table, renames in wanted:
        find = partial(_table_changes, table, client, versions.get(table.table_id), renames)
        yield Comparison("table", _full_name(table), find)


def _table_changes(
    table: bigquery.Table, client: bigquery.Client, version: str | None, renames: Sequence[Rename]
) -> Iterator[Change | Refusal]:
    name, today = _full_name(table), from_micros(now_micros()).date()
    try:
        existing = client.get_table(table)
    except NotFound:
        history = next_history(None, None, version, today)
        table.description, table.labels = history.beside(table.description), dict(PROVISIONED)
        made = created_properties(table)
        yield Change("create", "table", name, partial(client.create_table, table=table), diff=made)
        return
    if found := [*table_refusals(existing, table, name, renames), *expiry_refusals(existing, table, name)]:
        yield from found
        return
    created = existing.created.date() if existing.created else today
    before = TokenHistory.read(existing.description)
    history = next_history(existing.description, created, version, today)
    table.description = history.beside(table.description)
    fields = table_changes(existing, table, name)
    if fields:
        diff = _without_days(changed_properties(existing, fields), before, history)
        for each, value in fields.items():
            setattr(existing, each, value)
        update = partial(client.update_table, table=existing, fields=list(fields))
        can_wait = before == history and set(fields) == {"description"}
        yield Change("update", "table", name, update, _why(fields, before, history), can_wait, diff)


def _why(fields: Iterable[str], before: TokenHistory, after: TokenHistory) -> str:
    """Return the changed properties; name a new version of the masking key."""
    named = {"description": f"description (tokens begin with {token_prefix(after.current or '')} from now on)"}
    return ", ".join(named.get(each, each) if before != after else each for each in fields)


def _without_days(
    diff: Iterable[PropertyChange], before: TokenHistory, after: TokenHistory
) -> tuple[PropertyChange, ...]:
    """Return *diff* with the versions of tokens in place of their days: a plan is the same plan on the next day."""
    found = []
    for each in diff:
        if each.name != "description" or before == after:
            found.append(each)
            continue
        found.append(PropertyChange("tokens begin with", _tokens(before), _tokens(after)))
        texts = without_history(each.before), without_history(each.after)
        if texts[0] != texts[1]:
            found.append(PropertyChange(each.name, *texts))
    return tuple(found)


def _tokens(history: TokenHistory) -> str | None:
    return token_prefix(history.current) if history.current else None


def _rollups(registry: Registry, names: Names, client: bigquery.Client) -> Iterator[Comparison]:
    if not any(registry.latest(subject).transformations.rollups for subject in registry.subjects):
        return
    from headrace.bigquery.rollup_comparison import rollup_changes  # imports sqlglot: jobs without rollups need it not
    from headrace.bigquery.rollup_views import rollup_views

    for view in rollup_views(registry, names):
        yield Comparison("materialized view", view.name, partial(rollup_changes, view, client))


def _full_name(table: bigquery.Table) -> str:
    return f"{table.project}.{table.dataset_id}.{table.table_id}"
