"""Events from an application to its topic: checked, encoded, and sent before the process ends."""

from __future__ import annotations

import atexit
import io
import os
import threading
import weakref
from collections.abc import Mapping
from concurrent.futures import Future, wait
from types import TracebackType
from typing import Any, Final

import fastavro
import uuid_utils

from producers.publisher import Publisher
from schemas import Contract, Envelope, InvalidEventError, Registry
from schemas.decoder import MAX_PAYLOAD_BYTES
from schemas.identity import derive_event_id
from schemas.validate import validate

MAX_ID_BYTES: Final = 1024
EXIT_FLUSH_SECONDS: Final = 60.0


class PublishError(RuntimeError):
    """Events were not published; says how many and why the first was not, never what they held."""


class ProducerClosedError(RuntimeError):
    """The producer was closed before."""


class EventProducer:
    """Publishes events of the contracts in *registry*, by default those that come with the package.

    *source* says who publishes, as a path such as ``/checkout``; it becomes ``ce-source``. Thread-safe. Use it as a
    context manager, or ``close()`` it; what is still under way when the process exits is waited for.
    """

    _lock: threading.Lock
    _outstanding: set[Future[str]]
    _failures: list[BaseException]
    _closed: bool

    def __init__(self, publisher: Publisher, *, source: str, registry: Registry | None = None) -> None:
        if not source:
            raise ValueError('source: empty; say who publishes, such as "/checkout"')
        self._publisher = publisher
        self._source = source
        self._registry = registry if registry is not None else Registry.load()
        self._start_afresh()
        _PRODUCERS.add(self)

    def publish(
        self,
        subject: str,
        fields: Mapping[str, Any],
        *,
        event_id: str | None = None,
        ordering_key: str | None = None,
    ) -> Future[str]:
        """Check *fields* against the newest contract of *subject* and send them.

        The event's id is *event_id*, else derived from the contract's ``identity``, else random (UUIDv7); made once,
        so that every retry sends the same. Blocks while too much is outstanding.

        Returns:
            A future that gives Pub/Sub's message id, or raises what made publishing fail.

        Raises:
            UnknownSchemaError: no contract for *subject*.
            InvalidEventError: a field does not fit; names the field, the value's type and the remedy.
            ProducerClosedError: after ``close()``.
        """
        if self._closed:
            raise ProducerClosedError("this producer is closed; make a new one")
        contract = self._registry.latest(subject)
        validate(contract.record, fields)
        data = _encode(contract, fields)
        attributes = self._envelope(contract, fields, event_id).to_attributes()
        if ordering_key:
            attributes["ce-partitionkey"] = ordering_key
        future = self._publisher.publish(subject, data, attributes, ordering_key or "")
        with self._lock:
            self._outstanding.add(future)
        future.add_done_callback(self._forget)
        return future

    def flush(self, timeout: float | None = None) -> None:
        """Wait until everything published so far is confirmed; *timeout* in seconds.

        Raises:
            TimeoutError: some events are still under way; they may arrive yet.
            PublishError: some events failed since the last flush.
        """
        with self._lock:
            outstanding = set(self._outstanding)
        late = wait(outstanding, timeout).not_done
        if late:
            raise TimeoutError(f"{len(late)} events are still under way after {timeout} s; flush again")
        with self._lock:
            failures, self._failures = self._failures, []
        if failures:
            raise PublishError(
                f"{len(failures)} events were not published ({type(failures[0]).__name__}); publish them again"
            ) from failures[0]

    def close(self, timeout: float | None = None) -> None:
        """Flush, then let the publisher go. Closing twice does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            self.flush(timeout)
        finally:
            self._publisher.close()

    def __enter__(self) -> EventProducer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start_afresh(self) -> None:
        """Hold nothing under way; in a forked child too, where the parent's futures would never settle."""
        self._lock = threading.Lock()
        self._outstanding = set()
        self._failures = []
        self._closed = False

    def _forget(self, future: Future[str]) -> None:
        error = future.exception()
        with self._lock:
            self._outstanding.discard(future)
            if error is not None:
                self._failures.append(error)

    def _envelope(self, contract: Contract, fields: Mapping[str, Any], event_id: str | None) -> Envelope:
        if event_id is None:
            event_id = derive_event_id(contract, fields) or str(uuid_utils.uuid7())
        elif not event_id or len(event_id.encode()) > MAX_ID_BYTES:
            raise ValueError(f"event_id: empty, or longer than {MAX_ID_BYTES} bytes; give a short unique text")
        return Envelope(event_id, contract.ref, fields[contract.options.event_time], self._source)


def _encode(contract: Contract, fields: Mapping[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, contract.avro, fields)
    data = out.getvalue()
    if len(data) > MAX_PAYLOAD_BYTES:
        raise InvalidEventError(
            contract.subject, f"an event of {len(data)} bytes", f"send at most {MAX_PAYLOAD_BYTES}; split it"
        )
    return data


_PRODUCERS: weakref.WeakSet[EventProducer] = weakref.WeakSet()


def _close_all() -> None:
    for producer in list(_PRODUCERS):
        producer.close(EXIT_FLUSH_SECONDS)


def _refresh_all() -> None:
    for producer in list(_PRODUCERS):
        producer._start_afresh()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_refresh_all)
