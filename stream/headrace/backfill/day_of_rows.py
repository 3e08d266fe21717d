"""Rows of one day of a table: all are read, checked and spooled to a file before any is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import pyarrow.compute as pc
import pyarrow.parquet as pq

from headrace.backfill.backfill_errors import BackfillError
from headrace.backfill.file_rounds import Round
from headrace.backfill.line_events import FILE, LINE
from headrace.backfill.preparer import line_decoder
from headrace.core.message import Message
from headrace.core.micro_batch import MicroBatch
from headrace.core.outcome import Outcome
from headrace.core.tally import Tally, add_up, tally_rows, tally_written
from headrace.engine.prepare import Preparation
from headrace.job import Job
from headrace.runtime.rule_warning_log import RuleWarningLog
from headrace.schemas.annotations import Partition
from headrace.schemas.envelope import from_micros, to_micros
from headrace.schemas.registry import Contract
from headrace.schemas.times import read_date
from headrace.steps.deduplicate import SeenIds

SPOOL: Final = "day.parquet"


@dataclass(frozen=True, slots=True)
class Day:
    """One day in UTC, which is a partition of a table."""

    date: date

    @property
    def begin(self) -> int:
        """Its first microsecond since 1970."""
        return to_micros(datetime(self.date.year, self.date.month, self.date.day, tzinfo=UTC))

    @property
    def end(self) -> int:
        """The first microsecond after the day."""
        return self.begin + timedelta(days=1) // timedelta(microseconds=1)

    @property
    def decorator(self) -> str:
        """BigQuery's decorator of the partition, as in ``table$20260131``."""
        return f"${self.date:%Y%m%d}"


def day_of(text: str, contract: Contract, now: int) -> Day:
    """Read the day to replace, such as ``2026-01-31``, in the table of *contract*; *now* is in microseconds.

    Raises:
        BackfillError: the text is not a day, or the table has no such partition, or no longer keeps it.
    """
    try:
        day = Day(read_date(text))
    except ValueError as error:
        raise BackfillError("--replace-partition: not a day; write it as 2026-01-31") from error
    if contract.options.partition is not Partition.DAY:
        raise BackfillError(
            f"{contract.options.table}: it has a partition for each {contract.options.partition}; only days can be "
            "replaced"
        )
    expiry = contract.options.expire_after_days
    if expiry and day.end <= now - expiry * (day.end - day.begin):
        raise BackfillError(f"{text}: the table forgets a row after {expiry} days (expire_after_days); leave it out")
    return day


@dataclass(slots=True)
class Spooled:
    """Rows to write, and counts for the tallies."""

    lines: int = 0
    rows: int = 0
    duplicates: int = 0
    tallies: list[Tally] = field(default_factory=list)


class DayReader:
    """Reader that makes rows of one subject's lines; all of them must be rows of *day*."""

    def __init__(self, job: Job, subject: str, day: Day, path: Path) -> None:
        decoder = line_decoder(job.registry, subject)
        self._job = job
        self._day = day
        self.path = path
        self._preparation = Preparation(job.registry, subject, job.window, job.token_key(), decoder)
        self._subject = subject
        self._warnings = RuleWarningLog()

    def read(self, rounds: Iterable[Round]) -> Spooled:
        """Spool the masked rows of *rounds*.

        Raises:
            BackfillError: a line is not an event, belongs to another day, or repeats an earlier event's id with other
                content; or there are no rows. Nothing has been written in these cases.
        """
        spooled, seen, writer = Spooled(), SeenIds(), None
        try:
            for each in rounds:
                for messages, batch in self._rows_of(each.messages, spooled):
                    if (new := self._new(batch, messages, seen, spooled)) is not None:
                        writer = writer or pq.ParquetWriter(self.path, new.rows.schema)
                        writer.write_batch(new.rows)
        finally:
            if writer is not None:
                writer.close()
        if not spooled.rows:
            raise BackfillError("the files have no row for that day; to empty a day, delete its rows in BigQuery")
        return spooled

    def _rows_of(self, messages: list[Message], spooled: Spooled) -> Iterator[tuple[list[Message], MicroBatch]]:
        while messages:
            prepared = self._preparation.prepare(messages, self._job.clock())
            for letter in prepared.letters:
                raise BackfillError(
                    f"{letter.detail}; a day is replaced as a whole or not at all, and nothing was written: "
                    "correct the file"
                )
            end = len(messages) - prepared.left
            spooled.lines += end
            self._count(spooled, prepared.tallies)
            self._warnings.note(self._subject, prepared.warnings)
            if prepared.batch is not None:
                yield messages[:end], prepared.batch
            messages = messages[end:]

    def _new(self, batch: MicroBatch, messages: list[Message], seen: SeenIds, spooled: Spooled) -> MicroBatch | None:
        self._refuse_other_days(batch, messages)
        decision = seen.decide(batch)
        for refusal in decision.conflicts:
            where = _where(batch, messages, refusal.index)
            raise BackfillError(
                f"{where}: an event with this id and other content comes before it; nothing was written"
            )
        new, again = batch.take(decision.new), batch.take(decision.duplicates)
        seen.remember(new)
        window = self._job.window
        if len(again):
            self._count(spooled, [tally_rows(again, each, window) for each in (Outcome.RECEIVED, Outcome.DUPLICATE)])
            spooled.duplicates += len(again)
        if not len(new):
            return None
        self._count(spooled, [tally_rows(new, Outcome.RECEIVED, window), tally_written(new, window)])
        spooled.rows += len(new)
        return new

    def _refuse_other_days(self, batch: MicroBatch, messages: list[Message]) -> None:
        times = batch.notes.column("event_time")
        outside = pc.or_(pc.less(times, self._day.begin), pc.greater_equal(times, self._day.end))
        for index in pc.indices_nonzero(outside).to_pylist():
            found = from_micros(times[index].as_py()).date()
            raise BackfillError(
                f"{_where(batch, messages, index)}: an event of {found} (UTC), and {self._day.date} is to be replaced; "
                "leave it out. Nothing was written"
            )

    def _count(self, spooled: Spooled, tallies: list[Tally]) -> None:
        if tallies:
            spooled.tallies = [add_up([*spooled.tallies, *tallies])]


def _where(batch: MicroBatch, messages: list[Message], index: int) -> str:
    message = messages[batch.notes.column("message")[index].as_py()]
    return f"{message.attributes[FILE]}, line {message.attributes[LINE]}"
