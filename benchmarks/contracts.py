"""Contracts that are as large, as wide or as many as a curve wants, and their messages without end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count, cycle
from typing import Any, Final

from headrace.core.message import Message
from headrace.dev.bench.bench_events import FLIGHTS, messages
from headrace.schemas.encode import encode
from headrace.schemas.envelope import Envelope, SchemaRef, to_micros
from headrace.schemas.registry import Contract, Registry, parse_contract
from headrace.schemas.samples import SAMPLES

NOW: Final = datetime.now(UTC).replace(microsecond=0)
DIFFERENT: Final = 2000  # payloads that are made; then they come again, with other ids
_TYPES: Final = ("long", "string", "double", "boolean", "int", ["null", "string"])
_VALUES: Final = (1_234_567, "some text", 3.25, True, 42, "more text")


def flights() -> tuple[Registry, str]:
    """The contract of flights alone."""
    registry = Registry.load(SAMPLES)
    return Registry({each.ref: each for each in registry if each.subject == FLIGHTS}), FLIGHTS


def flight_messages() -> Iterator[Message]:
    """Flights without end, each with an id of its own."""
    return endless(messages(flights()[0], FLIGHTS, DIFFERENT, NOW))


def endless(some: list[Message]) -> Iterator[Message]:
    """The same payloads again and again, with new ids."""
    for number, message in zip(count(), cycle(some)):
        yield replace(message, message_id=str(number), attributes={**message.attributes, "ce-id": f"event-{number}"})


def many_flights(subjects: int) -> tuple[Registry, list[str], dict[str, Iterator[Message]]]:
    """The contract of flights so many times, each with a subject and a table of its own."""
    (original,) = flights()[0]
    made = [_renamed(original, f"flight_{number:03}") for number in range(subjects)]
    registry = Registry({each.ref: each for each in made})
    some = messages(flights()[0], FLIGHTS, DIFFERENT // 10, NOW)
    return registry, [each.subject for each in made], {each.subject: endless(_moved(some, each)) for each in made}


def _renamed(contract: Contract, subject: str) -> Contract:
    avro = json.loads(contract.json)
    avro["headrace"]["table"] = subject
    return parse_contract(SchemaRef(subject, 1), json.dumps(avro))


def _moved(some: list[Message], contract: Contract) -> list[Message]:
    return [
        replace(
            message,
            subject=contract.subject,
            attributes={
                **message.attributes,
                "ce-type": contract.subject,
                "ce-dataschema": f"headrace:{contract.subject}:1",
            },
        )
        for message in some
    ]


def with_text(size: int) -> tuple[Registry, str, Iterator[Message]]:
    """A contract of a text beside its event time, and messages whose text has *size* bytes."""
    contract = _contract([{"name": "text", "type": "string", "pii": "none"}])
    some = [{"text": f"{number:08}".ljust(size, "x")[:size], "at": _at(number)} for number in range(100)]
    return _made(contract, some)


def with_fields(fields: int) -> tuple[Registry, str, Iterator[Message]]:
    """A contract of so many fields of six types in turn, its event time among them."""
    kinds = [_TYPES[number % len(_TYPES)] for number in range(fields - 1)]
    contract = _contract([{"name": f"f{number}", "type": kind, "pii": "none"} for number, kind in enumerate(kinds)])
    values = {f"f{number}": _VALUES[number % len(_VALUES)] for number in range(fields - 1)}
    return _made(contract, [{**values, "at": _at(number)} for number in range(100)])


def _contract(fields: list[dict[str, Any]]) -> Contract:
    at = {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}, "pii": "none"}
    headrace = {"table": "grown", "event_time": "at", "late_after": "30d", "ahead_at_most": "10m"}
    avro = {"type": "record", "name": "Grown", "headrace": headrace, "fields": [*fields, at]}
    return parse_contract(SchemaRef("thing_grown", 1), json.dumps(avro))


def _at(number: int) -> datetime:
    return NOW - timedelta(minutes=number)


def _made(contract: Contract, some: list[dict[str, Any]]) -> tuple[Registry, str, Iterator[Message]]:
    made = []
    for fields in some:
        envelope = Envelope("id", contract.ref, fields["at"], "/bench")
        data = encode(contract, fields)
        made.append(Message(contract.subject, data, envelope.to_attributes(), "", to_micros(NOW)))
    return Registry({contract.ref: contract}), contract.subject, endless(made)
