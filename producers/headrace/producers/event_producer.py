"""Producer that checks and encodes an application's events, and sends them before the process ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from headrace.producers.compression import COMPRESS_FROM
from headrace.producers.config import ProducerConfig
from headrace.producers.contract_sources import ContractSource, read_contracts
from headrace.producers.event_messages import EventObject, utc_now
from headrace.producers.producer_core import ProducerCore
from headrace.producers.publisher import Publisher, PubSubPublisher
from headrace.producers.reports import OnDelivery, OnError, ProducerStats, Reporter

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from headrace.producers.outbox import Outbox


class ProducerOptions(TypedDict, total=False):
    """Options of :class:`EventProducer` that no setting has."""

    now: Callable[[], datetime]
    on_delivery: OnDelivery | None
    on_error: OnError | None
    tracer: Tracer | None
    compress_from: int | None
    large_events: str | None
    outbox: Outbox | Path | str | None
    sequence: bool


class EventProducer:
    """Publishes events of *contracts*: a folder such as ``"contracts"``, or another source of contracts.

    Contracts may also lie in a package, such as the module ``acme.contracts``, or in a bucket, such as
    ``"gs://acme-schemas/orders"`` (:mod:`producers.contract_sources`). They are read once, here.

    *source* names the application that publishes, as a path such as ``/checkout``; it becomes ``ce-source``. An event
    whose fields do not say when it happened gets the time *now*. Closing the producer also closes *publisher*.
    Thread-safe.

    Use it as a context manager, or call ``close()``. When the process or a ``multiprocessing`` child exits, it waits at
    most a minute for events that are not confirmed yet, and logs losses. ``os._exit`` and unhandled signals skip that
    wait. A forked child starts without events of its parent.

    *on_delivery* and *on_error* are called with the outcome of each event, in a thread of the publisher: return soon,
    and do not wait in them for other events. *tracer* of OpenTelemetry starts a span for each event, and puts its
    context into the attribute ``traceparent``.

    Payloads of *compress_from* bytes and more are compressed with zstd if the contract allows it, and if that makes
    them smaller. It needs ``headrace-producers[compression]``. None compresses nothing.

    With *large_events*, the folder of a bucket such as ``"gs://acme-large/orders"``, payloads of more than 9,000,000
    bytes are uploaded there, and the message has a reference to the object. ``publish`` waits for the upload, also
    before an event is put into the outbox. It needs ``headrace-producers[bucket]``.

    With *outbox*, a file or an :class:`producers.outbox.Outbox`, events are durable: ``publish`` returns when the event
    is committed in that file, and a thread sends it from there.

    With *sequence*, each event has a number in the attribute ``ce-sequence``, so that ``headrace audit --gaps`` finds
    events that never reached Pub/Sub.
    """

    def __init__(
        self,
        publisher: Publisher,
        *,
        source: str,
        contracts: ContractSource,
        now: Callable[[], datetime] = utc_now,
        on_delivery: OnDelivery | None = None,
        on_error: OnError | None = None,
        tracer: Tracer | None = None,
        compress_from: int | None = COMPRESS_FROM,
        large_events: str | None = None,
        outbox: Outbox | Path | str | None = None,
        sequence: bool = False,
    ) -> None:
        self._core = ProducerCore(
            publisher,
            registry=read_contracts(contracts),
            source=source,
            now=now,
            reporter=Reporter(on_delivery, on_error),
            tracer=tracer,
            compress_from=compress_from,
            large_events=large_events,
            outbox=None if outbox is None else _started(outbox, publisher),
            sequence=sequence,
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
        **options: Unpack[ProducerOptions],
    ) -> EventProducer:
        """Return a producer with the project and the contracts that the job's settings name.

        An argument overrides a variable ``HEADRACE_*``, which overrides the profile, which overrides ``headrace.toml``
        in the working folder, or *file*. *open_publisher* makes the publisher for the project: give
        ``partial(PubSubPublisher, ordered=True)`` for ordering keys. It also gets *topics*, the existing topics by
        subject, if the settings name any. *options* are those of the constructor.

        Raises:
            ProducerConfigError: the file or a setting is missing or invalid.
            ContractError: a contract is invalid.
        """
        config = ProducerConfig.read(project=project, contracts=contracts, profile=profile, file=file)
        return cls(config.publisher(open_publisher), source=source, contracts=config.contracts, **options)

    def publish(
        self,
        subject: str,
        fields: Mapping[str, Any] | EventObject,
        *,
        event_id: str | None = None,
        ordering_key: str | None = None,
        durable: bool | None = None,
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
        asyncio.wrap_future(future)``, or an ``AsyncEventProducer``.

        With an outbox, the call returns when the event is committed in the file, unless *durable* is False. From then
        on the event cannot be lost, and the future settles when it is delivered.

        Returns:
            A future that gives Pub/Sub's message id, or raises the error that made publishing fail.

        Raises:
            UnknownSchemaError: no contract for *subject*.
            InvalidEventError: a field does not fit its type, a value's own code raises an error, or the event is larger
                than 16 MiB; names the field, the value's type and the remedy. Nothing was sent.
            ProducerConfigError: the contract allows compression, and the package for it is not installed.
            ValueError: *event_id* or *ordering_key* is not a text of 1 to 1,024 bytes; or the contract does not trust
                ids, and *event_id* is not the one that its identity gives; or *durable* is True without an outbox.
            CredentialsError: Google's credentials are missing or cannot be read.
            LargeEventError: a large event could not be uploaded. The event was not accepted.
            OutboxFullError: the outbox had no room in time. The event was not accepted.
            OutboxError: the outbox cannot be written. The event was not accepted.
            ProducerClosedError: the producer is closed.
        """
        message = self._core.make(subject, fields, event_id, ordering_key)
        if self._core.is_large(message):
            message = self._core.upload(message)
        return self._core.send(message, durable)

    def stats(self) -> ProducerStats:
        """Return how many events of this process were accepted, confirmed, failed and refused so far."""
        return self._core.stats()

    def flush(self, timeout: float | None = None) -> None:
        """Wait until every event published so far is confirmed; *timeout* is in seconds.

        Raises:
            TimeoutError: some events are not confirmed yet; they may still arrive. It is a ``NotSentError`` if they are
                safe in the outbox.
            PublishError: some events failed since the last flush; gives their number.
        """
        self._core.flush(timeout)

    def close(self, timeout: float | None = None) -> None:
        """Flush, then close the publisher; raises the same errors as ``flush``. Closing twice has no further effect.

        With an outbox, it waits ten seconds at most unless *timeout* says otherwise. Events that are not sent by then
        stay in the file. That is no error: their number is logged, and the next producer or ``outbox send`` sends them.
        """
        self._core.close(timeout)

    def __enter__(self) -> EventProducer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _started(outbox: Outbox | Path | str, publisher: Publisher) -> Outbox:
    from headrace.producers.outbox import Outbox

    opened = outbox if isinstance(outbox, Outbox) else Outbox(outbox)
    opened.start(publisher)
    return opened
