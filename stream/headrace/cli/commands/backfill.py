"""``headrace backfill``: write files with the embedded engine and a separate journal."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from headrace.backfill.build_backfill import History, HistorySource, Reading, build_backfill
from headrace.backfill.line_events import FILE, LINE
from headrace.backfill.preparer import LinePreparer
from headrace.config.secrets import KEY_BYTES, HeldKey
from headrace.config.settings import Settings
from headrace.console.progress_line import ProgressLine
from headrace.core.dead_letter import DeadLetter, Reason
from headrace.core.message import Message
from headrace.engine.embedded import Embedded, Progress
from headrace.engine.prepare import Prepared
from headrace.engine.retry import RetryPolicy
from headrace.engine.status import SubjectStatus
from headrace.errors import Exit
from headrace.job import Job, job_of
from headrace.runtime.garbage import collect_less_often
from headrace.runtime.logs import set_up_logs, warn_of_fallback
from headrace.runtime.processes import stop_on_signals
from headrace.util.output import check_format, say, show
from headrace.util.terminal_columns import counted

MOST_SHOWN: Final = 10
# before a row is written
_REASONS: Final = (Reason.INVALID_LINE, Reason.IN_THE_FUTURE, Reason.TRANSFORM_FAILED, Reason.RULE_BROKEN)


def check_files(settings: Settings, subject: str, files: Sequence[str], mapping: str | None, format_: str) -> Exit:
    """Read and check every line; open nothing but the files."""
    return check(settings, Reading.of(settings, subject, files, mapping), format_)


def check(settings: Settings, reading: History, format_: str) -> Exit:
    """Check every line of *reading* as a run does, and print the lines that it would refuse.

    Do not check whether the table has an event already, or whether BigQuery accepts the row.
    """
    check_format(format_)
    subject, stop, line = reading.contract.subject, threading.Event(), ProgressLine("checked", noun="lines")
    stop_on_signals(stop)
    source = reading.source(None, RetryPolicy("read", SubjectStatus(subject), stop), stop)
    job = job_of(settings, subject, HeldKey(os.urandom(KEY_BYTES)))  # any key will do, because the tokens are discarded
    preparer, lines, dropped, refused = LinePreparer(job, subject), 0, 0, Counter[str]()
    warnings = Counter[str]()
    while not stop.is_set():
        for pulled in source.take(settings.round_messages, 0):
            for prepared in _prepared(preparer, pulled.messages, job):
                for letter in prepared.letters[: max(MOST_SHOWN - refused.total(), 0)]:
                    say(_with_line(letter))
                refused.update(letter.reason for letter in prepared.letters)
                warnings.update(prepared.warnings)
                dropped += prepared.dropped
            lines += len(pulled.messages)
            line(lines, _estimate(lines, source.fraction))
    line.end()
    _say_warnings(subject, warnings)
    bad = refused.total()
    counts = {"subject": subject, "lines": lines, "events": lines - dropped - bad, "dropped": dropped}
    counts |= {str(reason): refused[reason] for reason in _REASONS}
    show("backfill", [counts], format_, dry_run=True, complete=source.finished)
    return _exit(source, bad)


def _say_warnings(subject: str, warnings: Mapping[str, int]) -> None:
    for rule, events in sorted(warnings.items()):
        say(f"{subject}: rule {rule}, which only warns, is broken by {counted(events, 'event')}")


def _prepared(preparer: LinePreparer, messages: Sequence[Message], job: Job) -> Iterator[Prepared]:
    """Yield *messages* prepared in rounds, as a run prepares them before it writes rows."""
    while messages:
        prepared = preparer.prepare(messages, job.clock())
        yield prepared
        messages = messages[len(messages) - prepared.left :]


def _with_line(letter: DeadLetter) -> str:
    """Return the detail of *letter* with file and line; the detail of an invalid line has them already."""
    if letter.reason is Reason.INVALID_LINE:
        return letter.detail
    attributes = letter.message.attributes
    return f"{attributes[FILE]}, line {attributes[LINE]}: {letter.detail}"


def run_backfill(settings: Settings, subject: str, files: Sequence[str], mapping: str | None, format_: str) -> Exit:
    """Write the events that the table lacks, and print the number of lines by outcome."""
    return write(settings, Reading.of(settings, subject, files, mapping), format_)


def write(settings: Settings, reading: History, format_: str) -> Exit:
    """Write the events of *reading* that the table lacks, and print the number of lines by outcome."""
    check_format(format_)
    set_up_logs(settings.log_format)
    warn_of_fallback()
    subject = reading.contract.subject
    engine, source = build_backfill(settings, reading)
    stop_on_signals(engine.stop)
    status, line = engine.status.subjects[subject], ProgressLine("backfilled", noun="lines")

    def show_progress(progress: Progress) -> None:
        before = source.settled_before
        line(before + progress.acknowledged, _estimate(before + progress.acknowledged, source.fraction))

    engine.on_progress = show_progress
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
        say("interrupted; run the command again, it continues")
    return _exit(source, bad)


def is_waiting(engine: Embedded) -> bool:
    """Return whether the engine ended with an unsolved problem, and print the problem."""
    for waiting in (each for each in engine.status.subjects.values() if each.in_the_way):
        problems = "; ".join(waiting.in_the_way.values())
        say(f"{waiting.subject}: {problems}; run the command again, nothing is counted twice")
        return True
    return False


def _estimate(lines: int, fraction: float) -> int:
    """Estimate the total number of lines from the fraction of the files that was read."""
    return max(lines, round(lines / fraction)) if fraction else lines


def _exit(source: HistorySource, bad: int) -> Exit:
    if not source.finished:
        return Exit.INTERRUPTED
    return Exit.FOUND if bad else Exit.DONE
