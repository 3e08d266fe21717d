"""Factory of a backfill: checks its files and builds the engine that writes them, but starts nothing."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from headrace.backfill.file_rounds import Task
from headrace.backfill.file_source import FileSource
from headrace.backfill.files import look_at
from headrace.backfill.mapping import read_mapping
from headrace.backfill.preparer import LinePreparer
from headrace.backfill.reading_process import read_ahead
from headrace.config.served_contracts import served
from headrace.config.settings import Settings
from headrace.engine.build import build_backfill_engine
from headrace.engine.embedded import Embedded
from headrace.engine.journal import Journal
from headrace.engine.retry import RetryPolicy
from headrace.engine.sources import Preparer, Source
from headrace.engine.status import SubjectStatus
from headrace.job import Job, held_key, job_of
from headrace.runtime.clock import now_micros
from headrace.runtime.google_clients import open_bigquery
from headrace.schemas.registry import Contract


class HistorySource(Source, Protocol):
    """Source of lines that ends. *fraction* is the part that is read, or 0 if the total is unknown."""

    fraction: float
    settled_before: int
    finished: bool


class History(Protocol):
    """Lines of one contract, from any source."""

    @property
    def contract(self) -> Contract:
        """The contract of the lines."""

    def source(self, journal: Journal | None, retry: RetryPolicy, stop: threading.Event) -> HistorySource:
        """Return the lines as a source for the engine."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Files to read, checked as far as possible without reading a line."""

    task: Task

    @classmethod
    def of(cls, settings: Settings, subject: str, files: Sequence[str], mapping: str | None) -> Reading:
        """Check *files* and *mapping*; raises MappingError, BackfillError or UnknownSchemaError."""
        contract = served(settings).latest(subject)
        read = read_mapping(mapping, contract, settings.project)
        looked_at = look_at(files, contract, read, settings.project)
        return cls(Task(contract, read, looked_at, now_micros(), settings.round_messages))

    @property
    def contract(self) -> Contract:
        """The contract of the lines."""
        return self.task.contract

    def source(self, journal: Journal | None, retry: RetryPolicy, stop: threading.Event) -> FileSource:
        """Return the files as a source for the engine; another process reads them."""
        return FileSource(self.task, read_ahead, journal, retry, stop)


def build_backfill(settings: Settings, reading: History) -> tuple[Embedded, HistorySource]:
    """Build the engine for one subject's files, without starting it.

    The engine claims the subject as a streaming engine does. So the two never write the same events at the same time,
    and the next streaming engine looks up rows that are already written.
    """
    subject, stop = reading.contract.subject, threading.Event()
    job, journal = job_of(settings, subject, held_key(settings, [reading.contract])), Journal.open(settings.journal)
    source = reading.source(journal, RetryPolicy("place", SubjectStatus(subject), stop), stop)

    def open_source(job: Job, name: str, status: SubjectStatus, stop: threading.Event) -> tuple[Source, Preparer]:
        return source, LinePreparer(job, name)

    return build_backfill_engine(settings, job, journal, open_bigquery(settings.project), open_source, stop), source
