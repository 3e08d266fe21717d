"""Collector of messages into batches, which it sends, tries again, and settles."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
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

    Requests end in a thread of gRPC, which settles their futures and so runs the functions that wait for them.
    """

    def __init__(
        self, calls: PublishCalls, limits: Limits, *, endless: bool, draw: random.Random | None = None
    ) -> None:
        self._calls = calls
        self._limits = limits
        self._endless = endless
        self._draw = draw or random.Random()  # noqa: S311 pauses are no secret
        self._scheduler = Scheduler()
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._room = Room(limits)
        self._outages = Outages()
        self._lock = threading.Lock()
        self._released = threading.Condition(self._lock)
        self._settling = threading.local()
        self._closing = False

    def add(self, topic: str, part: bytes, key: str) -> Confirmation:
        """Add a message to a batch of the *topic*, in full, and of the ordering *key*.

        Blocks while too much is unconfirmed, except in a function that a future calls, which would wait for itself.

        Raises:
            ProducerClosedError: the dispatcher is closed.
        """
        size = len(part)
        with self._lock:
            if not self._room.fits(size) and not getattr(self._settling, "active", False):
                self._wait_for_room(size)
            if self._closing:
                raise ProducerClosedError("this publisher is closed; make a new one")
            self._room.take(size)
            lane = self._lanes.get((topic, key)) or self._begin_lane(topic, key)
            confirmation, begun = lane.add(part)
            batch = lane.next()
        if begun:
            self._scheduler.at(time.monotonic() + self._limits.batch_seconds, partial(self._batch_is_due, begun))
        if batch:
            self._send(batch)
        return confirmation

    def flush(self) -> None:
        """Send the messages that wait for their batch to fill; does not wait until they are confirmed."""
        with self._lock:
            lanes = list(self._lanes.values())
            for lane in lanes:
                lane.close_open()
        for lane in lanes:
            self._send_next(lane)

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
        self._scheduler.at(time.monotonic(), self.flush)  # a batch that waits to be filled would hold the room
        self._released.wait_for(lambda: self._room.fits(size) or self._closing)

    def _begin_lane(self, topic: str, key: str) -> Lane:
        lane = self._lanes[topic, key] = Lane(topic, key, self._limits)
        return lane

    def _batch_is_due(self, batch: Batch) -> None:
        lane: Lane = batch.lane
        with self._lock:
            if lane.open is batch:
                lane.close_open()
        self._send_next(lane)

    def _send_next(self, lane: Lane) -> None:
        while True:
            with self._lock:
                batch = lane.next()
            if batch is None:
                return
            self._send(batch)

    def _send(self, batch: Batch) -> None:
        batch.tries += 1
        if batch.started is None:
            batch.started = time.monotonic()
        request = b"".join((batch.lane.head, *batch.parts))
        self._calls.begin(batch.lane.topic, request, REQUEST_SECONDS, partial(self._ended, batch))

    def _ended(self, batch: Batch, reply: Reply) -> None:
        if reply.code is grpc.StatusCode.OK:
            ids = reply.message_ids()
            if len(ids) == len(batch):
                self._log_success(batch.lane.topic)
                self._settle(batch, partial(batch.confirm, ids))
            else:
                self._fail(batch, RuntimeError(f"Pub/Sub confirmed {len(ids)} of {len(batch)} messages"))
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

    def _split(self, batch: Batch) -> None:
        lane: Lane = batch.lane
        with self._lock:
            lane.ended()
            lane.return_first(*batch.halves())
        self._send_next(lane)

    def _fail(self, batch: Batch, error: Exception) -> None:
        """Fail the batch, and those behind it that have its ordering key: else they would overtake it."""
        lane: Lane = batch.lane
        with self._lock:
            behind = lane.take_all() if lane.key else []
        for each in behind:
            self._settle(each, partial(each.fail, error), was_sent=False)
        self._settle(batch, partial(batch.fail, error))

    def _settle(self, batch: Batch, settle: Callable[[], None], *, was_sent: bool = True) -> None:
        lane: Lane = batch.lane
        self._settling.active = True
        settle()
        self._settling.active = False
        with self._lock:
            self._room.release(len(batch), batch.size)
            self._released.notify_all()
            if was_sent:
                lane.ended()
            if lane.key and lane.is_idle:
                self._lanes.pop((lane.topic, lane.key), None)
            is_last = self._closing and not self._lanes_in_use()
        self._send_next(lane)
        if is_last:
            self._end()

    def _lanes_in_use(self) -> bool:
        return any(not lane.is_idle for lane in self._lanes.values())

    def _end(self) -> None:
        self._scheduler.at(time.monotonic(), self._close_connection)  # a thread of gRPC cannot close its own channel

    def _close_connection(self) -> None:
        self._calls.close()
        self._scheduler.close()
