"""One subscription: what a pull delivers, and what an acknowledgement, a deadline or a seek changes.

Times of the log are in microseconds of the wall clock, deadlines in seconds of a monotonic clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from headrace.dev.broker.backlog import Backlog, Consumer
from headrace.dev.broker.broker_errors import invalid
from headrace.dev.broker.delivery import AckId, Delivery, LeaseTerms
from headrace.dev.broker.message_filter import parse_filter
from headrace.dev.broker.message_log import MessageLog
from headrace.dev.broker.resource_checks import check_can_be_pulled
from headrace.dev.broker.store import Store
from headrace.dev.broker.subscription_rows import SubscriptionRows
from headrace.dev.broker.waiters import Waiters
from headrace.dev.broker.wire import PubsubMessage, ReceivedMessage

DEFAULT_DEADLINE: Final = 10
_SCANNED: Final = 1_000  # messages of the log that are read at once
_FLOOR_EVERY: Final = 256  # acknowledgements between two writes of the floor
_INVALID_ACK_ID: Final = "PERMANENT_FAILURE_INVALID_ACK_ID"

Forward = Callable[[Any, Any, int], bool]
"""Publish a message of a subscription to its dead-letter topic after a number of deliveries; False if that failed."""


@dataclass(slots=True)
class Counts:
    """Messages that a subscription has delivered, each delivery counted, and acknowledged."""

    delivered: int = 0
    acknowledged: int = 0


class SubscriptionQueue:
    """The state of the subscription with *number*, whose resource is *body*."""

    def __init__(
        self,
        *,
        store: Store,
        log: MessageLog,
        number: int,
        body: Any,
        floor: int,
        epoch: int,
        counts: Counts,
        seconds: Callable[[], float],
        forward: Forward,
    ) -> None:
        self._rows = SubscriptionRows(store, number)
        self.log = log
        self.number = number
        self.body = body
        self.epoch = epoch
        self.counts = counts
        self._seconds = seconds
        self._forward = forward
        self._matches = parse_filter(body.filter)
        self._waiters = Waiters()
        self._acknowledgements = 0
        self.backlog = Backlog(floor, self._rows.settled(), ordered=body.enable_message_ordering)
        self._attempts = self._rows.attempts()

    @property
    def exactly_once(self) -> bool:
        """Whether an acknowledgement of an expired lease is refused."""
        return bool(self.body.enable_exactly_once_delivery)

    @property
    def unacknowledged(self) -> int:
        """The number of messages that are not acknowledged; those not yet compared with the filter count."""
        if self.body.detached:
            return 0
        return self.log.newest - self.backlog.floor - len(self.backlog.settled)

    # Delivering

    def pull(self, at_most: int, *, consumer: Consumer | None = None, deadline: int = 0) -> list[Any]:
        """Lease at most *at_most* messages, and return them as ReceivedMessages."""
        check_can_be_pulled(self.body)
        now = self._seconds()
        self.end_expired_leases()
        lease = LeaseTerms(now + (deadline or self.body.ack_deadline_seconds), consumer)
        delivery = Delivery(at_most, consumer)
        self._take_due(delivery, lease, now)
        self._take_new(delivery, lease)
        self._count(delivered=len(delivery.messages))
        return delivery.messages

    def end_expired_leases(self) -> None:
        """Make the messages due whose lease has expired."""
        now = self._seconds()
        for message in self.backlog.expired(now):
            self._release(message, now)

    def _take_due(self, delivery: Delivery, lease: LeaseTerms, now: float) -> None:
        for message in self.backlog.take_due(now, delivery.room):
            body = self.log.body(message)
            if body is None:
                self._settle([message])
            elif self._is_spent(message):
                if not self._move_to_dead_letters(message, body):
                    self.backlog.put_back(message, now + DEFAULT_DEADLINE)
                    return
            elif delivery.is_full_for(body):
                self.backlog.put_back(message, now)
                return
            else:
                delivery.add(self._deliver(message, body, lease), body)

    def _take_new(self, delivery: Delivery, lease: LeaseTerms) -> None:
        skipped: list[int] = []
        free_keys: set[str] = set()
        chooses = self._matches is not None or self.body.enable_message_ordering
        while delivery.room and (rows := self.log.after(self.backlog.cursor, _SCANNED if chooses else delivery.room)):
            for message, body in rows:
                if not delivery.room or delivery.is_full_for(body):
                    self._settle(skipped)
                    return
                skipped += range(self.backlog.cursor + 1, message)  # no longer retained
                if message in self.backlog.settled:
                    self.backlog.skip(message)
                    continue
                content: Any = PubsubMessage.FromString(body) if chooses else None
                if self._matches is not None and not self._matches(content.attributes):
                    self.backlog.skip(message)
                    skipped.append(message)
                elif self.backlog.begin(message, content.ordering_key if chooses else "", free_keys):
                    delivery.add(self._deliver(message, body, lease), body)
        self._settle(skipped)

    def _deliver(self, message: int, body: bytes, terms: LeaseTerms) -> Any:
        lease = self.backlog.lease(message, terms.until, len(body), terms.consumer)
        received = ReceivedMessage(ack_id=str(AckId(self.number, self.epoch, message, lease.number)))
        received.message.ParseFromString(body)
        if self._counts_attempts:
            attempt = self._attempts.get(message, 0) + 1
            self._attempts[message] = attempt
            self._rows.write_attempt(message, attempt)
            if self._dead_letter_topic:
                received.delivery_attempt = attempt
        return received

    @property
    def _counts_attempts(self) -> bool:
        return bool(self._dead_letter_topic) or self.body.HasField("retry_policy")

    @property
    def _dead_letter_topic(self) -> str:
        return str(self.body.dead_letter_policy.dead_letter_topic)

    def _is_spent(self, message: int) -> bool:
        most = self.body.dead_letter_policy.max_delivery_attempts
        return bool(self._dead_letter_topic) and self._attempts.get(message, 0) >= most

    def _move_to_dead_letters(self, message: int, body: bytes) -> bool:
        if not self._forward(self.body, PubsubMessage.FromString(body), self._attempts[message]):
            return False
        self._settle([message])
        return True

    # Acknowledging

    def acknowledge(self, ack_ids: Iterable[str]) -> dict[str, str]:
        """Settle messages. Return the cause for each id that is refused: with exactly-once delivery, an expired one."""
        leases, refused = self._leased(ack_ids)
        settled = self._settle(message for message, _ in leases)
        self._count(acknowledged=settled)
        return refused

    def modify_deadline(self, ack_ids: Iterable[str], seconds: int) -> dict[str, str]:
        """Extend leases from now on by *seconds*, or end them if that is zero. Return causes as :meth:`acknowledge`.

        A lease that has expired or been replaced is left alone.
        """
        leases, refused = self._leased(ack_ids)
        now = self._seconds()
        for message, is_current in leases:
            if is_current and seconds:
                self.backlog.extend(message, now + seconds)
            elif is_current:
                self._release(message, now)
        self.notify()
        return refused

    def _leased(self, ack_ids: Iterable[str]) -> tuple[list[tuple[int, bool]], dict[str, str]]:
        """Return the messages of ack ids, each with whether its lease is the current one, and the refused ids.

        Ids from before a seek are ignored.
        """
        leases, refused = [], {}
        for ack_id in ack_ids:
            named = AckId.parse(ack_id)
            if named.number != self.number or not self.log.start < named.message <= self.log.newest:
                raise invalid(f"The ack id does not belong to the subscription (resource={self.body.name}).")
            lease = self.backlog.leases.get(named.message)
            is_current = named.epoch == self.epoch and lease is not None and lease.number == named.lease
            if self.exactly_once and not is_current:
                refused[ack_id] = _INVALID_ACK_ID
            elif named.epoch == self.epoch:
                leases.append((named.message, is_current))
        return leases, refused

    def _release(self, message: int, now: float) -> None:
        self.backlog.release(message, now + self._backoff(message))

    def _backoff(self, message: int) -> float:
        """Return the pause in seconds before a message is delivered again: it doubles with each delivery."""
        if not self.body.HasField("retry_policy"):
            return 0.0
        policy = self.body.retry_policy
        least = policy.minimum_backoff.ToTimedelta().total_seconds() if policy.HasField("minimum_backoff") else 10.0
        most = policy.maximum_backoff.ToTimedelta().total_seconds() if policy.HasField("maximum_backoff") else 600.0
        doublings = min(self._attempts.get(message, 1) - 1, 20)
        return float(min(least * 2**doublings, most))

    def _settle(self, messages: Iterable[int]) -> int:
        """Settle messages, and return how many were not settled before."""
        ranges = self.backlog.settle(messages)
        if not ranges:
            return 0
        self._rows.settle(ranges)
        if self._attempts:
            self._forget_attempts(ranges)
        self._acknowledgements += 1
        if self._acknowledgements % _FLOOR_EVERY == 0:
            self._rows.write_floor(self.backlog.floor)
        self.notify()
        return sum(last - first + 1 for first, last in ranges)

    def _forget_attempts(self, ranges: Iterable[tuple[int, int]]) -> None:
        settled = [each for first, last in ranges for each in range(first, last + 1) if each in self._attempts]
        for message in settled:
            del self._attempts[message]
        self._rows.forget_attempts(settled)

    def _count(self, delivered: int = 0, acknowledged: int = 0) -> None:
        if delivered or acknowledged:
            self.counts.delivered += delivered
            self.counts.acknowledged += acknowledged
            self._rows.write_counts(self.counts.delivered, self.counts.acknowledged)

    # Seeking and expiry

    def seek(self, floor: int, settled: Iterable[int]) -> None:
        """Settle exactly the messages up to *floor* and those in *settled*. Earlier leases and their ack ids end."""
        for lease in self.backlog.leases.values():
            lease.end()
        self.epoch += 1
        self.backlog = Backlog(floor, settled, ordered=self.body.enable_message_ordering)
        self._attempts.clear()
        self._rows.replace(floor, self.epoch, self.backlog.settled)
        self.notify()

    def expire_through(self, last: int) -> None:
        """Settle all messages up to *last*, which are no longer retained."""
        if last > self.backlog.floor:
            self.backlog.settle_through(last)
            self._rows.write_floor(self.backlog.floor)

    # Waiting

    def notify(self) -> None:
        """Wake all pulls that wait for messages."""
        self._waiters.notify()

    async def wait(self, seconds: float, *, has_room: bool = True) -> None:
        """Wait until there may be messages to deliver, for at most *seconds*.

        A consumer that *has_room* for none waits for an acknowledgement or the end of a lease.
        """
        events = [self.backlog.next_deadline(), self.backlog.next_due() if has_room else None]
        for event in events:
            if event is not None:
                seconds = min(seconds, max(event - self._seconds(), 0.0))
        await self._waiters.wait(seconds)
