"""What a scenario publishes: flights and bookings with faults among them, all from one seed, each with its outcome."""

from __future__ import annotations

import hashlib
import itertools
import random
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from headrace.dev.demo.bookings import bookings
from headrace.schemas.envelope import Envelope
from headrace.schemas.registry import Contract
from headrace.schemas.sequence import ATTRIBUTE, SequenceNumber
from tests.faults.expected import booking_row, flight_row
from tests.faults.oracle import CONFLICT, WRITTEN, Sent
from tests.support.builders import BOOKING, BOOKING_V1, FLIGHT, a_flight, encode, event_moment_of

SOURCE = "/faults"
EPOCH = "a1"  # in which every subject's messages are numbered
PROBE = "probe"  # an attribute of our own: distinguishes messages that share an id, or have none
Wire = tuple[bytes, dict[str, str]]


def digest(data: bytes) -> str:
    """A payload's short name."""
    return hashlib.sha256(data).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Message:
    """One message to publish, and what the oracle knows of it."""

    sent: Sent
    data: bytes = field(repr=False)
    attributes: dict[str, str] = field(repr=False)


@dataclass
class Mix:
    """Makes messages; the same seed and *now* make the same ones."""

    seed: int
    now: datetime
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self._probes = itertools.count(1)
        self._flights = itertools.count(1)
        self._numbers = defaultdict[str, Iterator[int]](lambda: itertools.count(1))

    def flight(self, event_id: str | None = None, outcome: str = WRITTEN, **changes: Any) -> Message:
        """A flight of its own number, some time in the last twenty days."""
        number = next(self._flights)
        at = self.now - timedelta(seconds=self.chance.randrange(60, 20 * 86_400))
        fields = a_flight(flight=number, scheduled_at=at, departed_at=at + timedelta(minutes=5)) | changes
        event_id = event_id or f"flight-{self.seed}-{number}"
        row = flight_row(fields, event_id, SOURCE)
        return self._message(FLIGHT, fields, event_id, row, outcome)

    def booking(self, version: int, fields: Mapping[str, Any]) -> Message:
        """A booking as the demo makes them up."""
        contract = BOOKING_V1 if version == 1 else BOOKING
        event_id = f"booking-{fields['booking_id']}"
        row = booking_row(fields, event_id, SOURCE, version, self.key)
        return self._message(contract, fields, event_id, row, WRITTEN)

    def again(self, message: Message) -> Message:
        """The same event published a second time."""
        return self._as(message, message.data, message.attributes, message.sent.outcome, message.sent.row)

    def conflicting(self, message: Message) -> Message:
        """Another flight with the id of *message*, of the same moment: whichever comes second is a conflict."""
        at = datetime.fromisoformat(message.attributes["ce-time"])
        return self.flight(event_id=message.sent.event_id, scheduled_at=at, departed_at=at + timedelta(minutes=5))

    def faulty(self, message: Message, outcome: str, data: bytes | None = None, **attributes: str | None) -> Message:
        """*message* made wrong, under an id of its own."""
        changed: dict[str, str | None] = {**message.attributes, "ce-id": f"{message.sent.event_id}-faulty"}
        changed |= {name.replace("_", "-"): value for name, value in attributes.items()}
        kept = {name: value for name, value in changed.items() if value is not None}
        return self._as(message, message.data if data is None else data, kept, outcome, None)

    def truncated(self, message: Message) -> Message:
        return self.faulty(message, "undecodable_payload", message.data[: self.chance.randrange(len(message.data))])

    def unknown(self, message: Message) -> Message:
        return self.faulty(message, "unknown_schema", ce_dataschema=f"headrace:{message.sent.subject}:99")

    def nameless(self, message: Message) -> Message:
        return self.faulty(message, "malformed_envelope", ce_id=None)

    def late(self) -> Message:
        return self.flight(outcome="too_late", scheduled_at=self.now - timedelta(days=401))

    def early(self) -> Message:
        return self.flight(outcome="in_the_future", scheduled_at=self.now + timedelta(days=2))

    def everything(self, flights: int, booked: int) -> list[Message]:
        """So many good events of each kind in order, with a duplicate or a fault after every tenth or so."""
        return [*self._mixed_flights(flights), *self._mixed_bookings(booked)]

    def blocks(self, flights: int) -> Iterator[list[Message]]:
        """Without end: so many good flights with their faults, and an eighth as many bookings, none of them twice."""
        booked = self._mixed_bookings(sys.maxsize)
        while True:
            yield [*self._mixed_flights(flights), *itertools.islice(booked, flights // 8)]

    def _mixed_flights(self, count: int) -> Iterator[Message]:
        held: list[Message] = []
        for number in range(count):
            message = self.flight()
            yield message
            match number % 40:
                case 5:
                    yield self.again(message)
                case 10:
                    held.append(self.again(message))
                case 15:
                    yield self.truncated(message)
                case 20:
                    yield self.conflicting(message)
                case 25:
                    yield self.unknown(message)
                case 30:
                    yield self.late()
                case 33:
                    yield self.early()
                case 36:
                    yield self.nameless(message)
        yield from held

    def _mixed_bookings(self, count: int) -> Iterator[Message]:
        for number, (version, fields) in enumerate(bookings(count, self.now, self.seed)):
            message = self.booking(version, fields)
            yield message
            if number % 10 == 3:
                yield self.again(message)

    def _message(
        self, contract: Contract, fields: Mapping[str, Any], event_id: str, row: Mapping[str, Any], outcome: str
    ) -> Message:
        data = encode(contract, fields)
        event_time = event_moment_of(contract, fields)
        attributes = Envelope(event_id, contract.ref, event_time, SOURCE).to_attributes()
        sent = Sent("", contract.subject, event_id, digest(data), outcome)
        return self._as(Message(sent, data, attributes), data, attributes, outcome, row if outcome == WRITTEN else None)

    def _as(
        self, model: Message, data: bytes, attributes: Mapping[str, str], outcome: str, row: Mapping[str, Any] | None
    ) -> Message:
        probe = f"{self.seed}-{next(self._probes)}"
        event_id = attributes.get("ce-id")
        number = next(self._numbers[model.sent.subject]) if "ce-source" in attributes else None
        sent = Sent(probe, model.sent.subject, event_id, digest(data), outcome, row, number=number)
        sequence = {} if number is None else {ATTRIBUTE: str(SequenceNumber(EPOCH, number))}
        return Message(sent, data, {**attributes, PROBE: probe} | sequence)


__all__ = ["CONFLICT", "PROBE", "Message", "Mix", "digest"]
