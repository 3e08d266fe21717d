"""Rules for contracts: they keep payloads within limits, and personal values out of columns that are not masked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from math import ceil
from typing import Final

from headrace.schemas.annotations import Partition, TableOptions
from headrace.schemas.classification import Mask
from headrace.schemas.drawn import is_often_ambiguous
from headrace.schemas.errors import ContractError
from headrace.schemas.field_places import FieldPlaces
from headrace.schemas.layout import amplification
from headrace.schemas.lint_changes import is_exact
from headrace.schemas.lint_event_time import lint_event_time
from headrace.schemas.lint_fields import check_mask
from headrace.schemas.model import (
    INSTANTS,
    Array,
    Decimal,
    Enumeration,
    Field,
    Kind,
    Map,
    Record,
    Scalar,
    bare,
    walk,
)

# BigQuery's streaming refuses rows of older partitions (cloud.google.com/bigquery/docs/streaming-data-into-bigquery).
STREAMING_REACHES_BACK: Final = timedelta(days=1825)
MAX_PARTITIONS: Final = 10_000  # BigQuery's limit for one table
# bytes of columns for one byte of payload: an array of 450 optional doubles has as many
MAX_AMPLIFICATION: Final = 4096
_TOKENISED: Final = frozenset({Kind.STRING, Kind.UUID, Kind.INT, Kind.LONG, Kind.BYTES})
_CLUSTERED: Final = INSTANTS | {
    Kind.STRING,
    Kind.UUID,
    Kind.INT,
    Kind.LONG,
    Kind.BOOLEAN,
    Kind.DATE,
    Kind.LOCAL_TIMESTAMP_MILLIS,
    Kind.LOCAL_TIMESTAMP_MICROS,
}


def lint(
    record: Record, options: TableOptions, derived: Sequence[Field], places: FieldPlaces
) -> Iterator[ContractError]:
    """Yield an error for each rule that a contract and its *derived* columns break."""
    fields, where = {field.name: field for field in record.fields}, places.where
    yield from _check_table(options, where)
    yield from lint_event_time(record, options.event_time, f"{where}.headrace.event_time")
    yield from _check_lateness(options, where)
    yield from _check_identity(fields, options, where)
    others = [*derived, *(column.field for column in options.metadata)]
    yield from _check_clustering(fields | {field.name: field for field in others}, options, where)
    for column in options.metadata:
        yield from check_mask(column.field, f"{where}.headrace.metadata.{column.field.name}.pii")
    for path, field in walk(record):
        yield from _check_amplification(field, places.of_type(path))


def lint_payloads(record: Record, fingerprint: str, where: str) -> None:
    """Refuse a contract whose own events can often be read behind a header too; *fingerprint* is the contract's."""
    if is_often_ambiguous(record, fingerprint):
        raise ContractError(
            f"{where}.headrace.encoding",
            "its events often read whole behind a header of another system too",
            'write "encoding": "datum" if producers write no header, or begin the record with a text that is not empty',
        )


def _check_table(options: TableOptions, where: str) -> Iterator[ContractError]:
    if options.table.startswith("headrace_"):
        yield ContractError(
            f"{where}.headrace.table",
            "begins with headrace_, which is kept for Headrace's own tables",
            "choose another name",
        )
    days = options.expire_after_days
    if options.partition is Partition.HOUR and (days is None or days * 24 > MAX_PARTITIONS):
        yield ContractError(
            f"{where}.headrace.partition",
            f"more hours than the {MAX_PARTITIONS} partitions of a table",
            f"write expire_after_days of at most {MAX_PARTITIONS // 24}, or partition by day",
        )


def _check_lateness(options: TableOptions, where: str) -> Iterator[ContractError]:
    place = f"{where}.headrace.late_after"
    if options.late_after > STREAMING_REACHES_BACK:
        yield ContractError(place, "beyond 1825 days, where BigQuery refuses rows", "write at most 1825d")
    if options.expire_after_days and options.late_after > timedelta(days=options.expire_after_days):
        days = options.late_after / timedelta(days=1)
        yield ContractError(
            place,
            "beyond expire_after_days: older rows would vanish at once",
            f"write at most {options.expire_after_days}d, or expire_after_days of at least {ceil(days)}",
        )
    if options.ahead_at_most > timedelta(days=365):
        yield ContractError(
            f"{where}.headrace.ahead_at_most",
            "beyond a year, where BigQuery refuses rows",
            "write at most 365d",
        )


def _check_identity(fields: dict[str, Field], options: TableOptions, where: str) -> Iterator[ContractError]:
    for name in options.identity:
        place = f"{where}.headrace.identity.{name}"
        field = fields.get(name)
        if field is None:
            yield ContractError(place, "no such field", "name fields of this record")
            continue
        if field.mask:
            yield ContractError(place, "personal, and ids are never masked", "choose fields that are not personal")
        if not is_exact(field):
            yield ContractError(place, "not one exact value that is never null", "choose such fields")


def _check_clustering(fields: dict[str, Field], options: TableOptions, where: str) -> Iterator[ContractError]:
    for name in options.cluster:
        place = f"{where}.headrace.cluster.{name}"
        if name not in fields:
            yield ContractError(place, "no such field", "name fields of this record")
            continue
        field = fields[name]
        type_ = bare(field.type)
        if field.mask and field.mask.mask is Mask.OMIT:
            yield ContractError(place, "an omitted column", "cluster by a column that is written")
        good = isinstance(type_, Enumeration | Decimal) or (isinstance(type_, Scalar) and type_.kind in _CLUSTERED)
        if not good:
            yield ContractError(place, "a type BigQuery does not cluster by", "choose text, a whole number or a time")


def _check_amplification(field: Field, where: str) -> Iterator[ContractError]:
    if isinstance(bare(field.type), Array | Map) and amplification(field.type) > MAX_AMPLIFICATION:
        yield ContractError(
            where,
            f"items of which one byte on the wire becomes more than {MAX_AMPLIFICATION} bytes of columns",
            "give its items fewer optional fields, or make some of them required",
        )
