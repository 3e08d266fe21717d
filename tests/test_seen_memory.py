"""What a subject remembers, and of which messages it asks the table: by BigQuery's time, never by this machine's."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headrace.bigquery.existing_rows import SKEW_MICROSECONDS
from headrace.core.micro_batch import MicroBatch
from headrace.engine.journal import Journal
from headrace.engine.retry import Patience
from headrace.engine.seen_messages import Memory, with_receipts
from headrace.engine.status import SubjectStatus
from tests.ledgers import a_batch, a_message

NOW = 1_800_000_000_000_000
DAY = 86_400_000_000


@dataclass
class StoredRows:
    """A table that holds *ids*, and says that it is *now*."""

    ids: set[str] = field(default_factory=set)
    clock: int = NOW
    asked: list[str] = field(default_factory=list)

    def is_empty(self) -> bool:
        return not self.ids

    def now(self) -> int:
        return self.clock

    def compare(self, rows: pa.RecordBatch) -> dict[int, bool]:
        ids = rows.column("id").to_pylist()
        self.asked += ids
        return {index: True for index, each in enumerate(ids) if each in self.ids}


def a_memory(folder: Path, stored: Any, budget: int = 100, finite: bool = False, taken_over: bool = False) -> Memory:
    journal = Journal.open(folder)
    journal.claim("one", 0, 30)
    patience = Patience("write", SubjectStatus("things"), threading.Event())
    memory = Memory("things", journal, stored, "needs queries", patience, budget, finite)
    memory.recall(taken_over)
    return memory


def events(*published: tuple[str, int]) -> MicroBatch:
    batch = a_batch([a_message(event_id, event_id, moment) for event_id, moment in published])
    times = pa.array([moment for _, moment in published], pa.timestamp("us", "UTC"))
    rows = batch.rows.append_column("_event_id", batch.rows.column("id")).append_column("_event_time", times)
    batch = replace(batch, rows=rows)
    return with_receipts(batch, [event_id.encode().ljust(16) for event_id, _ in published])


def write(memory: Memory, batch: MicroBatch) -> None:
    note = memory.reckon(batch)
    with memory._journal.transaction() as transaction:
        committed = note(transaction)
    committed()


def test_a_table_with_rows_is_asked_of_all_that_was_published_until_now_and_a_minute(tmp_path: Path) -> None:
    stored = StoredRows({"a", "b"})
    until = NOW + SKEW_MICROSECONDS
    decision = a_memory(tmp_path / "j", stored).decide(events(("a", NOW - DAY), ("b", until), ("c", until + 1)))
    assert (decision.duplicates, decision.fresh) == ([0, 1], [2])
    assert stored.asked == ["a", "b"]


def test_an_empty_table_is_asked_nothing(tmp_path: Path) -> None:
    stored = StoredRows()
    assert a_memory(tmp_path / "j", stored).decide(events(("a", NOW - DAY))).fresh == [0]
    assert stored.asked == []


def test_after_a_takeover_the_table_is_asked_anew(tmp_path: Path) -> None:
    stored = StoredRows()
    a_memory(tmp_path / "j", stored)._journal.close()
    stored.ids, stored.clock = {"a"}, NOW + DAY
    memory = a_memory(tmp_path / "j", stored, taken_over=True)
    assert memory.decide(events(("a", NOW + DAY))).duplicates == [0]


@pytest.mark.parametrize(("clock", "until"), [(NOW, NOW), (NOW - DAY, NOW - 5)], ids=["BigQuery's time", "the newest"])
def test_what_was_published_before_ids_are_forgotten_is_looked_up_from_then_on(
    tmp_path: Path, clock: int, until: int
) -> None:
    #  a | b | c: a is forgotten
    stored = StoredRows(clock=clock)
    memory = a_memory(tmp_path / "j", stored, budget=2)
    for name, moment in (("a", NOW - 9), ("b", NOW - 7), ("c", NOW - 5)):
        write(memory, events((name, moment)))
        stored.ids.add(name)
        memory.turn_when_due()
    assert memory.decide(events(("a", until), ("x", until + 1))).duplicates == [0]
    assert stored.asked == ["a"]


def test_of_a_finite_source_all_is_looked_up_whatever_time_its_lines_say(tmp_path: Path) -> None:
    stored = StoredRows({"a"})
    memory = a_memory(tmp_path / "j", stored, finite=True)
    assert memory.decide(events(("a", NOW + 300 * DAY), ("b", NOW))).duplicates == [0]
    assert stored.asked == ["a", "b"]
