"""Durable outbox of a producer: an SQLite file from which a thread sends."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Final

from headrace.producers import process_end
from headrace.producers.errors import ProducerClosedError
from headrace.producers.event_messages import utc_now
from headrace.producers.in_flight import PublishError, events_text
from headrace.producers.outbox import tables
from headrace.producers.outbox.deliveries import DeliveryFuture
from headrace.producers.outbox.errors import (
    DamageError,
    NotSentError,
    OutboxDamagedError,
    OutboxFullError,
)
from headrace.producers.outbox.file_locks import FileLock
from headrace.producers.outbox.log_check import has_lost_transactions
from headrace.producers.outbox.message import OutboxMessage
from headrace.producers.outbox.opening import Synchronous, open_lock, prepare
from headrace.producers.outbox.salvage import Salvage, salvage
from headrace.producers.outbox.sealing import sealing
from headrace.producers.outbox.sender import Sender
from headrace.producers.outbox.session import Session
from headrace.producers.outbox.tables import Limits
from headrace.producers.publisher import Publisher

_log = logging.getLogger(__name__)

MAX_MESSAGES: Final = 1_000_000
MAX_BYTES: Final = 1024 * 1024 * 1024
FULL_SECONDS: Final = 30.0
CLOSE_SECONDS: Final = 10.0
_FULL_POLL_SECONDS: Final = 0.05
_REPAIR_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05


class Outbox:
    """The outbox in the file at *path*, which is created with mode 0600. Several processes may share it.

    ``Synchronous.FULL`` and ``NORMAL`` say what survives a power cut. The file holds at most *max_messages*, and
    *max_bytes* of messages. If it is full, adding waits at most *full_seconds* for room. With *key*, at least 32 random
    bytes, messages are encrypted at rest with AES-256-GCM.

    Give it to one ``EventProducer``, which starts, uses and closes it. Thread-safe. A forked child opens the file anew.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        synchronous: Synchronous | str = Synchronous.FULL,
        max_messages: int = MAX_MESSAGES,
        max_bytes: int = MAX_BYTES,
        full_seconds: float = FULL_SECONDS,
        key: bytes | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        if min(max_messages, max_bytes) < 1:
            raise ValueError("a limit below 1; give positive numbers of messages and bytes")
        self.path = Path(path)
        self.salvage: Salvage | None = None  # what became of the file, if it was damaged when it was opened
        self._synchronous = Synchronous(synchronous)
        self._limits = Limits(max_messages, max_bytes)
        self._full_seconds = full_seconds
        self._sealing = sealing(key)
        self._now = now
        self._publisher: Publisher | None = None
        self._opening = threading.RLock()
        self._session: Session | None = None
        self._sender: Sender | None = None
        self._is_closed = False
        _outboxes.add(self)

    def start(self, publisher: Publisher) -> None:
        """Open the file, and send what it holds with *publisher*.

        Raises:
            OutboxError: the file cannot be used.
            OutboxKeyError: the file was made with another key.
            OutboxDamagedError: the file is damaged, and other processes have it open.
        """
        self._publisher = publisher
        self._opened()

    def put(self, subject: str, data: bytes, attributes: Mapping[str, str], ordering_key: str) -> Future[str]:
        """Commit one message to the file, with the arguments of ``Publisher.publish``. Blocks while the file is full.

        Returns:
            A future that gives Pub/Sub's message id when the message is delivered, or ``""`` if another process has
            delivered it; or raises the error with which Pub/Sub refuses the message. It waits through outages.

        Raises:
            OutboxFullError: there was no room in time; the message is not in the file.
            OutboxError: the file cannot be written; the message is not in the file.
            ProducerClosedError: the outbox is closed.
            ValueError: an ordering key is given, and the publisher is not ordered.
        """
        if ordering_key and not getattr(self._publisher, "is_ordered", True):  # rather than refuse it in the background
            raise ValueError("ordering_key: this publisher is not ordered; make it with PubSubPublisher(ordered=True)")
        session, sender = self._opened()
        future = DeliveryFuture()
        process_end.wait_for(self)
        message = OutboxMessage(subject, data, attributes, ordering_key)
        deadline = time.monotonic() + self._full_seconds
        while not session.add(message, future):
            if time.monotonic() >= deadline:
                raise OutboxFullError(
                    f"{self.path}: full for {self._full_seconds:.0f} s; let it be sent, or give the outbox a larger "
                    "max_messages and max_bytes"
                )
            sender.wake()
            sender.wait_for_progress(_FULL_POLL_SECONDS)
        sender.wake()
        return future

    def wait(self, timeout: float | None) -> None:
        """Wait until every message that this process added so far is delivered; *timeout* is in seconds.

        Raises:
            NotSentError: some are not delivered yet; they are safe in the file.
            PublishError: Pub/Sub has refused some since the last call; they are kept in the file.
        """
        session, sender = self._session, self._sender
        if session is None or sender is None:
            return
        if not self._drained(session, sender, timeout):
            left = self.left()
            raise NotSentError(
                f"{self.path}: {events_text(left, 'is', 'are')} not sent yet, and safe in the file; wait longer, or "
                f"run python -m headrace.producers outbox send {self.path}"
            )
        refused, error = session.deliveries.take_refused()
        if refused:
            raise PublishError(
                f"{self.path}: {events_text(refused, 'was', 'were')} refused by Pub/Sub ({type(error).__name__}), and "
                "kept in the file; correct the cause, then run outbox send --refused"
            ) from error

    def drain(self, timeout: float | None) -> None:
        """Wait as :meth:`wait` does, ten seconds by default, and log what the file keeps. Raises PublishError."""
        try:
            self.wait(CLOSE_SECONDS if timeout is None else timeout)
        except NotSentError as error:
            _log.warning("%s", error)

    def left(self) -> int:
        """Return how many messages of this process are in the file and not delivered."""
        session = self._session
        if session is None:
            return 0
        with session.reader() as reader:
            return tables.count(reader, session.owner) + len(session.deliveries.elsewhere())

    def close(self) -> int:
        """Stop sending and close the file; return how many messages of this process it keeps for another process.

        Raises:
            OutboxError: the file cannot be read or written, or is damaged. It is closed.
        """
        with self._opening:
            self._is_closed = True
            session, sender = self._session, self._sender
            if session is None or sender is None:
                return 0
            sender.stop()
            try:
                return self.left()
            finally:
                self._session = self._sender = None
                process_end.is_finished(self)
                session.close()

    @property
    def sender(self) -> Sender:
        """The thread that sends."""
        return self._opened()[1]

    @property
    def session(self) -> Session:
        """The open file."""
        return self._opened()[0]

    def _drained(self, session: Session, sender: Sender, timeout: float | None) -> bool:
        with session.reader() as reader:
            until = tables.counters(reader).next - 1
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            with session.reader() as reader:
                is_left = tables.left(reader, session.owner, until) or bool(session.deliveries.elsewhere())
            if not is_left:
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return False
            sender.wait_for_progress(_POLL_SECONDS)

    def _opened(self) -> tuple[Session, Sender]:
        session, sender = self._session, self._sender
        if session is not None and sender is not None:
            return session, sender
        with self._opening:
            if self._is_closed or self._publisher is None:
                raise ProducerClosedError(f"{self.path}: this outbox is closed; make a new one")
            if self._session is None or self._sender is None:
                self._session = self._open()
                self._sender = Sender(self._session, self._publisher)
            return self._session, self._sender

    def _open(self) -> Session:
        lock = open_lock(self.path)
        try:
            try:
                self._check_log(lock)
                prepare(self.path, self._sealing)
            except DamageError:
                self._repair(lock)
            return Session(self.path, self._sealing, self._limits, self._synchronous, lock)
        except BaseException:
            lock.leave()
            raise

    def _check_log(self, lock: FileLock) -> None:
        """Check the log that a crash left, if no other process has the file open. Raises DamageError."""
        is_alone = lock.try_to_own()
        is_damaged = is_alone and has_lost_transactions(self.path.with_name(f"{self.path.name}-wal"))
        lock.share()
        if is_damaged:
            raise DamageError("the log does not have what was committed")

    def _repair(self, lock: FileLock) -> None:
        """Save what can be read, while no other process has the file open."""
        deadline = time.monotonic() + _REPAIR_SECONDS
        while not lock.try_to_own():
            if time.monotonic() >= deadline:
                raise OutboxDamagedError(
                    f"{self.path}: damaged, and other processes have it open; end them, and what can be read is saved "
                    "at the next start"
                )
            time.sleep(_FULL_POLL_SECONDS)
        try:
            if has_lost_transactions(self.path.with_name(f"{self.path.name}-wal")):
                raise DamageError("the log does not have what was committed")
            prepare(self.path, self._sealing)  # another process may have repaired it meanwhile
        except DamageError:
            self.salvage = salvage(self.path, self._sealing, self._now())
        lock.share()

    def _pause(self) -> None:
        self._opening.acquire()
        if self._session is not None:
            self._session.pause()

    def _go_on(self) -> None:
        if self._session is not None:
            self._session.go_on()
        self._opening.release()

    def _start_afresh(self) -> None:
        session, self._session, self._sender = self._session, None, None
        if session is not None:
            session.leave_to_the_parent()
        self._opening = threading.RLock()


_outboxes: weakref.WeakSet[Outbox] = weakref.WeakSet()
_paused: list[Outbox] = []


def _pause_all() -> None:
    """Close every connection before a fork: SQLite must not have an open file in a child."""
    _paused.extend(_outboxes)
    for outbox in _paused:
        outbox._pause()


def _go_on_in_the_parent() -> None:
    while _paused:
        _paused.pop()._go_on()


def _start_afresh_in_the_child() -> None:
    while _paused:
        _paused.pop()._start_afresh()


os.register_at_fork(before=_pause_all, after_in_parent=_go_on_in_the_parent, after_in_child=_start_afresh_in_the_child)
