"""``headrace backfill``: files through the embedded engine, with a journal of their own."""

from __future__ import annotations

import os
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from google.cloud.bigquery import Client

from schemas.registry import Contract, Registry
from stream.backfill.events import FILE, LINE
from stream.backfill.files import look_at
from stream.backfill.mapping import read_mapping
from stream.backfill.preparer import LinePreparer
from stream.backfill.reading_process import read_ahead
from stream.backfill.rounds import Task
from stream.backfill.source import FileSource
from stream.clients import open_bigquery, open_gapic_publisher, open_subscriber, open_write
from stream.clock import now_micros
from stream.commands.line import Line
from stream.commands.run import collect_less_often, job_for
from stream.commands.served import served
from stream.deadletter import DeadLetter, Reason
from stream.engine.embedded import Embedded, EngineClients, Progress
from stream.engine.intake import Intake, Preparer, Source
from stream.engine.journal import Journal
from stream.engine.patience import Patience
from stream.engine.prepare import Prepared
from stream.engine.status import SubjectStatus
from stream.exits import Exit
from stream.job import Job
from stream.keys import KEY_BYTES, HeldKey, Key
from stream.logs import set_up_logs
from stream.message import Message
from stream.output import check_format, say, show
from stream.processes import stop_on_signals
from stream.reach import JOB, reach
from stream.settings import Settings, read_masking_key
from stream.streams import WriteStreams
from stream.subscriptions import look_at_letters
from stream.transform import find_functions

MOST_SHOWN: Final = 10
_REASONS: Final = (Reason.INVALID_LINE, Reason.IN_THE_FUTURE, Reason.TRANSFORM_FAILED)  # before a row is written


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

    def source(self, journal: Journal | None, patience: Patience, stop: threading.Event) -> HistorySource:
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

    def source(self, journal: Journal | None, patience: Patience, stop: threading.Event) -> FileSource:
        """The files as the engine takes them, read by another process."""
        return FileSource(self.task, read_ahead, journal, patience, stop)


def check_files(settings: Settings, subject: str, files: Sequence[str], mapping: str | None, format_: str) -> Exit:
    """Read and check every line; nothing is opened but the files."""
    return check(settings, Reading.of(settings, subject, files, mapping), format_)


def check(settings: Settings, reading: History, format_: str) -> Exit:
    """Judge every line of *reading* as a run does, and say which it would refuse.

    What only the table can say is left: whether it holds an event already, and whether BigQuery takes its row.
    """
    check_format(format_)
    subject, stop, line = reading.contract.subject, threading.Event(), Line("checked", noun="lines")
    stop_on_signals(stop)
    source = reading.source(None, Patience("read", SubjectStatus(subject), stop), stop)
    job = job_of(settings, subject, HeldKey(os.urandom(KEY_BYTES)))  # whatever the tokens are, nobody sees them
    preparer, lines, dropped, refused = LinePreparer(job, subject), 0, 0, Counter[str]()
    while not stop.is_set():
        for pulled in source.take(settings.round_messages, 0):
            for prepared in _prepared(preparer, pulled.messages, job):
                for letter in prepared.letters[: max(MOST_SHOWN - refused.total(), 0)]:
                    say(_with_line(letter))
                refused.update(letter.reason for letter in prepared.letters)
                dropped += prepared.dropped
            lines += len(pulled.messages)
            line(lines, _estimate(lines, source.fraction))
    line.end()
    bad = refused.total()
    counts = {"subject": subject, "lines": lines, "events": lines - dropped - bad, "dropped": dropped}
    counts |= {str(reason): refused[reason] for reason in _REASONS}
    show("backfill", [counts], format_, dry_run=True, complete=source.finished)
    return _exit(source, bad)


def _prepared(preparer: LinePreparer, messages: Sequence[Message], job: Job) -> Iterator[Prepared]:
    """What a run makes of *messages* before it writes them, in as many rounds as it takes."""
    while messages:
        prepared = preparer.prepare(messages, job.clock())
        yield prepared
        messages = messages[len(messages) - prepared.left :]


def _with_line(letter: DeadLetter) -> str:
    """The detail of *letter*, which names file and line when the line is no event."""
    if letter.reason is Reason.INVALID_LINE:
        return letter.detail
    attributes = letter.message.attributes
    return f"{attributes[FILE]}, line {attributes[LINE]}: {letter.detail}"


