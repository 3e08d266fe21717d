"""Topics, subscriptions, datasets, tables and views: what should be there, what is, and the changes between the two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from google.api_core.exceptions import NotFound
from google.cloud import bigquery
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.types import ExpirationPolicy, Subscription

from schemas.registry import Registry
from stream.completeness import completeness_view, put_view, view_differs
from stream.letters.tables import archive_tables
from stream.names import Names
from stream.own_tables import engines_table, tallies_table
from stream.tables import table_for, type_of

ACK_SECONDS: Final = 60
RETENTION_SECONDS: Final = 7 * 86_400
LOADS_KEPT: Final = timedelta(days=1)  # a table of a load that was given up


class ProvisionError(ValueError):
    """What exists cannot become what the contracts say; says which and the remedy. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to do: *action* is create or update, *what* the kind of resource."""

    action: str
    what: str
    name: str
    apply: Callable[[], Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Clients:
    """The three clients that provisioning needs."""

    publisher: PublisherClient
    subscriber: SubscriberClient
    bigquery: bigquery.Client


def plan(registry: Registry, names: Names, location: str, clients: Clients) -> list[Change]:
    """Compare what exists with what the contracts say.

    Raises:
        ProvisionError: a table differs in a way BigQuery cannot change, or stands where a view belongs.
    """
    return [
        *_pubsub_changes(registry, names, clients),
        *_dataset_changes(f"{names.project}.{names.dataset}", location, clients.bigquery),
        *_dataset_changes(f"{names.project}.{names.archive}", location, clients.bigquery),
        *_dataset_changes(f"{names.project}.{names.loads}", location, clients.bigquery, LOADS_KEPT),
        *_table_changes(registry, names, clients.bigquery),
        *_view_changes(names, clients.bigquery),
        *_rollup_changes(registry, names, clients.bigquery),
    ]


def apply(changes: Sequence[Change]) -> None:
    """Make the changes, in order."""
    for change in changes:
        change.apply()


def _pubsub_changes(registry: Registry, names: Names, clients: Clients) -> Iterator[Change]:
    pairs = [(names.topic(subject), names.subscription(subject)) for subject in registry.subjects]
    pairs.append((names.dead_letter_topic, names.dead_letter_subscription))
    for topic, subscription in pairs:
        if _missing(clients.publisher.get_topic, topic=topic):
            yield Change("create", "topic", topic, _bind(clients.publisher.create_topic, name=topic))
        try:
            existing = clients.subscriber.get_subscription(subscription=subscription)
        except NotFound:
            create = _bind(clients.subscriber.create_subscription, request=_subscription(subscription, topic))
            yield Change("create", "subscription", subscription, create)
            continue
        if existing.topic != topic:
            raise ProvisionError(
                f"{subscription}: it belongs to {existing.topic} and receives nothing from {topic}; "
                "pull what it still holds, delete it, and provision again"
            )


def _subscription(name: str, topic: str) -> Subscription:
    return Subscription(
        name=name,
        topic=topic,
        ack_deadline_seconds=ACK_SECONDS,
        message_retention_duration=Duration(seconds=RETENTION_SECONDS),
        expiration_policy=ExpirationPolicy(),  # never: by default, 31 days without a pull delete it and its messages
    )


def _dataset_changes(
    name: str, location: str, client: bigquery.Client, tables_kept: timedelta | None = None
) -> Iterator[Change]:
    if _missing(client.get_dataset, dataset_ref=name):
        dataset = bigquery.Dataset(name)
        dataset.location = location
        if tables_kept is not None:
            dataset.default_table_expiration_ms = tables_kept // timedelta(milliseconds=1)
        yield Change("create", "dataset", name, _bind(client.create_dataset, dataset=dataset))


def _table_changes(registry: Registry, names: Names, client: bigquery.Client) -> Iterator[Change]:
    wanted = [table_for(registry.latest(subject), names.project, names.dataset) for subject in registry.subjects]
    wanted += [make(names.project, names.dataset) for make in (tallies_table, engines_table)]
    for table in [*wanted, *archive_tables(names.project, names.archive)]:
        name = f"{table.project}.{table.dataset_id}.{table.table_id}"
        try:
            existing = client.get_table(table)
        except NotFound:
            yield Change("create", "table", name, _bind(client.create_table, table=table))
            continue
        fields = _differences(existing, table, name)
        if fields:
            for each, value in fields.items():
                setattr(existing, each, value)
            yield Change("update", "table", name, _bind(client.update_table, table=existing, fields=list(fields)))


def _view_changes(names: Names, client: bigquery.Client) -> Iterator[Change]:
    view = completeness_view(names.project, names.dataset)
    name = f"{view.project}.{view.dataset_id}.{view.table_id}"
    put = _bind(put_view, client=client, wanted=view)
    try:
        existing = client.get_table(view)
    except NotFound:
        yield Change("create", "view", name, put)
        return
    if existing.table_type != "VIEW":
        raise ProvisionError(f"{name}: a table stands where a view belongs; rename it, and provision again")
    if view_differs(existing, view):
        yield Change("update", "view", name, put)


def _rollup_changes(registry: Registry, names: Names, client: bigquery.Client) -> Iterator[Change]:
    if not any(registry.latest(subject).transformations.rollups for subject in registry.subjects):
        return
    from stream.rollups import LABEL, put_rollup, rollup_views  # and sqlglot, where there is something for it

    for view in rollup_views(registry, names):
        put = _bind(put_rollup, client=client, wanted=view)
        try:
            existing = client.get_table(view.name)
        except NotFound:
            yield Change("create", "materialized view", view.name, put)
            continue
        if existing.table_type != "MATERIALIZED_VIEW":
            raise ProvisionError(f"{view.name}: something else stands where a rollup belongs; rename the rollup")
        if existing.labels.get(LABEL) != view.label or (existing.description or "") != view.doc:
            yield Change("update", "materialized view", view.name, put)


def _differences(existing: bigquery.Table, wanted: bigquery.Table, name: str) -> dict[str, Any]:
    """The properties to change, with their new values."""
    _refuse_repartitioning(existing, wanted, name)
    found: dict[str, Any] = {}
    schema = merged_columns(existing.schema, wanted.schema, name)
    if _columns(existing.schema) != _columns(schema):
        found["schema"] = schema
    if existing.description != wanted.description:
        found["description"] = wanted.description
    if list(existing.clustering_fields or []) != list(wanted.clustering_fields or []):
        found["clustering_fields"] = wanted.clustering_fields
    if bool(existing.require_partition_filter) != bool(wanted.require_partition_filter):
        found["require_partition_filter"] = wanted.require_partition_filter
    if existing.time_partitioning.expiration_ms != wanted.time_partitioning.expiration_ms:
        found["time_partitioning"] = wanted.time_partitioning
    return found


def _refuse_repartitioning(existing: bigquery.Table, wanted: bigquery.Table, name: str) -> None:
    have, want = existing.time_partitioning, wanted.time_partitioning
    if have is None or (have.type_, have.field) != (want.type_, want.field):
        raise ProvisionError(
            f"{name}: partitioned otherwise than the contract says, which BigQuery cannot change; "
            "name another table in the contract, or copy this one"
        )


def merged_columns(
    existing: Sequence[bigquery.SchemaField], wanted: Sequence[bigquery.SchemaField], name: str
) -> list[bigquery.SchemaField]:
    """Give the table's columns in its own order, as BigQuery keeps them, then the new ones.

    Raises:
        ProvisionError: a column of *wanted* is new and REQUIRED, or differs in a way BigQuery cannot change.
    """
    new = {column.name: column for column in wanted}
    kept = [_merged_column(old, new.pop(old.name, None), f"{name}.{old.name}") for old in existing]
    for column in new.values():
        if column.mode == "REQUIRED":
            raise ProvisionError(f"{name}.{column.name}: a new column cannot be REQUIRED; make the field optional")
    return [*kept, *new.values()]


def _merged_column(old: bigquery.SchemaField, new: bigquery.SchemaField | None, place: str) -> bigquery.SchemaField:
    """The column, relaxed or described anew; what people added to it, such as policy tags, stays.

    A column that the contract has no longer stays with its rows, and may be null from now on.
    """
    changed = dict(old.to_api_repr())  # a copy: it hands out the column itself
    if new is None:
        changed["mode"] = "NULLABLE" if old.mode == "REQUIRED" else old.mode
        return bigquery.SchemaField.from_api_repr(changed)
    relaxed = old.mode == "REQUIRED" and new.mode == "NULLABLE"
    if type_of(old) != type_of(new) or not (old.mode == new.mode or relaxed) or _narrower(old, new):
        raise ProvisionError(f"{place}: another type or mode than the contract says; add a field instead")
    changed["mode"] = new.mode
    if old.description or new.description:
        changed["description"] = new.description or ""
    if old.fields:
        changed["fields"] = [column.to_api_repr() for column in merged_columns(old.fields, new.fields, place)]
    if old.precision is not None:
        changed |= {"precision": new.precision, "scale": new.scale}
    return bigquery.SchemaField.from_api_repr(changed)


def _narrower(old: bigquery.SchemaField, new: bigquery.SchemaField) -> bool:
    """Whether a decimal would lose digits before or after the point; without limits it holds all of its type."""
    if old.precision is None:
        return False
    scale, new_scale = old.scale or 0, new.scale or 0
    return bool(new_scale < scale or new.precision - new_scale < old.precision - scale)


def _columns(fields: Sequence[bigquery.SchemaField]) -> list[Any]:
    return [
        (each.name, each.mode, each.description or "", each.precision, each.scale, _columns(each.fields))
        for each in fields
    ]


def _missing(get: Callable[..., Any], **name: str) -> bool:
    try:
        get(**name)
    except NotFound:
        return True
    return False


def _bind(call: Callable[..., Any], **arguments: Any) -> Callable[[], Any]:
    return lambda: call(**arguments)
