"""Rules for contracts: they keep payloads within limits, and personal values out of columns that are not masked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from math import ceil
from typing import Final, assert_never

from headrace.schemas.annotations import Partition, TableOptions
from headrace.schemas.classification import Generalise, Mask, NotPersonal, Pii
from headrace.schemas.compatibility.rules import Rule
from headrace.schemas.drawn import is_often_ambiguous
from headrace.schemas.errors import ContractError
from headrace.schemas.layout import amplification
from headrace.schemas.lint_changes import is_exact
from headrace.schemas.lint_columns import check_is_null_columns, check_texts
from headrace.schemas.lint_event_time import lint_event_time
from headrace.schemas.model import (
    INSTANTS,
    NUMBERS,
    Array,
    Decimal,
    Enumeration,
    Field,
    Kind,
    Map,
    Record,
    Recursive,
    Scalar,
    Type,
    Union,
    bare,
    inner,
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
    record: Record, options: TableOptions, where: str, derived: Sequence[Field], by_path: bool
) -> Iterator[ContractError]:
    """Yield an error for each rule that a contract and its *derived* columns break.

    *by_path* is whether its fields are classified by their paths, and not where they are.
    """
    fields = {field.name: field for field in record.fields}
    yield from _check_table(options, where)
    yield from lint_event_time(record, options.event_time, f"{where}.headrace.event_time")
    yield from _check_lateness(options, where)
    yield from _check_identity(fields, options, where)
    others = [*derived, *(column.field for column in options.metadata)]
    yield from _check_clustering(fields | {field.name: field for field in others}, options, where)
    yield from _check_classified(record, where, by_path)
    for column in options.metadata:
        yield from _check_mask(column.field, f"{where}.headrace.metadata.{column.field.name}.pii")
    yield from check_is_null_columns(record, where)
    yield from check_texts(record, where)
    for path, field in walk(record):
        yield from _check_amplification(field, f"{where}.{path}")
        yield from _check_mask(field, f"{where}.{path}")


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


def _check_classified(record: Record, where: str, by_path: bool) -> Iterator[ContractError]:
    fields = list(walk(record))
    if all(field.pii is None for _, field in fields):
        return
    covered: tuple[str, ...] = ()  # by a mask of a field around them
    cleared: set[str] = set()  # unions whose plain branches are not personal
    for path, field in fields:
        if path.startswith(covered):
            continue
        if isinstance(field.pii, Pii):
            covered += (f"{path}.",)
            continue
        values = inner(field.type)
        branches = values.branches if isinstance(values, Union) else ()
        whole = isinstance(values, Record | Recursive) or bool(branches)
        plain = any(not isinstance(inner(each.type), Record | Recursive) and each.pii is None for each in branches)
        if isinstance(field.pii, NotPersonal) and plain:
            cleared.add(path)
        elif isinstance(field.pii, NotPersonal) and whole:
            yield ContractError(
                f"{where}.{path}",
                "a record classified as not personal as a whole",
                'remove "pii" from it, and write it on each of its fields',
            )
        elif not whole and field.pii is None and path.rpartition(".")[0] not in cleared:
            place = f"{where}.headrace.fields.{path}" if by_path else f"{where}.{path}"
            none = f'"{path}": {{"pii": "none"}} to fields' if by_path else '"pii": "none"'
            remedy = f'add {none}, or "pii" with a kind and a mask'
            why = "not classified, in a subject with personal data"
            yield ContractError(place, why, remedy, rule=Rule.PII_UNCLASSIFIED)


def _check_mask(field: Field, where: str) -> Iterator[ContractError]:
    pii = field.mask
    if pii and not _fits(field, pii):
        fitting = ", ".join(_described(each) for each in _EVERY_MASK if _fits(field, each))
        yield ContractError(where, f"{_described(pii)} does not fit its type", f"use one of: {fitting}")


_EVERY_MASK: Final = (
    *(Pii("any", mask) for mask in Mask if mask is not Mask.GENERALISE),
    *(Pii("any", Mask.GENERALISE, to=to) for to in Generalise),
)


def _described(pii: Pii) -> str:
    return f"{pii.mask} to {pii.to}" if pii.to else str(pii.mask)


def _fits(field: Field, pii: Pii) -> bool:
    return all(_fits_values(value, pii, _in_map(field)) for value in _values(field.type))


def _values(type_: Type) -> Iterator[Type]:
    """Yield the types of the innermost values: that of each branch for a union."""
    match inner(type_):
        case Union(branches):
            for branch in branches:
                yield from _values(branch.type)
        case value:
            yield value


def _fits_values(value: Type, pii: Pii, in_map: bool) -> bool:
    match pii.mask:
        case Mask.REDACT | Mask.OMIT:
            return True
        case Mask.TOKENISE:
            return isinstance(value, Enumeration) or (isinstance(value, Scalar) and value.kind in _TOKENISED)
        case Mask.PARTIAL:
            return value == Scalar(Kind.STRING) and not in_map
        case Mask.GENERALISE:
            return _generalises(pii, value) and not in_map
        case _:
            assert_never(pii.mask)


def _generalises(pii: Pii, value: object) -> bool:
    match pii.to:
        case Generalise.MONTH | Generalise.YEAR:
            return isinstance(value, Scalar) and value.kind in {Kind.DATE} | INSTANTS
        case Generalise.NETWORK:
            return value == Scalar(Kind.STRING)
        case Generalise.BUCKET:
            return isinstance(value, Scalar) and value.kind in NUMBERS
        case None:
            return False
        case _:
            assert_never(pii.to)


def _in_map(field: Field) -> bool:
    return isinstance(bare(field.type), Map)
