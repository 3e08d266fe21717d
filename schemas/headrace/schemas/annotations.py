"""Headrace's annotations in an ``.avsc``: the table, its partitions, lateness, and personal data."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

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
from headrace.schemas.compatibility.rules import Compatibility
from headrace.schemas.compatibility.waivers import Waiver, parse_waivers
from headrace.schemas.errors import ContractError
from headrace.schemas.faults import Faults
from headrace.schemas.message_rules.encoding import Encoding, Encodings, parse_encodings
from headrace.schemas.message_rules.envelope import EnvelopeRules, parse_envelope
from headrace.schemas.message_rules.event_time import EventTimeRule, PublishTime, parse_event_time
from headrace.schemas.message_rules.metadata_columns import CHANGE_COLUMNS, MetadataColumn, parse_metadata
from headrace.schemas.message_rules.schema_ids import SchemaIds, parse_schema_ids

_PERCENT = re.compile(r"([1-9][0-9]?|100)%")
_DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
# read by schemas.transformations, schemas.field_annotations and schemas.foreign_keys
_READ_ELSEWHERE = {"where", "derived", "function", "rollups", "rules", "fields", "pii", "foreign_keys"}
MAX_CLUSTERED = 4  # BigQuery's limit
MAX_IDENTITY = 16


class Partition(StrEnum):
    """Span of event time that one partition of a table holds."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class Evolve(StrEnum):
    """The program that adds the columns of a new version: ``headrace provision``, or the embedded engine itself."""

    PROVISION = "provision"
    AUTOMATIC = "automatic"


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
    compatibility: Compatibility
    waivers: tuple[Waiver, ...]
    evolve: Evolve = Evolve.PROVISION

    @property
    def latest_view(self) -> str | None:
        """The name of the view with the latest state of each row; None unless the events are changes of rows."""
        return None if self.envelope.changes is None else f"{self.table}_latest"

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the table and its view."""
        return (self.table,) if self.latest_view is None else (self.table, self.latest_view)


MISSING: Final = "missing"  # what is wrong with an annotation headrace that is not there
_FORM: Final = '{"table": ..., "event_time": ..., "late_after": "30d", "ahead_at_most": "10m"}'
# What a contract means that does not say it.
DEFAULTS: Final[Mapping[str, Any]] = {
    "partition": "day",
    "require_partition_filter": False,
    "refuse_at_most": "50%",
    "compatibility": "backward",
    "evolve": "provision",
}
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


def parse_table_options(annotation: object, fields: Collection[str], where: str, faults: Faults) -> TableOptions:
    """Read the ``headrace`` annotation of a record with these top-level *fields*, and gather *faults* of its values.

    A faulty value is replaced by one that breaks no rule.

    Raises:
        ContractError: there is no annotation.
    """
    if annotation is None:
        raise ContractError(where, MISSING, f"write {_FORM} in the record, or the same in {where}.toml beside the file")
    given = mapping_of(annotation, where, f"write {_FORM}")
    with faults.gathered():
        refuse_unknown(given, KNOWN, where)

    def place(name: str) -> str:
        return f"{where}.{name}"

    given = {**DEFAULTS, **given}
    read, get, identity = faults.read, given.get, given.get("identity", [])
    no_time: EventTimeRule = PublishTime()
    envelope = read(lambda: _envelope(given, place("envelope")), EnvelopeRules())
    own = CHANGE_COLUMNS if envelope.changes is not None else ()
    taken = [*fields, *(column.field.name for column in own)]
    return TableOptions(
        table=read(lambda: identifier(given, "table", where), ""),
        event_time=read(lambda: parse_event_time(get("event_time"), fields, place("event_time")), no_time),
        partition=read(lambda: member(Partition, get("partition"), place("partition")), Partition.DAY),
        cluster=read(lambda: names_of(get("cluster", []), place("cluster"), MAX_CLUSTERED), ()),
        expire_after_days=read(lambda: positive(get("expire_after_days"), place("expire_after_days")), None),
        require_partition_filter=read(
            lambda: boolean(get("require_partition_filter"), place("require_partition_filter")), False
        ),
        late_after=read(lambda: parse_duration(get("late_after"), place("late_after")), timedelta(0)),
        ahead_at_most=read(lambda: parse_duration(get("ahead_at_most"), place("ahead_at_most")), timedelta(0)),
        refuse_at_most=read(lambda: parse_percent(get("refuse_at_most"), place("refuse_at_most")), 100),
        identity=read(lambda: _identity(identity, place("identity")), ()),
        id_rule=read(lambda: _id_rule(identity, place("identity")), IdRule.TRUST),
        encodings=read(lambda: parse_encodings(given, where), Encodings([Encoding()])),
        envelope=envelope,
        schema_ids=read(lambda: parse_schema_ids(given, where), SchemaIds()),
        compatibility=read(
            lambda: member(Compatibility, get("compatibility"), place("compatibility")),
            Compatibility.BACKWARD,
        ),
        waivers=read(lambda: parse_waivers(given, where), ()),
        metadata=own + read(lambda: parse_metadata(given, taken, parse_pii, where), ()),
        evolve=read(lambda: member(Evolve, get("evolve"), place("evolve")), Evolve.PROVISION),
    )


def _envelope(given: Mapping[str, Any], where: str) -> EnvelopeRules:
    return parse_envelope(given["envelope"], where) if "envelope" in given else EnvelopeRules()


def _identity(annotation: object, where: str) -> tuple[str, ...]:
    """Read the fields of a list, or of an object with fields and the rule for ids."""
    if not isinstance(annotation, Mapping):
        return names_of(annotation, where, MAX_IDENTITY)
    refuse_unknown(annotation, {"fields", "id"}, where)
    fields = names_of(annotation.get("fields", []), f"{where}.fields", MAX_IDENTITY)
    if not fields:
        raise ContractError(f"{where}.fields", "missing", 'name fields of this record, such as ["order_id"]')
    return fields


def _id_rule(annotation: object, where: str) -> IdRule:
    """Read the rule for ids; with a list of fields, ids are trusted."""
    if not isinstance(annotation, Mapping):
        return IdRule.TRUST
    return member(IdRule, annotation.get("id"), f"{where}.id")


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
