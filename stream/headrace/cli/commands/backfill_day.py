"""``headrace backfill --replace-partition DAY``: replace the rows of a day by those of the files."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from headrace.backfill.build_backfill import Reading
from headrace.backfill.day_of_rows import SPOOL, DayReader, Spooled, day_of
from headrace.backfill.file_rounds import Task
from headrace.backfill.parquet_load import check_loadable
from headrace.backfill.reading_process import read_ahead
from headrace.backfill.replace_partition import DayReplacement
from headrace.cli.commands.backfill import is_waiting
from headrace.config.settings import Settings
from headrace.engine.build import build_backfill_engine
from headrace.engine.embedded import Embedded
from headrace.engine.journal import Journal
from headrace.engine.retry import RetryPolicy
from headrace.engine.sources import Preparer, Source
from headrace.engine.status import SubjectStatus
from headrace.errors import Exit
from headrace.job import Job, held_key, job_of
from headrace.runtime.garbage import collect_less_often
from headrace.runtime.google_clients import open_bigquery
from headrace.runtime.logs import set_up_logs
from headrace.runtime.processes import stop_on_signals
from headrace.util.output import check_format, say, show


def replace_day(
    settings: Settings, subject: str, files: Sequence[str], mapping: str | None, day: str, format_: str, dry_run: bool
) -> Exit:
    """Replace the rows of *day* by those of *files*. With *dry_run*, check the files and write nothing.

    Raises:
        BackfillError: a line is not an event of that day, or the table has a JSON column; nothing was written.
    """
    check_format(format_)
    set_up_logs(settings.log_format)
    collect_less_often()
    task = replace(Reading.of(settings, subject, files, mapping).task, loaded=True)
    check_loadable(task.contract)
    if dry_run:
        return _check(settings, task, day, format_)
    engine, replacement = build_replacement(settings, task, day)
    stop_on_signals(engine.stop)
    engine.run()
    counts = _counts(subject, day, replacement.done) | {"replaced_before": replacement.settled_before}
    show("backfill", [counts], format_, dry_run=False, complete=replacement.finished)
    if replacement.finished and is_waiting(engine):
        return Exit.UNREACHABLE
    if not replacement.finished:
        say("interrupted; run the command again")
        return Exit.INTERRUPTED
    return Exit.DONE


def build_replacement(settings: Settings, task: Task, text: str) -> tuple[Embedded, DayReplacement]:
    """Build, but do not start, the engine that replaces one day. It claims the subject like a streaming engine."""
    subject, stop = task.contract.subject, threading.Event()
    job, journal = job_of(settings, subject, held_key(settings, [task.contract])), Journal.open(settings.journal)
    client = open_bigquery(settings.project)
    day = day_of(text, task.contract, task.now)
    replacement = DayReplacement(
        task.contract,
        day,
        key=hashlib.blake2b(f"{text} {[each.key for each in task.files]}".encode(), digest_size=10).hexdigest(),
        job=job,
        names=settings.names,
        reader=DayReader(job, subject, day, settings.journal / SPOOL),
        rounds=partial(read_ahead, task),
        journal=journal,
        client=client,
        retry=RetryPolicy("day", SubjectStatus(subject), stop),
        stop=stop,
    )

    def open_source(job: Job, name: str, status: SubjectStatus, stop: threading.Event) -> tuple[Source, Preparer]:
        return replacement, replacement

    engine = build_backfill_engine(settings, job, journal, client, open_source, stop)
    replacement.check_claim = engine.check_claim
    return engine, replacement


def _check(settings: Settings, task: Task, text: str, format_: str) -> Exit:
    subject, day = task.contract.subject, day_of(text, task.contract, task.now)
    with tempfile.TemporaryDirectory() as folder, closing(read_ahead(task)) as rounds:
        job = job_of(settings, subject, held_key(settings, [task.contract]))
        spooled = DayReader(job, subject, day, Path(folder) / SPOOL).read(rounds)
        show("backfill", [_counts(subject, text, spooled)], format_, dry_run=True, complete=True)
    return Exit.DONE


def _counts(subject: str, day: str, spooled: Spooled | None) -> dict[str, Any]:
    found = spooled or Spooled()
    return {
        "subject": subject,
        "day": day,
        "lines": found.lines,
        "written": found.rows,
        "duplicates": found.duplicates,
    }
