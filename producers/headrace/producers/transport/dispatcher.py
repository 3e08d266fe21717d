"""Collector of messages into batches, which it sends, tries again, and settles."""

from __future__ import annotations

import logging
import random
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import assert_never

import grpc

from headrace.producers.errors import ProducerClosedError
from headrace.producers.transport.batch import Batch, Confirmation
from headrace.producers.transport.lane import Lane
from headrace.producers.transport.limits import Limits, Room
from headrace.producers.transport.outages import Outages
from headrace.producers.transport.publish_calls import PublishCalls, Reply
from headrace.producers.transport.retry_rule import REQUEST_SECONDS, Then, after_failure, pause_before
from headrace.producers.transport.scheduler import Scheduler

_log = logging.getLogger(__name__)


class Dispatcher:
    """Publishes messages over *calls*. *endless* retries without a limit. Thread-safe.

    Requests end in a thread of gRPC, which settles their futures and so runs the functions that wait for them. They
    begin in our own thread: a signal that interrupts an application's thread inside gRPC leaves gRPC locked for ever,
    and a fork waits for gRPC's threads while no request can begin.
    """

    def __init__(
        self,
        calls: PublishCalls,
        limits: Limits,
        *,
        endless: bool,
        draw: random.Random | None = None,
        scheduler: Scheduler | None = None,
    ) -> None:
        self._calls = calls
        self._limits = limits
        self._endless = endless
        self._draw = draw or random.Random()  # noqa: S311 pauses are no secret
        self._scheduler = scheduler or Scheduler()
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._room = Room(limits)
        self._outages = Outages()
        self._lock = threading.Lock()
        self._released = threading.Condition(self._lock)
        self._filling: dict[Lane, None] = {}  # those that may have a batch that is not full
        self._is_flush_due = False
        self._here = threading.local()  # what this thread is doing
        self._closing = False

    def add(self, topic: str, part: bytes, key: str) -> Confirmation:
        """Add a message to a batch of the *topic*, in full, and of the ordering *key*.

        Blocks while too much is unconfirmed, except in a function that a future calls, which would wait for itself.

        Raises:
            ProducerClosedError: the dispatcher is closed.
        """
        size = len(part)
        with self._lock:
            if not self._room.fits(size) and not getattr(self._here, "runs_callbacks", False):
                self._wait_for_room(size)
            if self._closing:
                raise ProducerClosedError("this publisher is closed; make a new one")
            lane = self._lanes.get((topic, key)) or self._begin_lane(topic, key)
            confirmation, begun = lane.add(part)
            self._room.take(size)
            if begun:
                self._filling[lane] = None
        self._send_next_soon(lane)
        if begun:
            due = partial(self._batch_is_due, lane, weakref.ref(begun))  # it may be sent, and settled, long before
            self._scheduler.at(time.monotonic() + self._limits.batch_seconds, due)
        return confirmation

    def flush(self) -> None:
        """Send the messages that wait for their batch to fill; does not wait until they are confirmed."""
        with self._lock:
            self._is_flush_due = False
            lanes, self._filling = self._filling, {}
            for lane in lanes:
                lane.close_open()
        self._soon(partial(self._send_all, lanes))

    def close(self) -> None:
        """Send what waits. Once all is settled, close the connection."""
        with self._lock:
            self._closing = True
            self._released.notify_all()
            is_settled = not self._lanes_in_use()
        if is_settled:
            self._end()
        else:
            self.flush()

    def _wait_for_room(self, size: int) -> None:
        if not self._is_flush_due:  # a batch that waits to be filled would hold the room
            self._is_flush_due = True
            self._soon(self.flush)
        self._released.wait_for(lambda: self._room.fits(size) or self._closing)

    def _begin_lane(self, topic: str, key: str) -> Lane:
        lane = self._lanes[topic, key] = Lane(topic, key, self._limits)
        return lane

    def _batch_is_due(self, lane: Lane, reference: weakref.ref[Batch]) -> None:
        with self._lock:
            batch = reference()
            if batch is not None and lane.open is batch:
                lane.close_open()
            if lane.open is None:
                self._filling.pop(lane, None)
        self._send_next(lane)

    def _send_next_soon(self, lane: Lane) -> None:
        if lane.has_turn:
            self._soon(partial(self._send_next, lane))

    def _send_all(self, lanes: Iterable[Lane]) -> None:
        for lane in lanes:
            self._send_next(lane)

    def _send_next(self, lane: Lane) -> None:
        while lane.has_turn:
            with self._lock:
                batch = lane.next()
            if batch is None:
                return
            self._send(batch)

    def _send(self, batch: Batch) -> None:
        """Send the batch, whose turn it is. An error of the channel is that of its messages."""
        try:
            self._begin(batch)
        except (ValueError, RuntimeError) as error:  # gRPC's: the channel is closed, or no thread can be started
            self._soon(partial(self._fail, batch, error))

    def _begin(self, batch: Batch) -> None:
        if batch.is_over:
            return
        batch.tries += 1
        if batch.started is None:
            batch.started = time.monotonic()
        request = b"".join((batch.lane.head, *batch.parts))
        self._here.begins = True
        try:
            self._calls.begin(batch.lane.topic, request, REQUEST_SECONDS, partial(self._ended, batch, batch.tries))
        finally:
            self._here.begins = False

    def _ended(self, batch: Batch, tries: int, reply: Reply) -> None:
        if getattr(self._here, "begins", False):  # at once: later, so that the stack does not grow
            self._soon(partial(self._ended, batch, tries, reply))
        elif batch.tries == tries and not batch.is_over:  # else it was sent anew meanwhile
            try:
                self._judge(batch, reply)
            except Exception as error:  # an answer that makes no sense must not leave its futures waiting
                self._fail(batch, error)
                raise

    def _judge(self, batch: Batch, reply: Reply) -> None:
        if reply.code is grpc.StatusCode.OK:
            ids = reply.message_ids()
            if len(ids) != len(batch):
                raise RuntimeError(f"Pub/Sub confirmed {len(ids)} of {len(batch)} messages")
            self._log_success(batch.lane.topic)
            batch.confirm(ids)
            self._settled([batch])
            return
        seconds = time.monotonic() - (batch.started or 0.0)
        match after_failure(reply.code, len(batch), seconds, endless=self._endless):
            case Then.RETRY:
                self._log_failure(batch.lane.topic, reply.cause, seconds)
                pause = pause_before(batch.tries, self._draw)
                self._scheduler.at(time.monotonic() + pause, partial(self._send, batch))
            case Then.SPLIT:
                self._split(batch)
            case Then.FAIL:
                self._fail(batch, reply.error())
            case never:
                assert_never(never)

    def _log_failure(self, topic: str, cause: str, seconds: float) -> None:
        with self._lock:
            line = self._outages.failed(topic, cause, seconds, self._room.messages, time.monotonic())
        if line:
            _log.warning("%s", line)

    def _log_success(self, topic: str) -> None:
        with self._lock:
            line = self._outages.succeeded(topic, self._room.messages)
        if line:
            _log.warning("%s", line)

    def _log_given_up(self, topic: str, cause: str, messages: int) -> None:
        with self._lock:
            line = self._outages.gave_up(topic, cause, messages, time.monotonic())
        if line:
            _log.warning("%s", line)

    def _split(self, batch: Batch) -> None:
        lane: Lane = batch.lane
        with self._lock:
            batch.is_over = True
            lane.ended()
            lane.return_first(*batch.halves())
        self._send_next_soon(lane)

    def _fail(self, batch: Batch, error: Exception) -> None:
        """Fail the batch, and those behind it that have its ordering key: else they would overtake it."""
        if batch.is_over:
            return
        with self._lock:
            behind = batch.lane.take_all() if batch.lane.key else []
        failed = [batch, *behind]
        for each in failed:
            each.fail(error)
        self._log_given_up(batch.lane.topic, type(error).__name__, sum(map(len, failed)))
        self._settled(failed)

    def _settled(self, batches: Sequence[Batch]) -> None:
        """Give room back, send what waits, and call the functions that wait. Only the first batch was under way."""
        lane: Lane = batches[0].lane
        with self._lock:
            for batch in batches:
                batch.is_over = True
                self._room.release(len(batch), batch.size)
            self._released.notify_all()
            lane.ended()
            if lane.key and lane.is_idle:
                self._lanes.pop((lane.topic, lane.key), None)
            is_last = self._closing and not self._lanes_in_use()
        self._send_next_soon(lane)
        self._here.runs_callbacks = True
        try:
            for batch in batches:
                batch.run_callbacks()
        finally:
            self._here.runs_callbacks = False
        if is_last:
            self._end()

    def _soon(self, call: Callable[[], None]) -> None:
        self._scheduler.at(time.monotonic(), call)

    def _lanes_in_use(self) -> bool:
        return any(not lane.is_idle for lane in self._lanes.values())

    def _end(self) -> None:
        self._soon(self._close_connection)  # a thread of gRPC cannot close its own channel

    def _close_connection(self) -> None:
        self._calls.close()
        self._scheduler.close()
