"""Where a contract says that the time of an event is: in a field, in an attribute, or Pub/Sub's publish time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from headrace.schemas.checked_values import mapping_of, member, refuse_unknown, text_in
from headrace.schemas.errors import ContractError

PUBLISH_TIME: Final = "publish_time"
_FORMS: Final = (
    'write the name of a field, "publish_time", {"field": "placed.at", "unit": "millis"} or '
    '{"attribute": "kafka.timestamp", "unit": "millis"}'
)


class TimeUnit(StrEnum):
    """Unit of a number that counts from 1970-01-01T00:00:00Z."""

    SECONDS = "seconds"
    MILLIS = "millis"
    MICROS = "micros"
    NANOS = "nanos"


@dataclass(frozen=True, slots=True)
class FieldTime:
    """The value of the field at *path*, in the newest version of the contract.

    *unit* is the unit of a number that has no logical type. *zone* is the IANA name of the time zone of a time without
    an offset. *fallback* is the rule for an event in which the value is null.
    """

    path: tuple[str, ...]
    unit: TimeUnit | None = None
    zone: str | None = None
    fallback: EventTimeRule | None = None

    @property
    def name(self) -> str:
        """The path with points, as errors show it."""
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class AttributeTime:
    """The value of an attribute: RFC 3339, or with *unit* a whole number.

    *zone* is the IANA name of the time zone of a time without an offset. *fallback* is the rule for a message without
    the attribute; it names no field.
    """

    name: str
    unit: TimeUnit | None = None
    zone: str | None = None
    fallback: EventTimeRule | None = None


@dataclass(frozen=True, slots=True)
class PublishTime:
    """Pub/Sub's publish time: of the first publishing, if the message is a replay."""


EventTimeRule: TypeAlias = FieldTime | AttributeTime | PublishTime


def event_field(rule: EventTimeRule) -> str | None:
    """Return the name of the top-level field that holds the event time, or that is around it; None without a field."""
    return rule.path[0] if isinstance(rule, FieldTime) else None


def parse_event_time(value: object, fields: Collection[str], where: str) -> EventTimeRule:
    """Read the annotation ``event_time`` of a record with these top-level *fields*.

    The text ``publish_time`` means Pub/Sub's publish time, unless the record has a field of that name.

    Raises:
        ContractError: the annotation is missing or invalid.
    """
    if value is None:
        raise ContractError(where, "missing", _FORMS)
    if isinstance(value, str):
        return PublishTime() if value == PUBLISH_TIME and value not in fields else FieldTime(_path(value, where))
    given = mapping_of(value, where, _FORMS)
    if "attribute" in given:
        return _attribute_time(given, fields, where)
    refuse_unknown(given, {"field", "unit", "zone", "fallback"}, where)
    return FieldTime(
        path=_path(text_in(given, "field", where, _FORMS), f"{where}.field"),
        unit=_unit(given, where),
        zone=_zone(given, where),
        fallback=_fallback(given, fields, where),
    )


def _fallback(given: Mapping[str, Any], fields: Collection[str], where: str) -> EventTimeRule | None:
    return parse_event_time(given["fallback"], fields, f"{where}.fallback") if "fallback" in given else None


def _attribute_time(given: Mapping[str, Any], fields: Collection[str], where: str) -> AttributeTime:
    refuse_unknown(given, {"attribute", "unit", "zone", "fallback"}, where)
    rule = AttributeTime(
        name=text_in(given, "attribute", where, _FORMS),
        unit=_unit(given, where),
        zone=_zone(given, where),
        fallback=_fallback(given, fields, where),
    )
    if isinstance(rule.fallback, FieldTime):
        remedy = 'write the field first, and {"attribute": ...} as its fallback'
        raise ContractError(f"{where}.fallback", "a field as the fallback of an attribute", remedy)
    if rule.unit is not None and rule.zone is not None:
        raise ContractError(f"{where}.zone", "a zone for a number that counts from 1970 in UTC", "remove zone or unit")
    return rule


def _path(text: str, where: str) -> tuple[str, ...]:
    path = tuple(text.split("."))
    if not all(path):
        raise ContractError(where, "not a field, or fields with points between them", _FORMS)
    return path


def _unit(given: Mapping[str, Any], where: str) -> TimeUnit | None:
    return member(TimeUnit, given["unit"], f"{where}.unit") if "unit" in given else None


def _zone(given: Mapping[str, Any], where: str) -> str | None:
    if "zone" not in given:
        return None
    remedy = 'write the name of a time zone, such as "UTC" or "Europe/Berlin"'
    zone = text_in(given, "zone", where, remedy)
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ContractError(f"{where}.zone", "no time zone that this machine knows", remedy) from None
    return zone
