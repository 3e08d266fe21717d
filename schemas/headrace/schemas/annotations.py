"""Headrace's annotations in an ``.avsc``: the table, its partitions, lateness, and personal data."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from headrace.schemas.checked_values import (
    boolean,
    identifier,
    mapping_of,
    member,
    names_of,
    positive,
    refuse_unknown,
)
from headrace.schemas.classification import NOT_PERSONAL, Generalise, Mask, NotPersonal, Pii
from headrace.schemas.errors import ContractError
from headrace.schemas.message_rules.encoding import Encodings, parse_encodings
from headrace.schemas.message_rules.envelope import EnvelopeRules, parse_envelope
from headrace.schemas.message_rules.event_time import EventTimeRule, parse_event_time
from headrace.schemas.message_rules.metadata_columns import CHANGE_COLUMNS, MetadataColumn, parse_metadata
from headrace.schemas.message_rules.schema_ids import SchemaIds, parse_schema_ids

_PERCENT = re.compile(r"([1-9][0-9]?|100)%")
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
# read by schemas.transformations and schemas.field_annotations
_READ_ELSEWHERE = {"where", "derived", "function", "rollups", "fields", "pii"}
MAX_CLUSTERED = 4  # BigQuery's limit
MAX_IDENTITY = 16


class Partition(StrEnum):
    """Span of event time that one partition of a table holds."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class IdRule(StrEnum):
    """Treatment of the ids of events whose contract declares an identity.

    The job derives the id and ignores the one that came, checks that they are equal, or trusts the one that came.
    """

    DERIVE = "derive"
    CHECK = "check"
    TRUST = "trust"


