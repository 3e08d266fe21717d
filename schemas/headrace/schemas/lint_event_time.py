"""Rules for the event time of a contract: every event has one, and no mask hides it."""

from __future__ import annotations

from typing import Final, assert_never

from headrace.schemas.errors import ContractError
from headrace.schemas.message_rules.event_moment import (
    FLOATING_NUMBERS,
    LOCAL_TIMES,
    WHOLE_NUMBERS,
    field_at,
    kind_at,
)
from headrace.schemas.message_rules.event_time import AttributeTime, EventTimeRule, FieldTime, PublishTime
from headrace.schemas.model import INSTANTS, Field, Kind, Record

_KINDS: Final = INSTANTS | LOCAL_TIMES | WHOLE_NUMBERS | FLOATING_NUMBERS | {Kind.STRING}


def lint_event_time(record: Record, rule: EventTimeRule, where: str) -> None:
    """Check the rule for the event time against the *record*; raises ContractError for the first fault."""
    match rule:
        case FieldTime():
            _lint_field(record, rule, where)
        case AttributeTime() | PublishTime():
            pass
        case _:
            assert_never(rule)


def _lint_field(record: Record, rule: FieldTime, where: str) -> None:
    fields = [field_at(record, rule.path[: place + 1]) for place in range(len(rule.path))]
    within = [field for field in fields if field is not None]
    kind = kind_at(record, rule.path)
    if len(within) < len(fields):
        raise ContractError(where, f"no field {rule.name}", "name a field of this record, or of a record in it")
    if kind not in _KINDS:
        raise ContractError(
            where,
            "neither a timestamp, a number nor a text",
            'name a field of another type, or write {"attribute": ...} or "publish_time"',
        )
    if any(field.mask for field in within):
        raise ContractError(where, "a masked event time", "choose a field that is not personal")
    _lint_unit(kind, rule, where)
    _lint_zone(kind, rule, where)
    _lint_fallback(record, within, rule, where)


def _lint_unit(kind: Kind, rule: FieldTime, where: str) -> None:
    counts = kind in WHOLE_NUMBERS | FLOATING_NUMBERS
    if counts and rule.unit is None:
        remedy = f'write {{"field": "{rule.name}", "unit": "millis"}}, or seconds, micros or nanos'
        raise ContractError(where, "a number without its unit", remedy)
    if not counts and rule.unit is not None:
        raise ContractError(f"{where}.unit", "a unit for a value whose type says it", "remove it")


def _lint_zone(kind: Kind, rule: FieldTime, where: str) -> None:
    if kind in LOCAL_TIMES and rule.zone is None:
        remedy = f'write {{"field": "{rule.name}", "zone": "Europe/Berlin"}}, or another time zone'
        raise ContractError(where, "a local time without its time zone", remedy)
    if kind not in LOCAL_TIMES | {Kind.STRING} and rule.zone is not None:
        raise ContractError(f"{where}.zone", "a zone for a value that counts from 1970 in UTC", "remove it")


def _lint_fallback(record: Record, within: list[Field], rule: FieldTime, where: str) -> None:
    optional = any(field.optional for field in within)
    if optional and rule.fallback is None:
        raise ContractError(
            where,
            "a value that may be null, without a fallback",
            f'write {{"field": "{rule.name}", "fallback": "publish_time"}}, or name a field that is not optional',
        )
    if rule.fallback is None:
        return
    if not optional:
        raise ContractError(f"{where}.fallback", "a fallback for a value that is never null", "remove it")
    lint_event_time(record, rule.fallback, f"{where}.fallback")
