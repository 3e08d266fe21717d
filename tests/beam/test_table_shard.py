"""One (table, shard), step by step: what each bundle sends, and what it leaves for the next."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest
from google.rpc import code_pb2

from headrace.beam import pages as module
from headrace.beam.append_queue import IDLE_MICROS, AppendError, AppendProgress
from headrace.beam.packing import PendingAppend, QueuedBatch, pack_pending, pack_queued, unpack_pending, unpack_queued
from headrace.beam.row_outcomes import RowOutcomes
from headrace.beam.state import WorkerCache
from headrace.beam.table_shard import TableShard
from headrace.beam.tally_dofn import combine_tallies, to_micro_batch
from headrace.bigquery.append_result import Answer, HaltError
from headrace.bigquery.existing_rows import SKEW_MICROSECONDS
from headrace.bigquery.write_streams import Rows
from headrace.core.arrivals import tally_arrivals
from headrace.core.dead_letter import Reason
from headrace.core.message import Message
from headrace.core.micro_batch import MicroBatch
from headrace.core.outcome import Outcome
from headrace.core.tally import tally_rows
from headrace.steps.append import request_bytes
from tests.support.shard_state import (
    TABLE,
    StateValues,
    Table,
    a_batch,
    a_message,
    the_append_queue,
    the_ids,
    the_queue,
)


class Shard:
    """A table shard whose every bundle is committed, and the table it writes to."""

    def __init__(self, budget: int = 10**6, comparable: frozenset[int] | None = None) -> None:
        self.state: StateValues = {}
        self.comparable = comparable
        self.table = Table()
        self.budget = budget
        self.now = 0

    @property
    def table_shard(self) -> TableShard:
        cache = WorkerCache()
        append_queue = the_append_queue(self.state, self.table, cache)
        return TableShard(
            the_ids(self.state, cache, budget=self.budget, comparable=self.comparable), append_queue, self.table
        )

    def enqueue(self, *events: str, published_at: int = 1) -> RowOutcomes:
        batch = a_batch([a_message(event[0], event, published_at) for event in events])
        return self.table_shard.enqueue(batch)

    def append(self) -> AppendProgress:
        return self.table_shard.append(self.table, self.now)

    def append_in_vain(self) -> None:
        """The timer fires while BigQuery does not answer."""
        self.table.is_away = True
        self.append()
        self.table.is_away = False

    def settle(self) -> list[RowOutcomes]:
        """Let the timer fire while it is set."""
        progress = self.append()
        outcomes = progress.outcomes
        while progress.next_in_seconds is not None:
            progress = self.append()
            outcomes += progress.outcomes
        return outcomes

    @property
    def ids(self) -> list[str]:
        return [event_id for event_id, _ in self.table.rows]


def test_process_decides_and_sends_nothing() -> None:
    shard = Shard()
    shard.enqueue("a1")
    outcomes = shard.enqueue("a1", "b1", "a2")
    assert (list(outcomes.duplicates), [refusal.reason for refusal in outcomes.refusals]) == ([0], [Reason.ID_CONFLICT])
    assert outcomes.written == ()
    assert shard.table.streams == {}


def test_rows_are_assigned_by_one_bundle_and_appended_by_the_next() -> None:
    shard = Shard()
    shard.enqueue("a1", "b1")
    assert shard.append().outcomes == []
    assert shard.ids == []
    (outcomes,) = shard.append().outcomes
    assert list(outcomes.written) == [0, 1]
    assert shard.ids == ["a", "b"]


def test_a_timer_that_fires_again_in_its_bundle_sends_nothing() -> None:
    shard = Shard()
    shard.enqueue("a1")
    table_shard = shard.table_shard
    assert [table_shard.append(shard.table, 0).next_in_seconds is not None for _ in range(3)] == [True] * 3
    assert shard.ids == []


def test_batches_that_wait_are_joined_into_one_append_of_one_schema() -> None:
    shard = Shard()
    for event in ("a1", "b1", "c1"):
        shard.enqueue(event)
    other = a_batch([a_message("d", "d1")])
    wider = other.rows.append_column("more", pa.array(["x"]))
    shard.table_shard.enqueue(MicroBatch("things", wider, other.notes, other.sealed))
    shard.append()
    pending = the_queue(shard.state).read_pending()
    assert pending is not None
    assert len(pending) in (1, 3), "the bag has no order"
    (waiting,) = [len(batches) for name, batches in shard.state.items() if name.startswith("page_") and batches]
    assert waiting == 4 - len(pending.batches)


def test_no_more_is_joined_than_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "APPEND_BYTES", 2 * request_bytes(a_batch([a_message("a", "a1")]).rows))
    shard = Shard()
    for name in "abcde":
        shard.enqueue(f"{name}1")
    shard.append()
    pending = the_queue(shard.state).read_pending()
    assert pending is not None
    assert len(pending) == 2
    shard.settle()
    assert sorted(shard.ids) == list("abcde")


def test_a_row_no_request_can_hold_is_refused_and_its_neighbours_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.steps.append.MAX_REQUEST_BYTES", 2000)
    shard = Shard()
    outcomes = shard.enqueue("a1", "b" * 3000, "c1")
    assert [(refusal.index, refusal.reason) for refusal in outcomes.refusals] == [(1, Reason.ROW_TOO_LARGE)]
    shard.settle()
    assert sorted(shard.ids) == ["a", "c"]
    assert shard.enqueue("b1").refusals == [], "its id is not remembered"


def test_refused_rows_leave_with_the_head_rewritten_in_a_new_stream() -> None:
    shard = Shard()
    shard.table.named = {"b"}
    shard.enqueue("a1", "b1", "c1")
    shard.append()
    (outcomes,) = shard.append().outcomes
    assert [(refusal.index, refusal.reason) for refusal in outcomes.refusals] == [(1, Reason.REFUSED_BY_BIGQUERY)]
    assert shard.ids == [], "the rest is appended when the letters are committed"
    shard.settle()
    assert [list(ids) for ids in shard.table.streams.values()] == [[], [("a", "a1"), ("c", "c1")]]
    assert list(shard.enqueue("b1").duplicates) == [], "a replay is welcome"


def test_a_batch_refused_as_a_whole_is_halved_down_to_the_guilty_row() -> None:
    shard = Shard()
    shard.table.unnamed = {"g"}
    shard.enqueue(*(f"{name}1" for name in "abcdefgh"))
    outcomes = shard.settle()
    assert sorted(shard.ids) == list("abcdefh")
    (refused,) = [each for each in outcomes if each.refusals]
    assert refused.batch.rows["id"][refused.refusals[0].index].as_py() == "g"


def test_a_stream_is_replaced_when_it_has_been_idle_and_ends_where_it_should() -> None:
    shard = Shard()
    shard.enqueue("a1")
    shard.settle()
    shard.now += IDLE_MICROS + 1
    shard.enqueue("b1")
    shard.settle()
    assert [len(rows) for rows in shard.table.streams.values()] == [1, 1]
    assert len(shard.table.finalised) == 1


def test_a_finalised_stream_that_holds_the_head_means_written() -> None:
    shard = Shard()
    shard.enqueue("a1")
    shard.append()
    (stream,) = shard.table.streams
    shard.table.append(stream, 0, Rows.of(a_batch([a_message("a", "a1")]).rows))
    shard.table.finalise(stream)
    (outcomes,) = shard.settle()
    assert list(outcomes.written) == [0]
    assert shard.ids == ["a"]


def test_a_stream_that_holds_more_than_was_committed_halts() -> None:
    shard = Shard()
    shard.enqueue("a1")
    shard.append()
    (stream,) = shard.table.streams
    shard.table.streams[stream] += [("x", "x1")] * 2
    shard.table.finalise(stream)
    with pytest.raises(HaltError, match="has 2 rows where 0 were committed, and perhaps 1 more"):
        shard.append()


def test_a_gap_before_the_offset_halts() -> None:
    shard = Shard()
    shard.enqueue("a1")
    shard.settle()
    shard.enqueue("b1")
    shard.append()
    (stream,) = shard.table.streams
    shard.table.streams[stream].clear()
    with pytest.raises(HaltError, match="not as committed at offset 1"):
        shard.append()


class Denied(Table):
    def append(self, stream: str, offset: int, rows: Rows) -> Answer:
        return Answer(code_pb2.PERMISSION_DENIED)


def test_a_table_that_may_not_be_written_fails_the_bundle_and_names_the_remedy() -> None:
    shard = Shard()
    shard.table = Denied()
    shard.enqueue("a1")
    shard.append()
    with pytest.raises(AppendError, match=r"tables/things.*headrace provision.*updateData"):
        shard.append()


def test_the_older_half_of_the_ids_is_forgotten_at_the_budget_and_nothing_is_copied() -> None:
    #  a b | c d | e: a b are forgotten
    shard = Shard(budget=4)
    for name in "abcd":
        shard.enqueue(f"{name}1")
        shard.settle()
    sizes = {name: [len(chunk) for chunk in shard.state[name]] for name in ("ids_even", "ids_odd")}
    assert sizes == {"ids_even": [], "ids_odd": [24, 24]}
    assert list(shard.enqueue("c1", published_at=2).duplicates) == [0]
    assert list(shard.enqueue("a1", published_at=2).duplicates) == [], "beyond the horizon"


def test_an_id_whose_row_still_waits_is_not_forgotten() -> None:
    #  a b | c d | e f |: nothing is appended
    shard = Shard(budget=4)
    for name in "abcdef":
        shard.enqueue(f"{name}1")
        shard.append_in_vain()
    assert list(shard.enqueue("a1", "d1", published_at=9).duplicates) == [0, 1]
    shard.settle()
    for name in "ghij":
        shard.enqueue(f"{name}1")
        shard.settle()
    assert list(shard.enqueue("a1", published_at=9).duplicates) == [], "written by now"


def test_what_was_published_before_ids_were_forgotten_is_looked_up_in_the_table() -> None:
    shard = Shard(budget=4)
    shard.table.clock = 5
    for name in "abcd":
        shard.enqueue(f"{name}1")
        shard.settle()
    outcomes = shard.enqueue("a1", "b2", "e1", published_at=5)
    assert (list(outcomes.duplicates), [refusal.index for refusal in outcomes.refusals]) == ([0], [1])
    shard.settle()
    assert sorted(shard.ids) == list("abcde")


def test_what_is_newer_than_what_is_remembered_asks_the_table_nothing() -> None:
    shard = Shard()
    for name in "abc":
        shard.enqueue(f"{name}1")
    assert shard.table.asked == 1, "once, whether it is empty"


def test_rows_of_an_earlier_job_are_not_written_again() -> None:
    shard = Shard()
    shard.table.streams[shard.table.create(TABLE)].append(("a", "a1"))
    outcomes = shard.enqueue("a1", "b1", published_at=SKEW_MICROSECONDS)
    assert list(outcomes.duplicates) == [0]
    shard.settle()
    assert sorted(shard.ids) == ["a", "b"]
    assert shard.enqueue("a1", published_at=SKEW_MICROSECONDS + 1).duplicates == [], "published after the job began"


def test_ids_that_an_earlier_release_remembered_are_looked_up_when_they_come_again() -> None:
    #  the state of a running job that is updated: its entries and its waiting batches do not name a rule
    shard = Shard()
    shard.enqueue("a1", "b1", "c1")
    shard.settle()
    shard.enqueue("d1")
    shard.comparable = frozenset({2})
    asked = shard.table.asked
    outcomes = shard.enqueue("a1", "b2", "d1", "e1")
    assert list(outcomes.duplicates) == [0]
    conflicts = {refusal.index: "replay this one later" in refusal.detail for refusal in outcomes.refusals}
    assert conflicts == {1: False, 2: True}, "the row of the last one still waits"
    assert shard.table.asked == asked + 1
    shard.settle()
    assert list(shard.enqueue("d1").duplicates) == [0]
    assert sorted(shard.ids) == list("abcde")


@pytest.mark.parametrize("is_written", [True, False])
def test_an_append_whose_stream_is_gone_with_its_count_is_looked_up_in_the_table(is_written: bool) -> None:
    shard = Shard()
    shard.enqueue("a1", "b1")
    shard.append()
    (stream,) = shard.table.streams
    if is_written:
        shard.table.append(stream, 0, Rows.of(a_batch([a_message("a", "a1"), a_message("b", "b1")]).rows))
    shard.table.gone.add(stream)
    (outcomes,) = shard.settle()
    assert list(outcomes.written) == [0, 1]
    assert shard.ids == ["a", "b"]


def test_an_append_of_which_the_table_holds_a_part_halts() -> None:
    shard = Shard()
    shard.enqueue("a1", "b1")
    shard.append()
    (stream,) = shard.table.streams
    shard.table.append(stream, 0, Rows.of(a_batch([a_message("a", "a1")]).rows))
    shard.table.gone.add(stream)
    with pytest.raises(HaltError, match="1 of 2 rows that were appended together"):
        shard.append()


def test_a_worker_reads_the_bags_only_when_it_does_not_know_the_version() -> None:
    shard, cache = Shard(), WorkerCache()
    shard.enqueue("a1")
    ids = the_ids(shard.state, cache)
    known = ids.seen()
    assert the_ids(shard.state, cache).seen() is known
    shard.enqueue("b1")  # by another worker
    assert len(the_ids(shard.state, cache).seen()) == 2


def test_what_state_holds_is_read_back_as_it_was() -> None:
    batches = (a_batch([a_message("a", "1"), a_message("b", "2")]), a_batch([a_message("c", "3")]))
    assert unpack_pending(pack_pending(PendingAppend("s", 7, 8, batches))) == PendingAppend("s", 7, 8, batches)
    assert unpack_pending(pack_pending(PendingAppend("s", 7, 8))) == PendingAppend("s", 7, 8)
    assert unpack_queued(pack_queued(QueuedBatch(batches[0], alone=True))) == QueuedBatch(batches[0], alone=True)


def test_tallies_that_wait_together_are_added_up_and_appended_once() -> None:
    state: StateValues = {}
    table = Table()
    for number in range(3):
        events = a_batch([a_message(f"{number}{place}", "x") for place in range(2)])
        tally = tally_rows(events, Outcome.WRITTEN, timedelta(minutes=1))
        the_append_queue(state, table, join=combine_tallies).add(to_micro_batch(tally.counts))
    for now in (1, 2, 3):  # assign; append; nothing more
        progress = the_append_queue(state, table, join=combine_tallies).append(table, now)
    assert progress.next_in_seconds is None
    ((subject, outcome, reason, tallied_at, _id, _until, events_counted, _windows, _sequences),) = table.rows
    assert (subject, outcome, reason, events_counted) == ("things", "written", None, 6)
    assert tallied_at.microsecond == 1, "the time is the pending append's, so that each attempt sends the same bytes"


def test_numbers_that_arrived_wait_with_the_tallies_and_are_joined() -> None:
    state: StateValues = {}
    table = Table()
    for number in (1, 2, 2, 9):
        attributes = {"ce-source": "/checkout", "ce-sequence": f"a1-{number}"}
        (tally,) = tally_arrivals([Message("things", b"", attributes, "m", 7)], timedelta(minutes=1))
        the_append_queue(state, table, join=combine_tallies).add(to_micro_batch(tally.counts))
    for now in (1, 2):  # assign; append
        the_append_queue(state, table, join=combine_tallies).append(table, now)
    (row,) = table.rows
    assert row[1] == "arrived"
    assert [(each["first_number"], each["last_number"]) for each in row[-1]] == [(1, 2), (9, 9)]


def test_tallies_refused_as_a_whole_are_halved_and_never_added_up_twice() -> None:
    state: StateValues = {}
    table = Table()
    table.unnamed = {"things"}
    events = a_batch([a_message("a", "x")])
    for outcome in (Outcome.RECEIVED, Outcome.WRITTEN):
        tally = tally_rows(events, outcome, timedelta(minutes=1))
        the_append_queue(state, table, join=combine_tallies).add(to_micro_batch(tally.counts))
    for now in (1, 2):  # assign; refused and halved
        the_append_queue(state, table, join=combine_tallies).append(table, now)
    table.unnamed = set()
    again: float | None = 0
    while again is not None:
        again = the_append_queue(state, table, join=combine_tallies).append(table, 3).next_in_seconds
    assert sorted(row[1] for row in table.rows) == ["received", "written"]


def test_an_event_is_written_again_to_a_recreated_table() -> None:
    shard = Shard()
    shard.enqueue("a1", "b1")
    shard.settle()
    shard.table.recreate(b"another")

    outcomes = shard.enqueue("a1", "b2")

    assert (list(outcomes.duplicates), list(outcomes.refusals)) == ([], [])
    shard.settle()
    assert shard.ids == ["a", "b"]
    assert list(shard.enqueue("a1").duplicates) == [0]


def test_an_id_whose_row_waits_is_remembered_until_the_row_is_in_the_recreated_table() -> None:
    #  |a written|table recreated while b waits|b and a again: both count as duplicates|b written|a again|
    shard = Shard()
    shard.enqueue("a1")
    shard.settle()
    shard.enqueue("b1")
    shard.table.recreate(b"another")
    assert list(shard.enqueue("b1", "a1").duplicates) == [0, 1]
    shard.settle()
    assert shard.ids == ["b"]

    shard.table.clock = 5
    assert list(shard.enqueue("b1").duplicates) == [0], "looked up"
    shard.enqueue("a1")
    shard.settle()
    assert shard.ids == ["b", "a"]


def test_ids_of_an_unknown_table_are_kept_once_it_is_known() -> None:
    shard = Shard()
    shard.enqueue("a1")
    shard.settle()
    ids = the_ids(shard.state, WorkerCache())
    ids.note_table(b"")  # as while it cannot be read
    asked = shard.table.asked

    assert list(shard.enqueue("a1").duplicates) == [0]
    assert the_ids(shard.state, WorkerCache()).table() == b"the tabl"
    assert shard.table.asked == asked
