"""A table in memory, which the steps of the embedded engine fill: no Pub/Sub, no BigQuery, no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from headrace.bigquery.row_json import columns_of_table, rows_to_json
from headrace.core.dead_letter import DeadLetter, dead_letters
from headrace.core.message import Message
from headrace.core.micro_batch import MicroBatch
from headrace.engine.decided_rows import decided_rows
from headrace.engine.prepare import Preparation
from headrace.runtime.clock import now_micros
from headrace.schemas.envelope import to_micros
from headrace.schemas.registry import Registry
from headrace.steps.append import STAGE
from headrace.steps.deduplicate import SeenIds
from headrace.steps.mask.tokens import TokenKey

if TYPE_CHECKING:
    from headrace.producers.testing import PublishedMessage

TEST_KEY: Final = b"a key for tests, which is public"  # tokens in cases stay the same as long as it does
_WINDOW: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row in JSON, and the message that it was read from."""

    message: Message = field(repr=False)
    values: Mapping[str, Any] = field(repr=False)


class MemoryTable:
    """The table of one subject.

    *stored* holds the rows and *letters* the dead letters, in the order in which they were made. *duplicates* and
    *dropped* count the other messages. *warnings* counts the events that break each rule which only warns. *now* is the
    time at which messages arrive; without it, the clock's. Tokens are made with a key for tests, :data:`TEST_KEY`.
    """

    def __init__(self, registry: Registry, subject: str, *, now: datetime | None = None) -> None:
        """Compile the steps of *subject*; raises UnknownSchemaError if *registry* has no contract of it."""
        self.subject = subject
        self.registry = registry
        self.columns = columns_of_table(registry.latest(subject))
        self.stored: list[StoredRow] = []
        self.letters: list[DeadLetter] = []
        self.duplicates = 0
        self.dropped = 0
        self.warnings: Counter[str] = Counter()
        self._now = None if now is None else to_micros(now)
        self._preparation = Preparation(registry, subject, _WINDOW, TokenKey(TEST_KEY))
        self._seen = SeenIds()

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows in JSON, with Headrace's own columns."""
        return [dict(row.values) for row in self.stored]

    def publish(self, *events: Mapping[str, Any], source: str = "/test") -> None:
        """Publish *events* with the SDK, which checks their fields, and take them.

        Raises:
            InvalidEventError: an event does not match its contract.
        """
        from headrace.producers import EventProducer
        from headrace.producers.testing import FakePublisher

        publisher = FakePublisher()
        with EventProducer(publisher, source=source, contracts=self.registry) as producer:
            for fields in events:
                producer.publish(self.subject, fields)
        self.receive(publisher.messages)

    def receive(self, published: Iterable[PublishedMessage]) -> None:
        """Take messages of a fake publisher, without those of other subjects."""
        now = self._moment()
        chosen = [each for each in published if each.subject == self.subject]
        self.take(
            [Message(self.subject, each.data, each.attributes, str(place), now) for place, each in enumerate(chosen)]
        )

    def take(self, messages: Sequence[Message]) -> None:
        """Decode, mask, window, transform and deduplicate *messages*, as a round of the engine does."""
        while messages:
            prepared = self._preparation.prepare(messages, self._moment())
            read = messages[: len(messages) - prepared.left]
            self.letters += prepared.letters
            self.dropped += prepared.dropped
            self.warnings.update(prepared.warnings)
            if prepared.batch is not None:
                self._settle(read, prepared.batch)
            messages = messages[len(read) :]

    def _settle(self, messages: Sequence[Message], batch: MicroBatch) -> None:
        decided = decided_rows(batch, self._seen.decide(batch))
        for part in decided.parts:
            self._seen.remember(part)
            read_from = part.notes.column("message").to_pylist()
            rows = rows_to_json(self.columns, part.rows)
            self.stored += [StoredRow(messages[place], row) for place, row in zip(read_from, rows, strict=True)]
        self.duplicates += len(decided.duplicates)
        self.letters += dead_letters(messages, batch, decided.refusals, STAGE)
        if decided.waiting:
            self._settle(messages, batch.take(decided.waiting))

    def _moment(self) -> int:
        return now_micros() if self._now is None else self._now
