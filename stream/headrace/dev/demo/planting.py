"""Plant faults among the real flights and synthetic bookings that the demo publishes."""

from __future__ import annotations

import io
import random
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import fastavro

from headrace.dev.demo.bookings import SUBJECT as BOOKING
from headrace.dev.demo.bookings import bookings, midnight
from headrace.dev.demo.flights import SUBJECT as FLIGHT
from headrace.dev.demo.flights import flights
from headrace.dev.demo.personal_values import personal_values
from headrace.schemas.envelope import Envelope, SchemaRef
from headrace.schemas.identity import derive_event_id
from headrace.schemas.registry import Contract, Registry

SOURCE: Final = "/demo"
BOOKINGS: Final = 600
_FAR: Final = 500  # messages between an event and its late duplicate
_FLIGHTS_PER_DUPLICATE: Final = 100
_FLIGHTS_PER_FAULT: Final = 400
_BOOKINGS_PER_FAULT: Final = 5
_DAY: Final = timedelta(days=1)
_BEYOND: Final = timedelta(hours=6)  # more than a contract allows, because the demo may run into the next day


@dataclass(frozen=True, slots=True)
class Planted:
    """One message and its expected outcome: *outcome* is written, duplicate or a reason."""

    subject: str
    data: bytes = field(repr=False)
    attributes: dict[str, str] = field(repr=False)
    outcome: str = "written"


@dataclass(slots=True)
class Planting:
    """Messages of the demo, in the order of an iteration; afterwards *outcomes* and *personal* describe them.

    They depend only on the seed and on the day of *now* in UTC. Iterate once.
    """

    registry: Registry
    flights: int | None
    now: datetime
    seed: int = 7
    outcomes: Counter[str] = field(default_factory=Counter)
    personal: set[str] = field(default_factory=set, repr=False)

    def __iter__(self) -> Iterator[Planted]:
        chance = random.Random(self.seed)
        for message in _delayed(self._bookings(chance), self._flights(chance)):
            self.outcomes[message.outcome] += 1
            yield message

    def _flights(self, chance: random.Random) -> Iterator[Planted]:
        contract = self.registry.latest(FLIGHT)
        for number, fields in enumerate(flights(self.flights, self.now)):
            event_id = derive_event_id(contract, fields) or ""
            event = event_of(contract, fields, event_id, "scheduled_at")
            yield event
            if number % _FLIGHTS_PER_DUPLICATE == 0:
                yield _again(event)
            if number % _FLIGHTS_PER_FAULT == 0:
                yield _FAULTS[number // _FLIGHTS_PER_FAULT % len(_FAULTS)](event, chance)

    def _bookings(self, chance: random.Random) -> Iterator[Planted]:
        today = midnight(self.now)
        for number, (version, fields) in enumerate(bookings(BOOKINGS, self.now, self.seed)):
            contract = self.registry[SchemaRef(BOOKING, version)]
            self.personal |= personal_values(contract.record, fields)
            event_id = f"booking-{fields['booking_id']}"
            event = event_of(contract, fields, event_id, "created_at")
            yield event
            match number % 20:
                case 3:
                    yield _again(event)
                case 7:
                    long_ago = today - contract.options.late_after - _BEYOND
                    yield _misdated(contract, fields, event_id, long_ago, "too_late")
                case 11:
                    soon = today + _DAY + contract.options.ahead_at_most + _BEYOND
                    yield _misdated(contract, fields, event_id, soon, "in_the_future")
                case 15:
                    other = {**fields, "paid": not fields["paid"]}
                    conflicting = event_of(contract, other, event_id, "created_at")
                    yield Planted(BOOKING, conflicting.data, conflicting.attributes, "id_conflict")
                case _ if number % _BOOKINGS_PER_FAULT == 0:
                    yield _FAULTS[number // _BOOKINGS_PER_FAULT % len(_FAULTS)](event, chance)


def _delayed(first: Iterable[Planted], second: Iterable[Planted]) -> Iterator[Planted]:
    """Merge the streams, and delay every other duplicate."""
    waiting: deque[Planted] = deque()
    position = 0
    for message in _mixed(iter(first), iter(second)):
        position += 1
        if message.outcome == "duplicate" and position % 2:
            waiting.append(message)
            continue
        yield message
        if len(waiting) > 3 and position % _FAR == 0:
            yield waiting.popleft()
    yield from waiting


def _mixed(few: Iterator[Planted], many: Iterator[Planted]) -> Iterator[Planted]:
    for number, message in enumerate(many):
        yield message
        if number % 10 == 0:
            yield from _next(few)
    yield from few


def _next(messages: Iterator[Planted]) -> Iterator[Planted]:
    message = next(messages, None)
    if message is not None:
        yield message


def event_of(
    contract: Contract, fields: Mapping[str, Any], event_id: str, event_time: str, source: str = SOURCE
) -> Planted:
    """Return the message of one event, encoded by another writer; *event_time* names the field of the event time."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, contract.avro, fields)
    envelope = Envelope(event_id, contract.ref, fields[event_time], source)
    return Planted(contract.subject, out.getvalue(), envelope.to_attributes())


def _again(event: Planted) -> Planted:
    return Planted(event.subject, event.data, event.attributes, "duplicate")


def _misdated(contract: Contract, fields: Mapping[str, Any], event_id: str, at: datetime, outcome: str) -> Planted:
    """Return the same booking at another time, with a new id."""
    event = event_of(contract, {**fields, "created_at": at}, f"{event_id}-{outcome}", "created_at")
    return Planted(event.subject, event.data, event.attributes, outcome)


def _faulty(event: Planted, outcome: str, data: bytes | None = None, **attributes: str | None) -> Planted:
    """Return another event's message with a fault and a new id."""
    changed: dict[str, str | None] = {**event.attributes, "ce-id": event.attributes["ce-id"] + "-fault"}
    changed |= {name.replace("_", "-"): value for name, value in attributes.items()}
    kept = {name: value for name, value in changed.items() if value is not None}
    return Planted(event.subject, event.data if data is None else data, kept, outcome)


_FAULTS: Final = (
    lambda e, chance: _faulty(e, "undecodable_payload", e.data[: chance.randrange(len(e.data))]),
    lambda e, chance: _faulty(e, "undecodable_payload", e.data + chance.randbytes(chance.randrange(1, 9))),
    lambda e, _: _faulty(e, "unknown_schema", ce_dataschema=f"headrace:{e.subject}:99"),
    lambda e, _: _faulty(e, "unknown_schema", ce_dataschema="headrace:no_such_subject:1", ce_type="no_such_subject"),
    lambda e, _: _faulty(e, "malformed_envelope", ce_id=None),
    lambda e, _: _faulty(e, "malformed_envelope", ce_time=None),
    lambda e, _: _faulty(e, "malformed_envelope", ce_time="2001-01-01T00:00:00Z"),
    lambda e, _: Planted(e.subject, e.data, {}, "malformed_envelope"),
)