def run_backfill(settings: Settings, subject: str, files: Sequence[str], mapping: str | None, format_: str) -> Exit:
    """Write what the table does not hold yet, and say what became of every line."""
    return write(settings, Reading.of(settings, subject, files, mapping), format_)


def write(settings: Settings, reading: History, format_: str) -> Exit:
    """Write what the table does not hold yet of *reading*, and say what became of every line."""
    check_format(format_)
    set_up_logs(settings.log_format)
    subject = reading.contract.subject
    engine, source = build_backfill(settings, reading)
    stop_on_signals(engine.stop)
    status, line = engine.status.subjects[subject], Line("backfilled", noun="lines")

    def say_progress(progress: Progress) -> None:
        before = source.settled_before
        line(before + progress.acknowledged, _estimate(before + progress.acknowledged, source.fraction))

    engine.on_progress = say_progress
    collect_less_often()
    try:
        engine.run()
    finally:
        line.end()
    bad = sum(status.dead_letters.values())
    counts: dict[str, Any] = {
        "subject": subject,
        "settled_before": source.settled_before,
        "lines": status.counts["received"],
        "written": status.counts["written"],
        "duplicates": status.counts["duplicate"],
        "dead_lettered": bad,
    }
    show("backfill", [counts], format_, dry_run=False, complete=source.finished)
    if source.finished and is_waiting(engine):
        return Exit.UNREACHABLE
    if not source.finished:
        say("interrupted; run it again and it goes on where it was")
    return _exit(source, bad)


def is_waiting(engine: Embedded) -> bool:
    """Whether something was still in the way of an engine that has ended; says what."""
    for waiting in (each for each in engine.status.subjects.values() if each.in_the_way):
        say(f"{waiting.subject}: {'; '.join(waiting.in_the_way.values())}; run it again, nothing is counted twice")
        return True
    return False


def build_backfill(settings: Settings, reading: History) -> tuple[Embedded, HistorySource]:
    """The engine for one subject's files, not started. It claims the subject as an engine that streams does.

    So neither writes what the other is about to write, and the one that streams next looks up what came before.
    """
    subject, stop = reading.contract.subject, threading.Event()
    job, journal = job_of(settings, subject, held_key(settings)), Journal.open(settings.journal)
    source = reading.source(journal, Patience("place", SubjectStatus(subject), stop), stop)

    def intake(name: str, status: SubjectStatus, stop: threading.Event) -> tuple[Source, Preparer]:
        return source, LinePreparer(job, name)

    return engine_of(settings, job, journal, open_bigquery(settings.project), intake, stop), source


def held_key(settings: Settings) -> Key:
    """The masking key, in this process; raises SettingsError when it cannot be read."""
    return HeldKey(read_masking_key(settings.masking_key_file))


def job_of(settings: Settings, subject: str, masking_key: Key) -> Job:
    """The job that *settings* describe, of one subject alone.

    Raises:
        ContractError: its contract names a function that is not installed.
    """
    registry = Registry({each.ref: each for each in settings.serviceable_registry() if each.subject == subject})
    find_functions(registry)
    return job_for(settings, registry, masking_key, now_micros)


def engine_of(
    settings: Settings, job: Job, journal: Journal, client: Client, intake: Intake, stop: threading.Event
) -> Embedded:
    """The engine for what *intake* gives, not started."""
    reach(*JOB)
    write = open_write(settings.project)
    return Embedded(
        job=job,
        names=settings.names,
        journal=journal,
        clients=EngineClients(
            publisher=open_gapic_publisher(),
            bigquery=client,
            streams=WriteStreams(write, settings.append_seconds),
            claim_streams=WriteStreams(write, min(settings.append_seconds, settings.lease_seconds / 3)),
            letters=partial(look_at_letters, open_subscriber(), settings.names),
        ),
        intake=intake,
        holder=f"a backfill on {socket.gethostname()}, process {os.getpid()}",
        lease_seconds=settings.lease_seconds,
        round_messages=settings.round_messages,
        location=settings.location,
        stop=stop,
        once=True,
    )


def _estimate(lines: int, fraction: float) -> int:
    """How many lines there will be, by how much of the files they were."""
    return max(lines, round(lines / fraction)) if fraction else lines


def _exit(source: HistorySource, bad: int) -> Exit:
    if not source.finished:
        return Exit.INTERRUPTED
    return Exit.FOUND if bad else Exit.DONE
