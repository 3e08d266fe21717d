"""Messages of a case, as the SDK would have published them, or with the bytes and attributes that the case gives."""

from __future__ import annotations

import re
from datetime import datetime

from headrace.core.message import Message
from headrace.dev.contract_tests.case_file import CaseFile, Given
from headrace.schemas.encode import encode
from headrace.schemas.envelope import Envelope, SchemaRef, to_micros
from headrace.schemas.errors import InvalidEventError, UndecodableError, UnknownSchemaError
from headrace.schemas.from_json import fields_from_json
from headrace.schemas.identity import derive_event_id
from headrace.schemas.registry import Contract, Registry
from headrace.schemas.stored import stored
from headrace.schemas.validate import validate


def given_messages(file: CaseFile, place: int, registry: Registry) -> list[Message]:
    """Return the messages of the case at *place*; the id of each is its place among them.

    Raises:
        CaseFileError: an event does not match its contract, or there is no contract of its version.
    """
    now = file.now(place)
    return [
        _message(file, place, number, _contract(file, place, number, registry), now)
        for number in range(len(file.content.cases[place].given))
    ]


def _contract(file: CaseFile, place: int, number: int, registry: Registry) -> Contract:
    subject, version = file.content.subject, file.content.cases[place].given[number].version
    if version is None:
        return registry.latest(subject)
    try:
        return registry[SchemaRef(subject, version)]
    except UnknownSchemaError as error:
        key = ("given", str(number), "version")
        raise file.error(place, key, str(error), "write another version, or leave it out for the newest") from None


def _message(file: CaseFile, place: int, number: int, contract: Contract, now: datetime) -> Message:
    given = file.content.cases[place].given[number]
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
    attributes = {**envelope.to_attributes(), **given.attributes}
    return Message(
        subject=contract.subject,
        data=data,
        attributes={name: value for name, value in attributes.items() if value is not None},
        message_id=str(number),
        published_at=to_micros(given.published_at or now),
    )


def _of_event(contract: Contract, given: Given, number: int, now: datetime) -> tuple[bytes, Envelope]:
    fields = validate(contract.record, fields_from_json(contract.record, given.event))
    event_id = given.id or derive_event_id(contract, fields) or _default_id(number)
    moment = contract.event_moment(fields) or given.published_at or now
    return encode(contract, fields), Envelope(event_id, contract.ref, moment, given.source)


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
