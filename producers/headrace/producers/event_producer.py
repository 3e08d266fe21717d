"""Producer that checks and encodes an application's events, and sends them before the process ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from headrace.producers.config import ProducerConfig
from headrace.producers.event_messages import EventObject, utc_now
from headrace.producers.producer_core import ProducerCore
from headrace.producers.publisher import Publisher, PubSubPublisher
from headrace.producers.reports import OnDelivery, OnError, ProducerStats, Reporter
from headrace.schemas import Registry

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer


class EventProducer:
    """Publishes events of the contracts in *registry*, such as ``Registry.load(Path("contracts"))``.

    *source* names the application that publishes, as a path such as ``/checkout``; it becomes ``ce-source``. An event
    whose fields do not say when it happened gets the time *now*. Closing the producer also closes *publisher*.
    Thread-safe.

    Use it as a context manager, or call ``close()``. When the process or a ``multiprocessing`` child exits, it waits at
    most a minute for events that are not confirmed yet, and logs losses. ``os._exit`` and unhandled signals skip that
    wait. A forked child starts without events of its parent.

    *on_delivery* and *on_error* are called with the outcome of each event, in a thread of the publisher: return soon,
    and do not wait in them for other events. *tracer* of OpenTelemetry starts a span for each event, and puts its
    context into the attribute ``traceparent``.
    """

    def __init__(
        self,
        publisher: Publisher,
        *,
        source: str,
        registry: Registry,
        now: Callable[[], datetime] = utc_now,
        on_delivery: OnDelivery | None = None,
        on_error: OnError | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self._core = ProducerCore(
            publisher,
            registry=registry,
            source=source,
            now=now,
            reporter=Reporter(on_delivery, on_error),
            tracer=tracer,
        )

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
    ) -> EventProducer:
        """Return a producer with the project and the contracts that the job's settings name.

        An argument overrides a variable ``HEADRACE_*``, which overrides the profile, which overrides ``headrace.toml``
        in the working folder, or *file*. *open_publisher* makes the publisher for the project: give
        ``partial(PubSubPublisher, ordered=True)`` for ordering keys. It also gets *topics*, the existing topics by
        subject, if the settings name any.

        Raises:
            ProducerConfigError: the file or a setting is missing or invalid.
            ContractError: a contract is invalid.
        """
        config = ProducerConfig.read(project=project, contracts=contracts, profile=profile, file=file)
        registry = Registry.load(config.contracts)
        named: dict[str, Any] = {"topics": config.topics} if config.topics else {}
        return cls(open_publisher(config.project, **named), source=source, registry=registry)

    def publish(
        self,
        subject: str,
        fields: Mapping[str, Any] | EventObject,
        *,
        event_id: str | None = None,
        ordering_key: str | None = None,
    ) -> Future[str]:
        """Check *fields* against the newest contract of *subject*, and send them.

        *fields* maps names to Python values: aware datetimes, ``decimal.Decimal``, dicts, lists. You may leave out
        fields that have a default. An event, and each record in it, may also be an instance of a dataclass, such as
        those that ``headrace contracts codegen`` writes. The values are read once, before this method returns; later
        changes have no effect.

        The event's id is *event_id* if you give one. Otherwise it is derived from the contract's ``identity``, or it is
        random (UUIDv7) if the contract declares none. It is made once, so that every retry sends the same id. Give
        *event_id* if you may publish a failed event again and the contract declares no identity.

        Events with the same *ordering_key* arrive in the order in which they were published. Attributes are never
        masked: put nothing personal into *ordering_key* or *event_id*.

        The call blocks while too many messages or bytes are unconfirmed. In a coroutine, use ``await
        asyncio.wrap_future(future)``.

        Returns:
            A future that gives Pub/Sub's message id, or raises the error that made publishing fail.

        Raises:
            UnknownSchemaError: no contract for *subject*.
            InvalidEventError: a field does not fit its type, a value's own code raises an error, or the event is larger
                than 1 MiB; names the field, the value's type and the remedy. Nothing was sent.
            ValueError: *event_id* or *ordering_key* is not a text of 1 to 1,024 bytes; or the contract does not trust
                ids, and *event_id* is not the one that its identity gives.
            ProducerClosedError: the producer is closed.
        """
        return self._core.send(self._core.make(subject, fields, event_id, ordering_key))

    def stats(self) -> ProducerStats:
        """Return how many events of this process were accepted, confirmed, failed and refused so far."""
        return self._core.stats()

    def flush(self, timeout: float | None = None) -> None:
        """Wait until every event published so far is confirmed; *timeout* is in seconds.

        Raises:
            TimeoutError: some events are not confirmed yet; they may still arrive.
            PublishError: some events failed since the last flush; gives their number.
        """
        self._core.publisher.flush()
        self._core.in_flight.wait(timeout)

    def close(self, timeout: float | None = None) -> None:
        """Flush, then close the publisher; raises the same errors as ``flush``. Closing twice has no further effect."""
        self._core.is_closed = True
        try:
            self.flush(timeout)
        finally:
            self._core.publisher.close()

    def __enter__(self) -> EventProducer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
