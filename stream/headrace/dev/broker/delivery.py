"""One pull's messages and the terms of their leases; and ack ids, which name a lease."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from headrace.dev.broker.backlog import Consumer
from headrace.dev.broker.broker_errors import invalid

MAX_DELIVERED: Final = 1_000
MAX_DELIVERED_BYTES: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """Deadline and consumer of the leases of one pull."""

    until: float
    consumer: Consumer | None


class Delivery:
    """Messages of one pull: at most *at_most*, and so many bytes as one answer may have and as *consumer* has room for,
    but at least one message."""

    def __init__(self, at_most: int, consumer: Consumer | None) -> None:
        self.messages: list[Any] = []
        self._at_most = min(at_most, MAX_DELIVERED)
        self._bytes = 0
        self._consumer = consumer

    @property
    def room(self) -> int:
        """How many more messages may be delivered."""
        return self._at_most - len(self.messages)

    def is_full_for(self, body: bytes) -> bool:
        """Return whether a message does not fit, after at least one that did."""
        if not self.messages:
            return False
        has_room = self._consumer is None or self._consumer.room > 0
        return not has_room or self._bytes + len(body) > MAX_DELIVERED_BYTES

    def add(self, received: Any, body: bytes) -> None:
        """Add a message."""
        self.messages.append(received)
        self._bytes += len(body)


class AckId(NamedTuple):
    """A lease: the subscription's *number* and *epoch*, the *message*, and the *lease*'s number."""

    number: int
    epoch: int
    message: int
    lease: int

    def __str__(self) -> str:
        return f"{self.number}-{self.epoch}-{self.message}-{self.lease}"

    @classmethod
    def parse(cls, text: str) -> AckId:
        """Read an ack id. Raises BrokerError."""
        try:
            number, epoch, message, lease = map(int, text.split("-"))
        except ValueError:
            raise invalid("You have passed an invalid ack ID to the service.") from None
        return cls(number, epoch, message, lease)
