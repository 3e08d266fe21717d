"""How a contract says that messages carry their id, their version and their source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

from headrace.schemas.checked_values import boolean, mapping_of, member, names_of, refuse_unknown, text_in
from headrace.schemas.errors import ContractError
from headrace.schemas.message_rules.change_events import SETTINGS, TABLE, ChangeRules, parse_change_rules

MAX_ID_PARTS: Final = 16  # attributes or fields that make one id
MESSAGE_ID: Final = "message_id"
SCHEMA_ID: Final = "schema_id"
REVISION: Final = "revision"
REVISION_ATTRIBUTE: Final = "googclient_schemarevisionid"  # set by Pub/Sub on messages of a topic with a schema


class EnvelopeKind(StrEnum):
    """The envelope around a payload."""

    HEADRACE = "headrace"
    CLOUDEVENTS = "cloudevents"
    CLOUDEVENTS_STRUCTURED = "cloudevents-structured"
    DEBEZIUM = "debezium"
    ATTRIBUTES = "attributes"


class EmptyPayload(StrEnum):
    """Handling of a message without a payload, which Kafka calls a tombstone."""

    REFUSE = "refuse"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class AttributesId:
    """The id is the value of one attribute, or the values of several ones, joined by colons."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MessageId:
    """The id is Pub/Sub's message id: an event that is published twice has two ids."""


IdRule: TypeAlias = AttributesId | MessageId


@dataclass(frozen=True, slots=True)
class FixedVersion:
    """Every message was written with the same version."""

    version: int


@dataclass(frozen=True, slots=True)
class VersionAttribute:
    """An attribute holds the version, as a whole number."""

    name: str


@dataclass(frozen=True, slots=True)
class SchemaIdVersion:
    """The id of the schema, in the header of the payload or in an attribute, says the version."""


@dataclass(frozen=True, slots=True)
class RevisionVersion:
    """The revision of Pub/Sub's schema service that checked the message says the version."""


VersionRule: TypeAlias = FixedVersion | VersionAttribute | SchemaIdVersion | RevisionVersion


@dataclass(frozen=True, slots=True)
class EnvelopeRules:
    """The annotation ``envelope``, typed.

    Without *id*, the id is the envelope's own (``ce-id``), or derived from the position of a change. Without *version*,
    the header of the payload says it, or the subject has one version. *source* is a fixed text, or the name of an
    attribute if *source_attribute* is set. *type* is the only ``ce-type`` that belongs to the subject; None accepts
    all. *percent_encoded* says that attributes are encoded as in CloudEvents' HTTP binding. *changes* is set for
    Debezium's change events alone.
    """

    kind: EnvelopeKind = EnvelopeKind.HEADRACE
    id: IdRule | None = None
    version: VersionRule | None = None
    source: str = ""
    source_attribute: str | None = None
    type: str | None = None
    empty: EmptyPayload = EmptyPayload.REFUSE
    percent_encoded: bool = False
    changes: ChangeRules | None = None


_ID: Final = (
    'write {"attribute": "event-id"}, {"attributes": ["kafka.topic", "kafka.partition", "kafka.offset"]} or '
    '"message_id"; beside "message_id", "identity": {"fields": ["order_id"], "id": "derive"} makes ids of fields'
)
_VERSION: Final = 'write a whole number, {"attribute": "version"}, "schema_id" or "revision"'
_SOURCE: Final = 'write a text, or {"attribute": "kafka.topic"}'
_ATTRIBUTES: Final = {"kind", "id", "version", "source", "empty"}
_CLOUDEVENTS: Final = _ATTRIBUTES | {"type", "percent_encoded"}
_KNOWN: Final = {
    EnvelopeKind.HEADRACE: {"kind"},
    EnvelopeKind.ATTRIBUTES: _ATTRIBUTES,
    EnvelopeKind.CLOUDEVENTS: _CLOUDEVENTS,
    EnvelopeKind.CLOUDEVENTS_STRUCTURED: _CLOUDEVENTS - {"percent_encoded"},
    EnvelopeKind.DEBEZIUM: _ATTRIBUTES | SETTINGS,
}


def parse_envelope(value: object, where: str) -> EnvelopeRules:
    """Read the annotation ``envelope``.

    Raises:
        ContractError: the annotation is invalid.
    """
    given = {"kind": value} if isinstance(value, str) else mapping_of(value, where, 'write {"kind": "attributes"}')
    kind = member(EnvelopeKind, given.get("kind"), f"{where}.kind")
    refuse_unknown(given, _KNOWN[kind], where)
    if kind is EnvelopeKind.ATTRIBUTES and "id" not in given:
        raise ContractError(f"{where}.id", "missing, and this envelope has no id of its own", _ID)
    changes = parse_change_rules(given, where) if kind is EnvelopeKind.DEBEZIUM else None
    source, attribute = _source(given.get("source", {"attribute": TABLE} if changes else None), f"{where}.source")
    return EnvelopeRules(
        kind=kind,
        id=_id(given["id"], f"{where}.id") if "id" in given else None,
        version=_version(given["version"], f"{where}.version") if "version" in given else None,
        source=source,
        source_attribute=attribute,
        type=text_in(given, "type", where, "write the type of the subject's events") if "type" in given else None,
        empty=member(EmptyPayload, given.get("empty", EmptyPayload.REFUSE), f"{where}.empty"),
        percent_encoded=boolean(given.get("percent_encoded", False), f"{where}.percent_encoded"),
        changes=changes,
    )


def _id(value: object, where: str) -> IdRule:
    if value == MESSAGE_ID:
        return MessageId()
    given = mapping_of(value, where, _ID)
    if len(given) != 1:
        raise ContractError(where, "not one way to make an id", _ID)
    match next(iter(given)):
        case "attribute":
            return AttributesId((text_in(given, "attribute", where, _ID),))
        case "attributes":
            return AttributesId(_several(given, "attributes", where))
        case _:
            raise ContractError(where, "not a way to make an id", _ID)


def _several(given: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    names = names_of(given[key], f"{where}.{key}", MAX_ID_PARTS, f"names of {key}")
    if not names:
        raise ContractError(f"{where}.{key}", "an empty list", _ID)
    return names


def _version(value: object, where: str) -> VersionRule:
    if value == SCHEMA_ID:
        return SchemaIdVersion()
    if value == REVISION:
        return RevisionVersion()
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return FixedVersion(value)
    given = mapping_of(value, where, _VERSION)
    refuse_unknown(given, {"attribute"}, where)
    return VersionAttribute(text_in(given, "attribute", where, _VERSION))


def _source(value: object, where: str) -> tuple[str, str | None]:
    if value is None:
        return "", None
    if isinstance(value, str) and value:
        return value, None
    given = mapping_of(value, where, _SOURCE)
    refuse_unknown(given, {"attribute"}, where)
    return "", text_in(given, "attribute", where, _SOURCE)
