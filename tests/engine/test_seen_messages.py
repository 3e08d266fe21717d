"""What a subject remembers, and of which messages it asks the table: by BigQuery's time, never by this machine's."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from structlog.testing import capture_logs

from headrace.bigquery.existing_rows import SKEW_MICROSECONDS
from headrace.core.micro_batch import MicroBatch, notes_by
from headrace.engine.journal import Journal
from headrace.engine.receipts import receipts_for
from headrace.engine.retry import RetryPolicy
from headrace.engine.seen_messages import SeenMessages, with_receipts
from headrace.engine.status import SubjectStatus
from headrace.engine.witnesses import parse_witnesses
from headrace.schemas.envelope import from_micros
from tests.support.shard_state import a_batch, a_message

NOW = 1_800_000_000_000_000
DAY = 86_400_000_000
RULE = 0x0702


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


def seen_by(
    folder: Path,
    stored: Any,
    budget: int = 100,
    finite: bool = False,
    taken_over: bool = False,
    comparable: frozenset[int] | None = None,
) -> SeenMessages:
    journal = Journal.open(folder)
    journal.claim("one", 0, 30)
    retry = RetryPolicy("write", SubjectStatus("things"), threading.Event())
    seen = SeenMessages(
        "things",
        journal,
        stored_rows=stored,
        needs_queries="needs queries",
        retry=retry,
        budget=budget,
        finite=finite,
        comparable=comparable,
    )
    seen.recall(taken_over)
    return seen


def events(*published: tuple[str, int], receipts: Sequence[bytes] = ()) -> MicroBatch:
    batch = a_batch([a_message(event_id, event_id, moment) for event_id, moment in published])
    times = pa.array([moment for _, moment in published], pa.timestamp("us", "UTC"))
    rows = batch.rows.append_column("_event_id", batch.rows.column("id")).append_column("_event_time", times)
    batch = replace(batch, rows=rows)
    return with_receipts(batch, receipts or [event_id.encode().ljust(16) for event_id, _ in published])


def by_rule(rule: int, batch: MicroBatch) -> MicroBatch:
    """The batch with hashes of a *rule*, as a decoder notes it."""
    schema = batch.notes.schema.with_metadata(notes_by(rule).metadata)
    return replace(batch, notes=pa.RecordBatch.from_arrays(batch.notes.columns, schema=schema))


def write(seen: SeenMessages, batch: MicroBatch) -> None:
    note = seen.prepare_commit(batch)
    with seen._journal.transaction() as transaction:
        committed = note(transaction)
    committed()


def test_a_table_with_rows_is_asked_of_all_that_was_published_until_now_and_a_minute(tmp_path: Path) -> None:
    stored = StoredRows({"a", "b"})
    until = NOW + SKEW_MICROSECONDS
    decision = seen_by(tmp_path / "j", stored).decide(events(("a", NOW - DAY), ("b", until), ("c", until + 1)))
    assert (decision.duplicates, decision.new) == ([0, 1], [2])
    assert stored.asked == ["a", "b"]


def test_an_empty_table_is_asked_nothing(tmp_path: Path) -> None:
    stored = StoredRows()
    assert seen_by(tmp_path / "j", stored).decide(events(("a", NOW - DAY))).new == [0]
    assert stored.asked == []


def test_the_table_is_asked_again_after_a_takeover(tmp_path: Path) -> None:
    stored = StoredRows()
    seen_by(tmp_path / "j", stored)._journal.close()
    stored.ids, stored.clock = {"a"}, NOW + DAY
    seen = seen_by(tmp_path / "j", stored, taken_over=True)
    assert seen.decide(events(("a", NOW + DAY))).duplicates == [0]


@pytest.mark.parametrize(("clock", "until"), [(NOW, NOW), (NOW - DAY, NOW - 5)], ids=["BigQuery's time", "the newest"])
def test_what_was_published_before_ids_are_forgotten_is_looked_up_from_then_on(
    tmp_path: Path, clock: int, until: int
) -> None:
    #  a | b | c: a is forgotten
    stored = StoredRows(clock=clock)
    seen = seen_by(tmp_path / "j", stored, budget=2)
    for name, moment in (("a", NOW - 9), ("b", NOW - 7), ("c", NOW - 5)):
        write(seen, events((name, moment)))
        stored.ids.add(name)
        seen.turn_when_due()
    assert seen.decide(events(("a", until), ("x", until + 1))).duplicates == [0]
    assert stored.asked == ["a"]


def test_every_line_of_a_finite_source_is_looked_up_regardless_of_its_time(tmp_path: Path) -> None:
    stored = StoredRows({"a"})
    seen = seen_by(tmp_path / "j", stored, finite=True)
    assert seen.decide(events(("a", NOW + 300 * DAY), ("b", NOW))).duplicates == [0]
    assert stored.asked == ["a", "b"]


def restarted(seen: SeenMessages, folder: Path, stored: Any, budget: int = 100) -> SeenMessages:
    """What the next process remembers."""
    seen._journal.close()
    return seen_by(folder, stored, budget)


def test_the_next_process_remembers_ids_and_messages_without_asking_the_table(tmp_path: Path) -> None:
    stored = StoredRows()
    seen = seen_by(tmp_path / "j", stored)
    message = a_message("a", "a", NOW)
    write(seen, events(("a", NOW), receipts=receipts_for([message])))
    stored.ids.add("a")
    for each in (seen, restarted(seen, tmp_path / "j", stored)):
        assert each.unsettled([message]) == {}
        assert list(each.unsettled([message, a_message("b", "b", NOW + 1)]).values()) == [a_message("b", "b", NOW + 1)]
        assert each.decide(events(("a", NOW), ("b", NOW))).duplicates == [0]
    assert stored.asked == []


def test_ids_in_the_journal_of_an_earlier_release_are_looked_up_when_they_come_again(tmp_path: Path) -> None:
    stored = StoredRows()
    earlier = seen_by(tmp_path / "j", stored)
    write(earlier, events(("a", NOW), ("b", NOW)))
    earlier._journal.close()
    stored.ids.add("a")
    seen = seen_by(tmp_path / "j", stored, comparable=frozenset({RULE}))
    decision = seen.decide(by_rule(RULE, events(("a", NOW + 1), ("b", NOW + 1), ("c", NOW + 1))))
    assert (decision.new, decision.duplicates, [each.index for each in decision.conflicts]) == ([2], [0], [1])
    assert stored.asked == ["a", "b"]


def test_ids_of_this_release_are_never_looked_up(tmp_path: Path) -> None:
    stored = StoredRows()
    seen = seen_by(tmp_path / "j", stored, comparable=frozenset({RULE}))
    write(seen, by_rule(RULE, events(("a", NOW))))
    seen._journal.close()
    for each in (seen, seen_by(tmp_path / "j", stored, comparable=frozenset({RULE}))):
        assert each.decide(by_rule(RULE, events(("a", NOW + 1)))).duplicates == [0]
    assert stored.asked == []


def test_what_was_written_with_one_id_and_another_content_is_a_conflict(tmp_path: Path) -> None:
    seen = seen_by(tmp_path / "j", StoredRows())
    write(seen, events(("a", NOW)))
    alike = events(("a", NOW))
    place = alike.notes.schema.get_field_index("content_hash")
    other = replace(alike, notes=alike.notes.set_column(place, "content_hash", pa.array([1], pa.int64())))
    assert [each.index for each in seen.decide(other).conflicts] == [0]


def test_ids_are_forgotten_a_half_at_a_time_by_this_process_and_by_the_next(tmp_path: Path) -> None:
    #  a | b | c: a is forgotten; what comes after all of them is not looked up
    stored = StoredRows(clock=NOW)
    seen = seen_by(tmp_path / "j", stored, budget=2)
    for name in "abc":
        write(seen, events((name, NOW)))
        if name != "c":
            seen.turn_when_due()
    again = events(*((name, NOW + 1) for name in "abc"))
    for each in (seen, restarted(seen, tmp_path / "j", stored, budget=2)):
        decision = each.decide(again)
        assert (decision.new, decision.duplicates) == ([0], [1, 2])
    assert stored.asked == []


def test_nothing_is_forgotten_as_long_as_there_is_room(tmp_path: Path) -> None:
    stored = StoredRows()
    seen = seen_by(tmp_path / "j", stored, budget=4)
    write(seen, events(("a", NOW)))
    seen.turn_when_due()
    assert seen._journal.since("things") == 0
    write(seen, events(("b", NOW)))
    seen.turn_when_due()
    assert seen._journal.since("things") == NOW


def test_what_came_late_does_not_hide_how_far_publish_times_have_come(tmp_path: Path) -> None:
    stored = StoredRows(clock=NOW - DAY)
    seen = seen_by(tmp_path / "j", stored, budget=4)
    write(seen, events(("a", NOW - 5)))
    write(seen, events(("b", NOW - 9)))
    seen.turn_when_due()
    assert seen._journal.since("things") == NOW - 5


def test_of_a_finite_source_nothing_is_looked_up_where_nothing_was(tmp_path: Path) -> None:
    stored = StoredRows()
    seen = seen_by(tmp_path / "j", stored, finite=True)
    stored.ids.add("a")
    assert seen.decide(events(("a", NOW))).new == [0]
    assert stored.asked == []


def test_what_was_remembered_of_another_table_is_forgotten_with_what_else_is_noted(tmp_path: Path) -> None:
    stored = StoredRows()
    seen = seen_by(tmp_path / "j", stored)
    message = a_message("a", "a", NOW)
    write(seen, events(("a", NOW), receipts=receipts_for([message])))
    stored.ids = {"b"}
    seen.forget(lambda transaction: transaction.identify("things", "another table"))
    assert seen._journal.identity("things") == "another table"
    for each in (seen, restarted(seen, tmp_path / "j", stored)):
        assert list(each.unsettled([message]).values()) == [message]
        decision = each.decide(events(("a", NOW + SKEW_MICROSECONDS), ("b", NOW + SKEW_MICROSECONDS)))
        assert (decision.new, decision.duplicates) == ([0], [1])
    assert stored.asked == ["a", "b"] * 2


def test_some_of_the_rows_are_kept_to_see_later_whether_they_are_still_there(tmp_path: Path) -> None:
    seen = seen_by(tmp_path / "j", StoredRows())
    write(seen, events(("a", NOW)))
    write(seen, events(("b", NOW)))
    assert [each.event_id for each in parse_witnesses(seen._journal.witnesses("things"))] == ["a"]


@pytest.mark.parametrize(
    ("ids", "since"), [(set(), "the first message"), ({"a"}, str(from_micros(NOW + SKEW_MICROSECONDS)))]
)
def test_the_time_since_when_ids_are_remembered_is_logged(tmp_path: Path, ids: set[str], since: str) -> None:
    with capture_logs() as logs:
        seen_by(tmp_path / "j", StoredRows(ids))
    assert [(each["event"], each["since"]) for each in logs] == [("remembers", since)]