@dataclass(frozen=True, slots=True)
class TableOptions:
    """The record's ``headrace`` annotation, typed.

    ``late_after`` and ``ahead_at_most`` bound the event time relative to the first publish time. ``refuse_at_most`` is
    a percentage: with more unreadable messages than that, the subject waits. ``event_time``, ``encodings`` and
    ``envelope`` of the newest version count for messages of all versions; each version has its own ``schema_ids``.
    """

    table: str
    event_time: EventTimeRule
    partition: Partition
    cluster: tuple[str, ...]
    expire_after_days: int | None
    require_partition_filter: bool
    late_after: timedelta
    ahead_at_most: timedelta
    refuse_at_most: int
    identity: tuple[str, ...]
    id_rule: IdRule
    encodings: Encodings
    envelope: EnvelopeRules
    schema_ids: SchemaIds
    metadata: tuple[MetadataColumn, ...]

    @property
    def latest_view(self) -> str | None:
        """The name of the view with the latest state of each row; None unless the events are changes of rows."""
        return None if self.envelope.changes is None else f"{self.table}_latest"

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the table and its view."""
        return (self.table,) if self.latest_view is None else (self.table, self.latest_view)


KNOWN = (
    set(TableOptions.__dataclass_fields__) - {"encodings", "id_rule"}
    | set(SchemaIds.__dataclass_fields__)
    | {"encoding", "json"}
    | _READ_ELSEWHERE
)


def parse_duration(text: object, where: str) -> timedelta:
    """Read ``400d``, ``12h``, ``10m`` or ``30s``.

    >>> parse_duration("10m", "here")
    datetime.timedelta(seconds=600)
    """
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if not match:
        why = "missing" if text is None else "not a duration"
        raise ContractError(where, why, 'write a whole number up to 999999 and s, m, h or d, such as "10m"')
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def parse_percent(text: object, where: str) -> int:
    """Read ``1%`` to ``100%``.

    >>> parse_percent("50%", "here")
    50
    """
    match = _PERCENT.fullmatch(text) if isinstance(text, str) else None
    if not match:
        raise ContractError(where, "not a percentage", 'write a whole number from 1 to 100 and %, such as "50%"')
    return int(match[1])


def parse_table_options(annotation: object, fields: Collection[str], where: str) -> TableOptions:
    """Read the ``headrace`` annotation of a record with these top-level *fields*.

    Raises:
        ContractError: a value is missing, misspelt or mistyped.
    """
    given = mapping_of(
        annotation, where, 'write {"table": ..., "event_time": ..., "late_after": "30d", "ahead_at_most": "10m"}'
    )
    refuse_unknown(given, KNOWN, where)
    identity, id_rule = _identity(given.get("identity", []), f"{where}.identity")
    envelope = parse_envelope(given["envelope"], f"{where}.envelope") if "envelope" in given else EnvelopeRules()
    own = CHANGE_COLUMNS if envelope.changes is not None else ()
    taken = [*fields, *(column.field.name for column in own)]
    return TableOptions(
        table=identifier(given, "table", where),
        event_time=parse_event_time(given.get("event_time"), fields, f"{where}.event_time"),
        partition=member(Partition, given.get("partition", "day"), f"{where}.partition"),
        cluster=names_of(given.get("cluster", []), f"{where}.cluster", MAX_CLUSTERED),
        expire_after_days=positive(given.get("expire_after_days"), f"{where}.expire_after_days"),
        require_partition_filter=boolean(
            given.get("require_partition_filter", False), f"{where}.require_partition_filter"
        ),
        late_after=parse_duration(given.get("late_after"), f"{where}.late_after"),
        ahead_at_most=parse_duration(given.get("ahead_at_most"), f"{where}.ahead_at_most"),
        refuse_at_most=parse_percent(given.get("refuse_at_most", "50%"), f"{where}.refuse_at_most"),
        identity=identity,
        id_rule=id_rule,
        encodings=parse_encodings(given, where),
        envelope=envelope,
        schema_ids=parse_schema_ids(given, where),
        metadata=own + parse_metadata(given, taken, parse_pii, where),
    )


def _identity(annotation: object, where: str) -> tuple[tuple[str, ...], IdRule]:
    """Read a list of fields, with which ids are trusted, or an object with fields and the rule for ids."""
    if not isinstance(annotation, Mapping):
        return names_of(annotation, where, MAX_IDENTITY), IdRule.TRUST
    refuse_unknown(annotation, {"fields", "id"}, where)
    fields = names_of(annotation.get("fields", []), f"{where}.fields", MAX_IDENTITY)
    if not fields:
        raise ContractError(f"{where}.fields", "missing", 'name fields of this record, such as ["order_id"]')
    return fields, member(IdRule, annotation.get("id"), f"{where}.id")


def parse_pii(annotation: object, where: str) -> Pii | NotPersonal:
    """Read a field's ``pii`` annotation: ``"none"``, or a kind and a mask with the mask's parameters."""
    if annotation == "none":
        return NOT_PERSONAL
    given = mapping_of(annotation, where, 'write "none", or {"kind": "email", "mask": "tokenise"}')
    mask = member(Mask, given.get("mask"), f"{where}.mask")
    if given.get("keys", "none") != "none":
        raise ContractError(
            f"{where}.keys",
            "personal keys of a map, and keys are never masked",
            "use an array of records in which the key is a field with a mask of its own",
        )
    refuse_unknown(given, {"kind", "mask", "keys"} | _PARAMETERS.get(mask, set()), where)
    pii = Pii(
        kind=identifier(given, "kind", where),
        mask=mask,
        keep_first=positive(given.get("keep_first"), f"{where}.keep_first") or 0,
        keep_last=positive(given.get("keep_last"), f"{where}.keep_last") or 0,
        to=member(Generalise, given["to"], f"{where}.to") if "to" in given else None,
        size=positive(given.get("size"), f"{where}.size"),
    )
    _check_parameters(pii, where)
    return pii


_PARAMETERS = {Mask.PARTIAL: {"keep_first", "keep_last"}, Mask.GENERALISE: {"to", "size"}}


def _check_parameters(pii: Pii, where: str) -> None:
    if pii.mask is Mask.PARTIAL and not pii.keep_first + pii.keep_last:
        raise ContractError(where, "partial keeps nothing", "write keep_first or keep_last, or use redact")
    if pii.mask is Mask.GENERALISE and pii.to is None:
        raise ContractError(where, "generalise without to", f'write "to": one of {", ".join(Generalise)}')
    if pii.to is Generalise.BUCKET and pii.size is None:
        raise ContractError(where, "a bucket without a size", 'write "size", a whole number from 1, such as 10')
    if pii.to is not Generalise.BUCKET and pii.size is not None:
        raise ContractError(where, "a size that nothing uses", 'remove it, or write "to": "bucket"')
