"""A backfill for given settings: its files, checked, and the engine that writes them. Starts nothing."""

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
from headrace.config.key_files import read_masking_key
from headrace.config.secrets import HeldKey, Key
from headrace.config.served_contracts import served
from headrace.config.settings import Settings
from headrace.engine.build import build_backfill_engine
from headrace.engine.embedded import Embedded
from headrace.engine.journal import Journal
from headrace.engine.retry import RetryPolicy
from headrace.engine.sources import Preparer, Source
from headrace.engine.status import SubjectStatus
from headrace.job import job_of
from headrace.runtime.clock import now_micros
from headrace.runtime.google_clients import open_bigquery
from headrace.schemas.registry import Contract


class HistorySource(Source, Protocol):
    """What gives lines, to its end. Its *fraction* is read, 0 when nobody knows how much there is."""

    fraction: float
    settled_before: int
    finished: bool


class History(Protocol):
    """Lines of one contract, from wherever."""

    @property
    def contract(self) -> Contract:
        """What the lines are events of."""

    def source(self, journal: Journal | None, retry: RetryPolicy, stop: threading.Event) -> HistorySource:
        """The lines as the engine takes them."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Files that are to be read, checked as far as that goes before a line is read."""

    task: Task

    @classmethod
    def of(cls, settings: Settings, subject: str, files: Sequence[str], mapping: str | None) -> Reading:
        """Raises MappingError, BackfillError, UnknownSchemaError."""
        contract = served(settings).latest(subject)
        read = read_mapping(mapping, contract, settings.project)
        looked_at = look_at(files, contract, read, settings.project)
        return cls(Task(contract, read, looked_at, now_micros(), settings.round_messages))

    @property
    def contract(self) -> Contract:
        """What the lines are events of."""
        return self.task.contract

    def source(self, journal: Journal | None, retry: RetryPolicy, stop: threading.Event) -> FileSource:
        """The files as the engine takes them, read by another process."""
        return FileSource(self.task, read_ahead, journal, retry, stop)


def build_backfill(settings: Settings, reading: History) -> tuple[Embedded, HistorySource]:
    """The engine for one subject's files, not started. It claims the subject as an engine that streams does.

    So neither writes what the other is about to write, and the one that streams next looks up what came before.
    """
    subject, stop = reading.contract.subject, threading.Event()
    job, journal = job_of(settings, subject, held_key(settings)), Journal.open(settings.journal)
    source = reading.source(journal, RetryPolicy("place", SubjectStatus(subject), stop), stop)

    def open_source(name: str, status: SubjectStatus, stop: threading.Event) -> tuple[Source, Preparer]:
        return source, LinePreparer(job, name)

    return build_backfill_engine(settings, job, journal, open_bigquery(settings.project), open_source, stop), source


def held_key(settings: Settings) -> Key:
    """The masking key, in this process; raises SettingsError when it cannot be read."""
    return HeldKey(read_masking_key(settings.masking_key_file))
