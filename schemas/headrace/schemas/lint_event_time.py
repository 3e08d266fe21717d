"""Rules for the event time of a contract: every event has one, and no mask hides it."""

from __future__ import annotations

from collections.abc import Iterator
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


def lint_event_time(record: Record, rule: EventTimeRule, where: str) -> Iterator[ContractError]:
    """Yield an error for each fault of the rule for the event time of a *record*."""
    match rule:
        case FieldTime():
            yield from _lint_field(record, rule, where)
        case AttributeTime() | PublishTime():
            return
        case _:
            assert_never(rule)


def _lint_field(record: Record, rule: FieldTime, where: str) -> Iterator[ContractError]:
    fields = [field_at(record, rule.path[: place + 1]) for place in range(len(rule.path))]
    within = [field for field in fields if field is not None]
    kind = kind_at(record, rule.path)
    if len(within) < len(fields):
        yield ContractError(where, f"no field {rule.name}", "name a field of this record, or of a record in it")
        return
    if kind not in _KINDS:
        yield ContractError(
            where,
            "neither a timestamp, a number nor a text",
            'name a field of another type, or write {"attribute": ...} or "publish_time"',
        )
        return
    if any(field.mask for field in within):
        yield ContractError(where, "a masked event time", "choose a field that is not personal")
    yield from _lint_unit(kind, rule, where)
    yield from _lint_zone(kind, rule, where)
    yield from _lint_fallback(record, within, rule, where)


def _lint_unit(kind: Kind, rule: FieldTime, where: str) -> Iterator[ContractError]:
    counts = kind in WHOLE_NUMBERS | FLOATING_NUMBERS
    if counts and rule.unit is None:
        remedy = f'write {{"field": "{rule.name}", "unit": "millis"}}, or seconds, micros or nanos'
        yield ContractError(where, "a number without its unit", remedy)
    if not counts and rule.unit is not None:
        yield ContractError(f"{where}.unit", "a unit for a value whose type says it", "remove it")


def _lint_zone(kind: Kind, rule: FieldTime, where: str) -> Iterator[ContractError]:
    if kind in LOCAL_TIMES and rule.zone is None:
        remedy = f'write {{"field": "{rule.name}", "zone": "Europe/Berlin"}}, or another time zone'
        yield ContractError(where, "a local time without its time zone", remedy)
    if kind not in LOCAL_TIMES | {Kind.STRING} and rule.zone is not None:
        yield ContractError(f"{where}.zone", "a zone for a value that counts from 1970 in UTC", "remove it")


def _lint_fallback(record: Record, within: list[Field], rule: FieldTime, where: str) -> Iterator[ContractError]:
    optional = any(field.optional for field in within)
    if optional and rule.fallback is None:
        yield ContractError(
            where,
            "a value that may be null, without a fallback",
            f'write {{"field": "{rule.name}", "fallback": "publish_time"}}, or name a field that is not optional',
        )
    if rule.fallback is None:
        return
    if not optional:
        yield ContractError(f"{where}.fallback", "a fallback for a value that is never null", "remove it")
    yield from lint_event_time(record, rule.fallback, f"{where}.fallback")
