"""Topics, subscriptions, dataset and tables: what should be there, what is, and the changes between the two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from google.api_core.exceptions import NotFound
from google.cloud import bigquery
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.types import Subscription

from schemas.registry import Registry
from stream.names import Names
from stream.tables import table_for, tallies_table

ACK_SECONDS: Final = 60
RETENTION_SECONDS: Final = 7 * 86_400


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
        ProvisionError: a table differs in a way BigQuery cannot change.
    """
    return [
        *_pubsub_changes(registry, names, clients),
        *_dataset_changes(names, location, clients.bigquery),
        *_table_changes(registry, names, clients.bigquery),
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
        if _missing(clients.subscriber.get_subscription, subscription=subscription):
            request = Subscription(
                name=subscription,
                topic=topic,
                ack_deadline_seconds=ACK_SECONDS,
                message_retention_duration=Duration(seconds=RETENTION_SECONDS),
            )
            create = _bind(clients.subscriber.create_subscription, request=request)
            yield Change("create", "subscription", subscription, create)


def _dataset_changes(names: Names, location: str, client: bigquery.Client) -> Iterator[Change]:
    name = f"{names.project}.{names.dataset}"
    if _missing(client.get_dataset, dataset_ref=name):
        dataset = bigquery.Dataset(name)
        dataset.location = location
        yield Change("create", "dataset", name, _bind(client.create_dataset, dataset=dataset))


def _table_changes(registry: Registry, names: Names, client: bigquery.Client) -> Iterator[Change]:
    wanted = [table_for(registry.latest(subject), names.project, names.dataset) for subject in registry.subjects]
    for table in [*wanted, tallies_table(names.project, names.dataset)]:
        name = f"{table.project}.{table.dataset_id}.{table.table_id}"
        try:
            existing = client.get_table(table)
        except NotFound:
            yield Change("create", "table", name, _bind(client.create_table, table=table))
            continue
        fields = _fields_to_update(existing, table, name)
        if fields:
            for each in fields:
                setattr(existing, each, getattr(table, each))
            yield Change("update", "table", name, _bind(client.update_table, table=existing, fields=fields))


def _fields_to_update(existing: bigquery.Table, wanted: bigquery.Table, name: str) -> list[str]:
    _refuse_repartitioning(existing, wanted, name)
    fields = []
    if _columns(existing.schema) != _columns(wanted.schema):
        _refuse_incompatible(existing.schema, wanted.schema, name)
        fields.append("schema")
    if existing.description != wanted.description:
        fields.append("description")
    if list(existing.clustering_fields or []) != list(wanted.clustering_fields or []):
        fields.append("clustering_fields")
    if bool(existing.require_partition_filter) != bool(wanted.require_partition_filter):
        fields.append("require_partition_filter")
    if existing.time_partitioning.expiration_ms != wanted.time_partitioning.expiration_ms:
        fields.append("time_partitioning")
    return fields


def _refuse_repartitioning(existing: bigquery.Table, wanted: bigquery.Table, name: str) -> None:
    have, want = existing.time_partitioning, wanted.time_partitioning
    if have is None or (have.type_, have.field) != (want.type_, want.field):
        raise ProvisionError(
            f"{name}: partitioned otherwise than the contract says, which BigQuery cannot change; "
            "name another table in the contract, or copy this one"
        )


def _refuse_incompatible(
    existing: Sequence[bigquery.SchemaField], wanted: Sequence[bigquery.SchemaField], name: str
) -> None:
    """Allow new columns that may be null, REQUIRED relaxed to NULLABLE, and other descriptions; nothing else."""
    have = {each.name: each for each in existing}
    for column in wanted:
        place = f"{name}.{column.name}"
        old = have.pop(column.name, None)
        if old is None:
            if column.mode == "REQUIRED":
                raise ProvisionError(f"{place}: a new column cannot be REQUIRED; make the field optional")
            continue
        relaxed = old.mode == "REQUIRED" and column.mode == "NULLABLE"
        if _type(old) != _type(column) or not (old.mode == column.mode or relaxed):
            raise ProvisionError(f"{place}: another type or mode than the contract says; add a field instead")
        _refuse_incompatible(old.fields, column.fields, place)
    for gone in have.values():
        if gone.mode == "REQUIRED":
            raise ProvisionError(f"{name}.{gone.name}: REQUIRED, and the contract has it no longer; keep the field")


_SYNONYMS = {"BOOLEAN": "BOOL", "INTEGER": "INT64", "FLOAT": "FLOAT64", "STRUCT": "RECORD"}


def _columns(fields: Sequence[bigquery.SchemaField]) -> list[Any]:
    return [
        (
            each.name,
            _type(each),
            each.mode,
            each.description or "",
            _columns(each.fields),
        )
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


def _type(column: bigquery.SchemaField) -> str:
    type_ = str(column.field_type)
    return _SYNONYMS.get(type_, type_)
