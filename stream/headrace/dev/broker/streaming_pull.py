"""The stream of a subscriber: it gets messages while it has room for them, and acknowledges on the same stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final

from headrace.dev.broker.backlog import Consumer
from headrace.dev.broker.broker import Broker
from headrace.dev.broker.broker_errors import BrokerError, failed_precondition, invalid
from headrace.dev.broker.resource_checks import check_ack_deadline, check_can_be_pulled, check_new_deadline
from headrace.dev.broker.subscription_queue import SubscriptionQueue
from headrace.dev.broker.wire import StreamingPullResponse

_LONGEST_WAIT: Final = 30.0
_ONLY_FIRST: Final = ("subscription", "max_outstanding_messages", "max_outstanding_bytes", "protocol_version")


class StreamingPull:
    """The method ``StreamingPull``."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def serve(self, requests: Any, _context: Any) -> AsyncIterator[Any]:
        """Yield responses until the client ends the stream, or the subscription goes."""
        first = await anext(aiter(requests), None)
        if first is None:
            return
        stream = Stream(self._broker.subscriptions.get(first.subscription), first)
        yield stream.properties()
        reader = asyncio.ensure_future(self._read(requests, stream))
        try:
            while not reader.done():
                if self._broker.subscriptions.get(first.subscription) is not stream.queue:
                    raise failed_precondition(f"The subscription was replaced (resource={first.subscription}).")
                responses = stream.responses()
                for response in responses:
                    await self._broker.store.committed()
                    yield response
                if not responses:
                    await stream.wait()
            await reader
        finally:
            reader.cancel()
            with suppress(asyncio.CancelledError, BrokerError):
                await reader

    async def _read(self, requests: Any, stream: Stream) -> None:
        try:
            async for request in requests:
                stream.take(request)
        finally:
            stream.queue.notify()


class Stream:
    """One stream: its deadline and limits, and what it has to say. Its leases end at their deadlines."""

    def __init__(self, queue: SubscriptionQueue, first: Any) -> None:
        self.queue = queue
        self._consumer = Consumer(first.max_outstanding_messages, first.max_outstanding_bytes)
        self._deadline = first.stream_ack_deadline_seconds
        check_ack_deadline(self._deadline)
        self._confirmations: list[Any] = []
        self._acknowledge(first)

    def properties(self) -> Any:
        """Return the first response, which describes the subscription."""
        response = StreamingPullResponse()
        response.subscription_properties.exactly_once_delivery_enabled = self.queue.exactly_once
        response.subscription_properties.message_ordering_enabled = self.queue.body.enable_message_ordering
        return response

    def take(self, request: Any) -> None:
        """Apply a later request of the client. Raises BrokerError."""
        for name in _ONLY_FIRST:
            if getattr(request, name):
                raise invalid(f"{name} can only be set in the first request of a stream.")
        if request.stream_ack_deadline_seconds:
            check_ack_deadline(request.stream_ack_deadline_seconds)
            self._deadline = request.stream_ack_deadline_seconds
        self._acknowledge(request)
        self.queue.notify()

    def responses(self) -> list[Any]:
        """Return what can be sent now."""
        self.queue.end_expired_leases()
        found, self._confirmations = self._confirmations, []
        check_can_be_pulled(self.queue.body)
        room = self._consumer.room
        received = self.queue.pull(room, consumer=self._consumer, deadline=self._deadline) if room > 0 else []
        if received:
            found.append(StreamingPullResponse(received_messages=received))
        return found

    async def wait(self) -> None:
        """Wait until there may be something to send."""
        if not self._confirmations:
            await self.queue.wait(_LONGEST_WAIT, has_room=self._consumer.room > 0)

    def _acknowledge(self, request: Any) -> None:
        if len(request.modify_deadline_ack_ids) != len(request.modify_deadline_seconds):
            raise invalid("Each ack id of modify_deadline_ack_ids needs its own modify_deadline_seconds.")
        for seconds in request.modify_deadline_seconds:
            check_new_deadline(seconds)
        response = StreamingPullResponse()
        if request.ack_ids:
            refused = self.queue.acknowledge(request.ack_ids)
            confirmation = response.acknowledge_confirmation
            confirmation.ack_ids.extend(each for each in request.ack_ids if each not in refused)
            confirmation.invalid_ack_ids.extend(refused)
        for ack_id, seconds in zip(request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True):
            refused = self.queue.modify_deadline([ack_id], seconds)
            changed = response.modify_ack_deadline_confirmation
            (changed.invalid_ack_ids if refused else changed.ack_ids).append(ack_id)
        if self.queue.exactly_once and response.ByteSize():
            self._confirmations.append(response)
