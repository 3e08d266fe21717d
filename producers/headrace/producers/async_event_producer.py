"""Producer for coroutines: the same promises, without a thread for an event and without blocking the event loop."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from headrace.producers.async_room import AsyncRoom
from headrace.producers.compression import COMPRESS_FROM
from headrace.producers.config import ProducerConfig
from headrace.producers.contract_sources import ContractSource, read_contracts
from headrace.producers.event_messages import EventObject, utc_now
from headrace.producers.in_flight import check
from headrace.producers.loop_bridge import LoopBridge
from headrace.producers.producer_core import ProducerCore
from headrace.producers.publisher import Publisher, PubSubPublisher
from headrace.producers.reports import OnDelivery, OnError, ProducerStats, Reporter
from headrace.producers.transport.limits import MAX_OUTSTANDING_BYTES, MAX_OUTSTANDING_MESSAGES, Limits

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer


class AsyncProducerOptions(TypedDict, total=False):
    """Options of :class:`AsyncEventProducer` that no setting has."""

    now: Callable[[], datetime]
    max_outstanding_messages: int
    max_outstanding_bytes: int
    on_delivery: OnDelivery | None
    on_error: OnError | None
    tracer: Tracer | None
    sequence: bool
    compress_from: int | None
    large_events: str | None


class AsyncEventProducer:
    """Publishes events as :class:`producers.EventProducer` does, from coroutines of one event loop at a time.

    At most *max_outstanding_messages* and *max_outstanding_bytes* are unconfirmed. They may not be above the limits of
    *publisher*, which else would block the loop. The other options are those of ``EventProducer``; a large event is
    uploaded in a thread. Use it as an asynchronous context manager, or await ``close()``.
    """

    def __init__(
        self,
        publisher: Publisher,
        *,
        source: str,
        contracts: ContractSource,
        now: Callable[[], datetime] = utc_now,
        max_outstanding_messages: int = MAX_OUTSTANDING_MESSAGES,
        max_outstanding_bytes: int = MAX_OUTSTANDING_BYTES,
        on_delivery: OnDelivery | None = None,
        on_error: OnError | None = None,
        tracer: Tracer | None = None,
        sequence: bool = False,
        compress_from: int | None = COMPRESS_FROM,
        large_events: str | None = None,
    ) -> None:
        self._core = ProducerCore(
            publisher,
            registry=read_contracts(contracts),
            source=source,
            now=now,
            reporter=Reporter(on_delivery, on_error),
            tracer=tracer,
            sequence=sequence,
            compress_from=compress_from,
            large_events=large_events,
        )
        self._limits = Limits(max_outstanding_messages, max_outstanding_bytes)
        self._start_afresh()
        _producers.add(self)

    @classmethod
    def from_config(
        cls,
        *,
        source: str,
        project: str | None = None,
        contracts: Path | str | None = None,
        profile: str | None = None,
        file: Path | str | None = None,
        open_publisher: Callable[..., Publisher] = PubSubPublisher,
        **options: Unpack[AsyncProducerOptions],
    ) -> AsyncEventProducer:
        """Return a producer of the job's settings, as :meth:`producers.EventProducer.from_config` does."""
        config = ProducerConfig.read(project=project, contracts=contracts, profile=profile, file=file)
        return cls(config.publisher(open_publisher), source=source, contracts=config.contracts, **options)

    async def publish(
        self,
        subject: str,
        fields: Mapping[str, Any] | EventObject,
        *,
        event_id: str | None = None,
        ordering_key: str | None = None,
    ) -> asyncio.Future[str]:
        """Check *fields* as :meth:`producers.EventProducer.publish` does, and accept the event once there is room.

        Events with the same *ordering_key* arrive in the order in which they were accepted. If the call is cancelled,
        the event is not accepted. To cancel the future changes nothing: the event is on its way.

        Returns:
            A future that gives Pub/Sub's message id, or raises the error that made publishing fail. To wait for the
            confirmation: ``message_id = await (await producer.publish(...))``.

        Raises:
            UnknownSchemaError, InvalidEventError, ValueError, CredentialsError, ProducerClosedError: as the other
                producer.
            RuntimeError: the producer is in use in another event loop.
        """
        bridge = self._bridge_here()
        message = self._core.make(subject, fields, event_id, ordering_key)
        if self._core.is_large(message):
            message = await asyncio.to_thread(self._core.upload, message)
        size = message.size
        if not self._room.try_take(size):
            self._core.publisher.flush()  # a batch that waits to be filled would hold the room
            await self._room.take(size)
        try:
            sent = self._core.send(message)
        except BaseException:
            self._room.release(size)
            raise
        return bridge.future(sent, lambda: self._room.release(size))

    def stats(self) -> ProducerStats:
        """Return how many events of this process were accepted, confirmed, failed and refused so far."""
        return self._core.stats()

    async def flush(self, timeout: float | None = None) -> None:
        """Wait until every event accepted so far is confirmed; *timeout* is in seconds.

        Where a service has processor time only during requests, as on Cloud Run, await it at the end of each request.

        Raises:
            TimeoutError: some events are not confirmed yet; they may still arrive.
            PublishError: some events failed since the last flush; gives their number.
        """
        self._core.publisher.flush()
        check(await self._bridge_here().wait(timeout))
        self._core.in_flight.raise_failure()

    async def close(self, timeout: float | None = None) -> None:
        """Flush, then close the publisher; raises the same errors as ``flush``. Closing twice has no further effect."""
        self._core.is_closed = True
        try:
            await self.flush(timeout)
        finally:
            self._core.publisher.close()

    async def __aenter__(self) -> AsyncEventProducer:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _start_afresh(self) -> None:
        """Have no loop, and nothing under way: a forked child has neither."""
        self._room = AsyncRoom(self._limits)
        self._bridge: LoopBridge | None = None

    def _bridge_here(self) -> LoopBridge:
        """Return the bridge to the running loop: a service may run one after another."""
        loop = asyncio.get_running_loop()
        bridge = self._bridge
        if bridge is None or bridge.loop is not loop:
            if bridge is not None and bridge.loop.is_running():
                raise RuntimeError("this producer is used in another event loop; make one for each loop")
            self._bridge = LoopBridge(loop)
            self._room.forget_waiters()
            if bridge is not None:
                self._bridge.adopt(bridge)
            return self._bridge
        return bridge


_producers: weakref.WeakSet[AsyncEventProducer] = weakref.WeakSet()


def _start_afresh_in_the_child() -> None:
    for producer in list(_producers):
        producer._start_afresh()


os.register_at_fork(after_in_child=_start_afresh_in_the_child)
