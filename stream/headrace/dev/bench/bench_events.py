"""Make the events of all measurements: real flights, and synthetic bookings with nested and personal fields."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from headrace.core.message import Message
from headrace.dev.demo.bookings import SUBJECT as BOOKINGS
from headrace.dev.demo.bookings import bookings
from headrace.dev.demo.flights import SUBJECT as FLIGHTS
from headrace.dev.demo.flights import flights
from headrace.schemas.encode_event import encode_event
from headrace.schemas.envelope import Envelope, SchemaRef, to_micros
from headrace.schemas.identity import derive_event_id
from headrace.schemas.registry import Registry

__all__ = ["BOOKINGS", "FLIGHTS", "SUBJECTS", "keep", "kept", "messages"]

SUBJECTS: Final = (BOOKINGS, FLIGHTS)
REPEATED: Final = 20  # every 20th message is sent twice: 5 % duplicates
_SOURCE: Final = "/bench"


def messages(registry: Registry, subject: str, count: int, now: datetime) -> list[Message]:
    """Return *count* messages of *subject* as a subscription delivers them; the same for the same *now*."""
    return list(islice(_repeated(_once(registry, subject, count, now)), count))


def keep(made: Sequence[Message], file: Path) -> None:
    """Write messages to a file for processes that measure, because making bookings takes longer than measuring."""
    file.write_bytes(pickle.dumps(made))


def kept(file: Path) -> list[Message]:
    """Read the messages that :func:`keep` wrote."""
    return list(pickle.loads(file.read_bytes()))  # noqa: S301 by the process that started this one


def _once(registry: Registry, subject: str, count: int, now: datetime) -> Iterator[Message]:
    for number, (version, fields) in enumerate(_fields(subject, count, now)):
        contract = registry[SchemaRef(subject, version)]
        event = encode_event(contract, fields)
        event_id = derive_event_id(contract, event.values) or f"booking-{fields['booking_id']}"
        envelope = Envelope(event_id, contract.ref, contract.event_moment(event.values) or now, _SOURCE)
        yield Message(subject, event.datum, envelope.to_attributes(), str(number), to_micros(now))


def _fields(subject: str, count: int, now: datetime) -> Iterable[tuple[int, dict[str, Any]]]:
    if subject == BOOKINGS:
        return bookings(count, now)
    return ((1, fields) for fields in flights(count, now))


def _repeated(once: Iterable[Message]) -> Iterator[Message]:
    for number, message in enumerate(once):
        yield message
        if number % REPEATED == 0:
            yield message
