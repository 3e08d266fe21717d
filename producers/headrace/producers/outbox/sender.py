"""The thread that sends what is in an outbox, and deletes what has arrived."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from concurrent.futures import CancelledError, Future
from contextlib import closing
from functools import partial
from typing import Final, NamedTuple

from headrace.producers.outbox import tables
from headrace.producers.outbox.errors import DamagedMessageError, OutboxError, RefusedElsewhereError
from headrace.producers.outbox.lane import Lane, error_name
from headrace.producers.outbox.owners import Adoption
from headrace.producers.outbox.session import Session, Settling
from headrace.producers.publisher import Publisher

READ_MESSAGES: Final = 500
READ_BYTES: Final = 8 * 1024 * 1024
DAMAGED: Final = "Damaged"
_IDLE_SECONDS: Final = 0.2
_COALESCE_SECONDS: Final = 0.004  # what arrives meanwhile is deleted in one transaction
_BEAT_SECONDS: Final = 5.0
_ADOPT_SECONDS: Final = 1.0
_JOIN_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


class _Result(NamedTuple):
    lane: Lane
    number: int
    message_id: str
    error: BaseException | None


class Sender:
    """Sends the messages that the session owns with *publisher*, in a daemon thread, until :meth:`stop`."""

    def __init__(self, session: Session, publisher: Publisher) -> None:
        self._session = session
        self._publisher = publisher
        self._lanes: dict[int, Lane] = {}
        self._results: deque[_Result] = deque()
        self._delivered: dict[int, str] = {}  # number -> message id; not deleted yet
        self._refused: dict[int, BaseException] = {}
        self._noted: dict[int, tuple[str | None, int]] = {}
        self._adoption = Adoption(session)
        self._wake = threading.Event()
        self._stopping = False
        self._progress_lock = threading.RLock()  # entered itself: a signal may leave ``with condition`` locked
        self._progress = threading.Condition(self._progress_lock)
        self._beat_at = self._adopt_at = 0.0
        self.last_arrival = time.monotonic()
        self.arrived = 0
        self._thread = threading.Thread(target=self._run, name="headrace-outbox", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look for new messages now."""
        if not self._wake.is_set():
            self._wake.set()

    def wait_for_progress(self, seconds: float) -> None:
        """Wait until something was sent or deleted, at most so many seconds."""
        with self._progress_lock:
            self._progress.wait(seconds)

    def stop(self) -> None:
        """End the thread, after it has deleted what has arrived so far."""
        self._stopping = True
        self.wake()
        self._thread.join(_JOIN_SECONDS)

    @property
    def lanes(self) -> list[Lane]:
        """The state of each subject."""
        return list(self._lanes.values())

    def _run(self) -> None:
        while not self._stopping:
            try:
                is_busy = self._turn()
            except OutboxError as error:
                _log.error("%s: %s; trying again", self._session.path, error)
                is_busy = False
            if not is_busy:
                self._wake.wait(_IDLE_SECONDS)
            self._wake.clear()
            time.sleep(_COALESCE_SECONDS)
        try:
            self._collect()
        except OutboxError as error:
            _log.error("%s: %s; what arrived is sent again", self._session.path, error)

    def _turn(self) -> bool:
        """Do what can be done now; return whether there may be more to read."""
        now = time.monotonic()
        self._keep_ownership(now)
        self._collect()
        self._settle_elsewhere()
        is_busy = False
        for lane in self._known_lanes():
            is_busy |= self._send(lane, lane.room(now))
        return is_busy

    def _keep_ownership(self, now: float) -> None:
        if now >= self._beat_at:
            self._beat_at = now + _BEAT_SECONDS
            with self._session.writer() as writer:
                lives = tables.beat(writer, self._session.owner)
            if not lives:
                self._session.register()
                self._session.deliveries.expect_elsewhere()
                self._rewind()
        if now >= self._adopt_at:
            self._adopt_at = now + _ADOPT_SECONDS
            if self._adoption.adopt(now):
                self._rewind()

    def _rewind(self) -> None:
        for lane in self._lanes.values():
            lane.rewind()

    def _known_lanes(self) -> list[Lane]:
        with self._session.reader() as reader:
            names = tables.subjects(reader)
        for number, name in names.items():
            if number not in self._lanes:
                self._lanes[number] = Lane(number, name)
        return self.lanes

    def _send(self, lane: Lane, room: int) -> bool:
        """Send at most *room* messages of the lane; return whether it may have more."""
        if room <= 0:
            return False
        asked = min(room, READ_MESSAGES)
        rows = self._read(lane, asked)
        for number, checksum, body in rows:
            if number not in lane.in_flight and number not in self._delivered and number not in self._refused:
                self._publish(lane, number, checksum, body)
            lane.after = max(lane.after, number)
        return len(rows) == asked

    def _read(self, lane: Lane, at_most: int) -> list[tuple[int, bytes, bytes]]:
        rows, size = [], 0
        waiting = partial(tables.waiting, owner=self._session.owner, subject=lane.subject, after=lane.after)
        with self._session.reader() as reader, closing(waiting(reader, at_most=at_most)) as found:
            for row in found:
                rows.append(row)
                size += len(row[2])
                if size >= READ_BYTES:
                    break
        return rows

    def _publish(self, lane: Lane, number: int, checksum: bytes, body: bytes) -> None:
        try:
            message = self._session.opened(lane.name, checksum, body)
        except ValueError:
            _log.error("%s: message %d is damaged; it is kept with the refused ones", self._session.path, number)
            self._refused[number] = DamagedMessageError("the stored message is damaged")
            return
        key = message.ordering_key
        if key and key in lane.broken:
            return  # an earlier one has failed, so this one is sent again after it
        lane.sent(number, len(body))
        try:
            future = self._publisher.publish(message.subject, message.data, dict(message.attributes), key)
        except Exception as error:  # any error of a publisher is judged with those of its futures
            lane.broken.add(key)
            self._results.append(_Result(lane, number, "", error))
            return
        future.add_done_callback(partial(self._on_settled, lane, number, key))

    def _on_settled(self, lane: Lane, number: int, key: str, future: Future[str]) -> None:
        try:
            error = future.exception()
        except CancelledError as cancelled:
            error = cancelled
        if error is not None:
            lane.broken.add(key)
        self._results.append(_Result(lane, number, "" if error else future.result(), error))
        self.wake()

    def _collect(self) -> None:
        """Commit what became of the messages that were sent, then settle their futures."""
        while self._results:
            lane, number, message_id, error = self._results.popleft()
            if error is None:
                lane.arrived(number)
                self._delivered[number] = message_id
                self.last_arrival = time.monotonic()
                self.arrived += 1
            else:
                lane.failed(number, error)
        for lane in self._lanes.values():
            given_up = lane.next_window(time.monotonic(), random.random())  # noqa: S311 not a secret
            if given_up is not None:
                self._refused[given_up[0]] = given_up[1]
        self._commit()

    def _commit(self) -> None:
        notes = [
            (each.subject, each.error, each.tries)
            for each in self._lanes.values()
            if self._noted.get(each.subject, (None, 0)) != (each.error, each.tries)
        ]
        if not (self._delivered or self._refused or notes):
            return
        delivered, refused = dict(self._delivered), dict(self._refused)
        names = [(number, _refusal_name(error)) for number, error in refused.items()]
        self._session.settle(Settling(list(delivered), names, notes))
        self._delivered, self._refused = {}, {}
        self._noted |= {subject: (error, tries) for subject, error, tries in notes}
        self._session.deliveries.delivered(delivered.items())
        for number, error in refused.items():
            self._session.deliveries.refused(number, error)
        with self._progress_lock:
            self._progress.notify_all()

    def _settle_elsewhere(self) -> None:
        """Settle the futures of messages that other processes have sent; their message ids are not known here."""
        numbers = self._session.deliveries.elsewhere()
        if not numbers:
            return
        with self._session.reader() as reader:
            there = tables.still_there(reader, numbers)
            gone = [each for each in numbers if each not in there]
            refused = {each: name for each in gone if (name := tables.refusal(reader, each)) is not None}
        self._session.deliveries.delivered((each, "") for each in gone if each not in refused)
        for number, name in refused.items():
            self._session.deliveries.refused(number, RefusedElsewhereError(name))


def _refusal_name(error: BaseException) -> str:
    return DAMAGED if isinstance(error, DamagedMessageError) else error_name(error)
