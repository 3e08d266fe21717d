"""Messages of a case, as the SDK would have published them, or with the bytes and attributes that the case gives.

Bytes of a subject with another envelope than Headrace's own are a whole message with the given attributes alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from headrace.core.message import Message
from headrace.dev.contract_tests.case_file import CaseFile, Given
from headrace.schemas.encode_event import encode_event
from headrace.schemas.envelope import Envelope, SchemaRef, to_micros
from headrace.schemas.errors import InvalidEventError, UndecodableError, UnknownSchemaError
from headrace.schemas.from_json import fields_from_json
from headrace.schemas.identity import derive_event_id
from headrace.schemas.message_rules.envelope import EnvelopeKind
from headrace.schemas.registry import Contract, Registry
from headrace.schemas.stored import stored

_OF_ENVELOPE: Final = ("version", "id", "source")  # keys of a case that Headrace's own envelope has attributes for


def given_messages(file: CaseFile, place: int, registry: Registry) -> list[Message]:
    """Return the messages of the case at *place*; the id of each is its place among them.

    Raises:
        CaseFileError: an event does not match its contract, or there is no contract of its version.
    """
    now = file.now(place)
    return [_message(file, place, number, registry, now) for number in range(len(file.content.cases[place].given))]


def _contract(file: CaseFile, place: int, number: int, registry: Registry) -> Contract:
    subject, version = file.content.subject, file.content.cases[place].given[number].version
    if version is None:
        return registry.latest(subject)
    try:
        return registry[SchemaRef(subject, version)]
    except UnknownSchemaError as error:
        key = ("given", str(number), "version")
        raise file.error(place, key, str(error), "write another version, or leave it out for the newest") from None


def _message(file: CaseFile, place: int, number: int, registry: Registry, now: datetime) -> Message:
    contract = _contract(file, place, number, registry)
    given = file.content.cases[place].given[number]
    if given.payload is not None and _is_foreign(registry, contract):
        return _foreign(file, place, number, given.payload, now)
    try:
        data, envelope = (
            _of_event(contract, given, number, now)
            if given.payload is None
            else _of_bytes(contract, given, given.payload, number, now)
        )
    except InvalidEventError as error:
        key = ("given", str(number), "event", *re.findall(r"\w+", error.path.partition(" (")[0]))
        remedy = f"{error.remedy}; or give bytes as hex, which the SDK does not check"
        raise file.error(place, key, f"{error.path}: {error.why}", remedy) from None
    return _published(file, given, number, data, {**envelope.to_attributes(), **given.attributes}, now)


def _is_foreign(registry: Registry, contract: Contract) -> bool:
    """Return whether messages of the subject have another envelope than Headrace's own; the newest contract says it."""
    return registry.latest(contract.subject).options.envelope.kind is not EnvelopeKind.HEADRACE


def _foreign(file: CaseFile, place: int, number: int, data: bytes, now: datetime) -> Message:
    given = file.content.cases[place].given[number]
    for key in _OF_ENVELOPE:
        if key in given.model_fields_set:
            why = f"{key} of bytes whose contract declares another envelope than Headrace's own"
            raise file.error(place, ("given", str(number), key), why, "write it as the message has it, in attributes")
    return _published(file, given, number, data, given.attributes, now)


def _published(
    file: CaseFile, given: Given, number: int, data: bytes, attributes: Mapping[str, str | None], now: datetime
) -> Message:
    return Message(
        subject=file.content.subject,
        data=data,
        attributes={name: value for name, value in attributes.items() if value is not None},
        message_id=str(number),
        published_at=to_micros(given.published_at or now),
    )


def _of_event(contract: Contract, given: Given, number: int, now: datetime) -> tuple[bytes, Envelope]:
    event = encode_event(contract, fields_from_json(contract.record, given.event))
    event_id = given.id or derive_event_id(contract, event.values) or _default_id(number)
    moment = contract.event_moment(event.values) or given.published_at or now
    return event.datum, Envelope(event_id, contract.ref, moment, given.source)


def _of_bytes(contract: Contract, given: Given, data: bytes, number: int, now: datetime) -> tuple[bytes, Envelope]:
    """Return the bytes, in an envelope that is valid for them: with their event time if they can be decoded."""
    try:
        decoded = contract.decode(data)
    except UndecodableError:
        moment = None
    else:
        names = (each.name for each in stored(contract.record).fields)
        moment = contract.event_moment(dict(zip(names, decoded, strict=True)))
    envelope = Envelope(
        given.id or _default_id(number), contract.ref, moment or given.published_at or now, given.source
    )
    return data, envelope


def _default_id(number: int) -> str:
    return f"event-{number}"
