"""One table's writer, against a server that answers as BigQuery may: each row once, or refused, or the engine halts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pyarrow as pa
import pytest

from headrace.bigquery.append_result import HaltError
from headrace.bigquery.write_streams import WriteStreams
from headrace.engine.journal import Journal
from headrace.engine.journal_lease import FencedError
from headrace.engine.pending_batch import CommitHook, PendingBatch
from headrace.engine.retry import RetryPolicy, StoppedError
from headrace.engine.status import SubjectStatus
from headrace.engine.table_writer import TableWriter
from headrace.engine.transaction import Transaction
from headrace.runtime.call_failures import plain
from tests.faults import scripted_answers as answers
from tests.faults.scripted_memory import MemoryStreams, Stream, a_scripted_memory
from tests.faults.scripted_streams import Append, Rule, ScriptedServer

PATH = "projects/p/datasets/d/tables/things"


@dataclass
class Books:
    """What the writer says of its rows."""

    server: ScriptedServer
    streams: MemoryStreams
    writer_of: Callable[[Books], TableWriter]
    stop: threading.Event = field(default_factory=threading.Event)
    status: SubjectStatus = field(default_factory=lambda: SubjectStatus("things"))
    noted: list[int] = field(default_factory=list)
    prepared: int = 0
    preparing: threading.Event = field(default_factory=threading.Event)
    refused: list[int] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    announced: list[str] = field(default_factory=list)
    table_misfits: list[str] = field(default_factory=list)
    taken_over: bool = False
    replaced: bool = False

    def prepare_commit(self, notes: pa.RecordBatch, rows: pa.RecordBatch) -> CommitHook:
        self.prepared += 1
        self.preparing.set()
        return lambda _: lambda: self.noted.extend(rows.column(0).to_pylist())

    def refuse(self, pending: PendingBatch, refused: Mapping[int, str]) -> Callable[[Transaction], None]:
        values = [pending.rows.column(0)[index].as_py() for index in refused]
        self.refused += values
        return lambda _: self.removed.extend(values)

    def stored(self, rows: pa.RecordBatch) -> Sequence[int]:
        return [index for index, each in enumerate(rows.column(0).to_pylist()) if each in self.rows]

    def is_replaced(self) -> bool:
        return self.replaced

    def schema_mismatches(self) -> Sequence[str]:
        return [self.table_misfits.pop()] if self.table_misfits else []

    def check(self) -> None:
        if self.taken_over:
            raise FencedError("taken over")

    def announce(self, stream: str) -> None:
        self.announced.append(stream)

    @property
    def rows(self) -> list[int]:
        """What the table holds."""
        return [row["value"] for row in self.streams.rows("things")]

    def hear(self) -> list[str]:
        """What is reported to be in the way from now on."""
        messages: list[str] = []

        def block(where: str, sentence: str) -> bool:
            messages.append(sentence)
            return True

        self.status.block = block  # type: ignore[method-assign]
        return messages

    def restarted(self) -> TableWriter:
        """The writer of the next process, on the same journal, recovered."""
        writer = self.writer_of(self)
        writer.recover()
        return writer


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    journal = Journal.open(tmp_path / "journal")
    journal.claim("a test", 0, 3600)
    with a_scripted_memory() as (server, streams, client):

        def writer_of(books: Books) -> TableWriter:
            retry = RetryPolicy("write", books.status, books.stop)
            return TableWriter(
                "things",
                PATH,
                journal=journal,
                streams=WriteStreams(client, 0.5),
                retry=retry,
                bookkeeping=books,
                fence=books,
            )

        yield Books(server, streams, writer_of)
    journal.close()


def write(writer: TableWriter, *values: int) -> None:
    rows = pa.RecordBatch.from_pydict({"value": pa.array(values, pa.int64())})
    writer.write(rows, rows, lambda _: None)


def test_rows_are_appended_in_order_to_a_stream_that_was_announced(books: Books) -> None:
    writer = books.restarted()
    write(writer, 1, 2)
    write(writer, 3)
    assert books.rows == books.noted == [1, 2, 3]
    assert books.announced == list(books.streams.streams)


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(answers.abort(grpc.StatusCode.UNAVAILABLE), id="not written, call ended"),
        pytest.param(answers.answer(grpc.StatusCode.RESOURCE_EXHAUSTED), id="not written, and the answer says so"),
        pytest.param(answers.lose_answer, id="written, call ended"),
        pytest.param(answers.never_answer(threading.Event()), id="written, no answer in time"),
    ],
)
def test_an_unknown_fate_is_asked_for_again_at_the_same_offset(books: Books, rule: Rule) -> None:
    writer = books.restarted()
    write(writer, 1)
    books.server.script.add(rule, times=1)
    write(writer, 2, 3)
    write(writer, 4)
    assert books.rows == books.noted == [1, 2, 3, 4]
    assert books.prepared == 3, "once for each batch, however often it is sent"
    assert len(books.streams.streams) == 1, "never on another stream"


def test_notes_for_the_journal_are_prepared_while_bigquery_has_the_rows(books: Books) -> None:
    writer = books.restarted()

    def answer_afterwards(append: Append) -> Any:
        assert books.preparing.wait(10), "waiting for the answer first would never end"
        return append.write()

    books.server.script.add(answer_afterwards, times=1)
    write(writer, 1)
    assert books.noted == [1]


def test_what_else_is_noted_is_committed_once_with_rows_and_without(books: Books) -> None:
    writer = books.restarted()
    noted: list[str] = []
    for values in ((1, 2), ()):
        rows = pa.RecordBatch.from_pydict({"value": pa.array(values, pa.int64())})
        writer.write(rows, rows, lambda _: noted.append("a round"))
    assert noted == ["a round"] * 2
    assert books.noted == [1, 2]


def test_guilty_rows_are_refused_and_the_others_written_in_their_order(books: Books) -> None:
    writer = books.restarted()
    books.server.script.add(answers.refuse_rows(lambda row: row["value"] in (20, 40)), times=1)
    write(writer, 10, 20, 30, 40, 50)
    assert (books.rows, books.refused) == ([10, 30, 50], [20, 40])
    assert books.removed == [20, 40], "with their letters the commit says so"


def test_a_batch_of_guilty_rows_alone_leaves_nothing(books: Books) -> None:
    writer = books.restarted()
    books.server.script.add(answers.refuse_rows(lambda _: True), times=1)
    write(writer, 1, 2)
    write(writer, 3)
    assert (books.rows, books.refused) == ([3], [1, 2])


def test_a_batch_refused_as_a_whole_is_halved_down_to_the_guilty_row(books: Books) -> None:
    writer = books.restarted()
    books.server.script.add(answers.refuse_batch(lambda row: row["value"] == 37), times=None)
    write(writer, *range(64))
    assert books.refused == [37]
    assert books.rows == [value for value in range(64) if value != 37]
    assert len(books.server.script.seen) <= 2 * 6 + 1


def test_a_table_that_is_not_as_its_contract_blames_no_row(books: Books) -> None:
    writer = books.restarted()
    messages = books.hear()
    books.table_misfits.append("the table has no column value")
    books.server.script.add(answers.refuse_batch(lambda _: True), times=1)
    write(writer, 1, 2)
    assert (books.rows, books.refused) == ([1, 2], [])
    assert "the table has no column value" in messages[0]


def test_before_a_batch_is_changed_its_stream_is_closed_to_an_attempt_that_may_be_on_its_way(books: Books) -> None:
    #  |sent, no answer|sent again: a row is refused|the first attempt arrives
    writer = books.restarted()
    books.server.script.add(answers.abort(grpc.StatusCode.UNAVAILABLE), times=1)
    books.server.script.add(answers.refuse_rows(lambda row: row["value"] == 2), times=None)
    write(writer, 1, 2)
    first, second = books.streams.streams.values()
    assert first.finalised
    assert (books.refused, books.rows) == ([2], [1])
    assert second.end == 1


def refuse_while_it_arrives(append: Append) -> Any:
    """Refuse the first row of an attempt, while an earlier one that was on its way is accepted."""
    append.write()
    return answers.refuse_indices(append, [0])


def test_a_batch_that_was_on_its_way_and_arrives_is_not_changed(books: Books) -> None:
    #  |sent, no answer|sent again: a row is refused, and the first attempt arrives
    writer = books.restarted()
    books.server.script.add(answers.abort(grpc.StatusCode.UNAVAILABLE), times=1)
    books.server.script.add(refuse_while_it_arrives, times=1)
    write(writer, 1, 2)
    write(writer, 3)
    assert (books.rows, books.noted, books.refused) == ([1, 2, 3], [1, 2, 3], [])


def test_half_a_batch_that_was_on_its_way_and_arrives_is_not_changed_and_the_other_follows(books: Books) -> None:
    #  |refused as a whole: halved|the first half sent, no answer|sent again: refused, and the first attempt arrives
    writer = books.restarted()
    books.server.script.add(answers.refuse_batch(lambda _: True), times=1)
    books.server.script.add(answers.abort(grpc.StatusCode.UNAVAILABLE), times=1)
    books.server.script.add(refuse_while_it_arrives, times=1)
    write(writer, 1, 2, 3, 4)
    assert (books.rows, books.noted, books.refused) == ([1, 2, 3, 4], [1, 2, 3, 4], [])


@pytest.mark.parametrize("status", [grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED])
def test_a_missing_permission_is_reported_and_waited_for(books: Books, status: grpc.StatusCode) -> None:
    writer = books.restarted()
    messages = books.hear()
    books.server.script.add(answers.answer(status), times=1)
    write(writer, 1)
    assert (books.rows, books.refused) == ([1], [])
    assert "updateData" in messages[0]
    assert messages[0].startswith(plain(PATH))


def test_a_stream_finalised_by_another_process_is_replaced_once_its_count_is_known(books: Books) -> None:
    writer = books.restarted()
    write(writer, 1, 2)
    (stream,) = books.streams.streams.values()
    stream.finalised = True
    messages = books.hear()
    write(writer, 3)
    assert books.rows == [1, 2, 3]
    assert len(books.announced) == 2
    assert messages == []


def test_a_new_stream_that_takes_no_rows_is_reported_before_another_is_tried(books: Books) -> None:
    writer = books.restarted()
    messages = books.hear()
    books.server.script.add(answers.answer(grpc.StatusCode.FAILED_PRECONDITION), times=1)
    write(writer, 1)
    assert ["a new stream takes no rows" in each for each in messages] == [True]
    assert (books.rows, len(books.announced)) == ([1], 2)


def test_a_stream_that_is_gone_is_replaced_and_the_table_asked(books: Books) -> None:
    writer = books.restarted()
    write(writer, 1, 2)
    kept = books.streams.streams.popitem()[1]
    write(writer, 3)
    books.streams.streams["older"] = kept
    assert sorted(books.rows) == [1, 2, 3]


def test_a_writer_that_was_taken_over_does_not_go_on(books: Books) -> None:
    writer = books.restarted()
    write(writer, 1)
    (stream,) = books.streams.streams.values()
    stream.finalised, books.taken_over = True, True
    with pytest.raises(FencedError):
        write(writer, 2)
    assert books.rows == [1]


@pytest.mark.parametrize("status", [grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.ALREADY_EXISTS])
def test_an_offset_that_is_not_ours_halts(books: Books, status: grpc.StatusCode) -> None:
    writer = books.restarted()
    books.server.script.add(answers.answer(status), times=1)
    with pytest.raises(HaltError, match=f"{PATH}/streams/.*offset 0"):
        write(writer, 1)
    assert books.rows == []


def test_an_offset_that_is_taken_on_a_new_stream_halts_for_nothing_of_ours_was_sent_there(books: Books) -> None:
    #  |sent, no answer|the stream is finalised: it holds nothing of this|another|its offset 0 is taken
    writer = books.restarted()
    write(writer, 1)
    (stream,) = books.streams.streams.values()
    books.server.script.add(answers.abort(grpc.StatusCode.UNAVAILABLE), times=1)
    books.server.script.add(answers.answer(grpc.StatusCode.FAILED_PRECONDITION), times=1)
    books.server.script.add(answers.answer(grpc.StatusCode.ALREADY_EXISTS), times=1)
    with pytest.raises(HaltError, match="offset 0"):
        write(writer, 2)
    assert stream.finalised
    assert books.rows == books.noted == [1]


def test_rows_of_another_behind_ours_halt_the_next_process(books: Books) -> None:
    #  |2 sent, no answer, process ends|another appends 99 behind it|next process
    writer = books.restarted()
    write(writer, 1)
    _leave_open(books, writer, 2)
    (stream,) = books.streams.streams.values()
    stream.batches.append(pa.RecordBatch.from_pydict({"value": [99]}))
    with pytest.raises(HaltError, match="has 3 rows where 1 were committed"):
        books.restarted()
    assert books.noted == [1]


def test_half_of_what_was_appended_together_halts_the_next_process(books: Books) -> None:
    #  |2 and 3 sent, no answer, process ends|the stream is gone, and 3 is not in the table|next process
    writer = books.restarted()
    _leave_open(books, writer, 2, 3)
    books.streams.streams.popitem()
    books.streams.streams["older"] = _a_stream(2)
    with pytest.raises(HaltError, match="1 of 2 rows"):
        books.restarted()
    assert books.noted == []


@pytest.mark.parametrize(("in_table", "noted"), [((2, 3), [2, 3]), ((), [2, 3])])
def test_a_stream_that_is_gone_leaves_the_table_to_say_what_was_written(
    books: Books, in_table: tuple[int, ...], noted: list[int]
) -> None:
    writer = books.restarted()
    _leave_open(books, writer, 2, 3)
    books.streams.streams.popitem()
    books.streams.streams["older"] = _a_stream(*in_table)
    books.restarted()
    assert (sorted(books.rows), books.noted) == ([2, 3], noted)


def test_after_a_takeover_rows_in_the_table_are_the_other_engine_s(books: Books) -> None:
    #  |2 sent, no answer, process ends|another engine writes 2; our stream is gone|we come back
    writer = books.restarted()
    _leave_open(books, writer, 2)
    books.streams.streams.popitem()
    books.streams.streams["another's"] = _a_stream(2)
    books.writer_of(books).recover(taken_over=True)
    assert books.noted == [], "it is counted by the engine that wrote it"
    assert books.rows == [2]
    books.restarted()
    assert (books.rows, books.noted) == ([2], []), "and by no later process of ours"


@pytest.mark.parametrize("how", ["taken_over", "replaced"])
def test_a_stream_is_left_for_good_when_its_table_is_another_s_or_another_one(books: Books, how: str) -> None:
    write(books.restarted(), 1)
    books.writer_of(books).recover(**{how: True})
    first, second = books.streams.streams.values()
    assert (first.finalised, second.finalised) == (True, False)


@pytest.mark.parametrize("how", ["taken_over", "replaced"])
def test_where_nothing_was_ever_written_no_stream_is_opened_in_any_case(books: Books, how: str) -> None:
    books.writer_of(books).recover(**{how: True})
    assert not books.streams.streams


def test_a_recreated_table_gets_a_new_stream_regardless_of_the_former_one(books: Books) -> None:
    writer = books.restarted()
    writer.reopen()
    assert not books.streams.streams, "there was none to leave"
    write(writer, 1, 2)
    (stream,) = books.streams.streams.values()
    stream.batches.clear()
    writer.reopen()
    write(writer, 3)
    assert (books.rows, books.noted) == ([3], [1, 2, 3])
    assert len(books.streams.streams) == 2


def _leave_open(books: Books, writer: TableWriter, *values: int) -> None:
    """Append *values*, lose the answer, and end the process before it can ask again."""
    books.server.script.add(answers.lose_answer, times=1)
    books.stop.set()
    with pytest.raises(StoppedError):
        write(writer, *values)
    books.stop.clear()


def _a_stream(*values: int) -> Stream:
    batches = [pa.RecordBatch.from_pydict({"value": pa.array(values, pa.int64())})]
    return Stream(PATH, 1, batches, finalised=True)


@pytest.mark.parametrize("more", [[99], [98, 99]])
def test_a_stream_with_more_rows_than_were_committed_halts_the_next_process_before_it_writes(
    books: Books, more: list[int]
) -> None:
    write(books.restarted(), 1)
    (stream,) = books.streams.streams.values()
    stream.batches.append(pa.RecordBatch.from_pydict({"value": more}))
    writer = books.restarted()
    with pytest.raises(HaltError, match=f"has {1 + len(more)} rows where 1 were committed"):
        write(writer, 2)
    assert books.rows == [1, *more]
    assert books.noted == [1]


def test_a_stream_with_fewer_rows_than_were_committed_halts_the_next_process_before_it_writes(books: Books) -> None:
    write(books.restarted(), 1, 2)
    (stream,) = books.streams.streams.values()
    stream.batches[:] = [pa.RecordBatch.from_pydict({"value": [1]})]
    writer = books.restarted()
    with pytest.raises(HaltError, match="has 1 rows where 2 were committed"):
        write(writer, 3)
    assert books.rows == [1]


def test_a_start_opens_no_stream_until_there_are_rows(books: Books) -> None:
    #  first process: one row|second: none|third: one row
    writer = books.restarted()
    assert not books.streams.streams
    write(writer, 1)
    books.restarted()
    (stream,) = books.streams.streams.values()
    assert not stream.finalised
    write(books.restarted(), 2)
    first, second = books.streams.streams.values()
    assert (first.finalised, second.end) == (True, 1)
    assert books.announced == list(books.streams.streams)
    assert books.rows == books.noted == [1, 2]


def test_an_empty_round_opens_no_stream(books: Books) -> None:
    write(books.restarted())
    assert not books.streams.streams


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(answers.lose_answer, id="written"),
        pytest.param(answers.abort(grpc.StatusCode.UNAVAILABLE), id="not written"),
    ],
)
def test_what_was_committed_and_not_settled_is_settled_by_the_next_process(books: Books, rule: Rule) -> None:
    writer = books.restarted()
    write(writer, 1)
    books.server.script.add(rule, times=1)
    books.stop.set()
    with pytest.raises(StoppedError):
        write(writer, 2, 3)
    books.stop.clear()

    writer = books.restarted()
    write(writer, 4)
    assert books.rows == books.noted == [1, 2, 3, 4]


def test_what_is_left_of_a_halved_batch_is_settled_by_the_next_process_in_its_order(books: Books) -> None:
    #  |2 refused as a whole: halved|first half written|process ends|next process
    writer = books.restarted()
    books.server.script.add(answers.refuse_batch(lambda _: True), times=1)
    books.server.script.add(lambda append: append.write(), times=1)
    books.server.script.add(answers.lose_answer, times=1)

    def end(where: str, sentence: str) -> bool:
        if len(books.server.script.seen) == 3:
            books.stop.set()
        return True

    books.status.block = end  # type: ignore[method-assign]
    with pytest.raises(StoppedError):
        write(writer, 1, 2, 3, 4)
    books.stop.clear()

    writer = books.restarted()
    write(writer, 5)
    assert books.rows == books.noted == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("restored", "rows"),
    [
        pytest.param([], [2, 3], id="recreated"),
        pytest.param([1, 2, 3], [1, 2, 3], id="restored with all rows"),
        pytest.param([1, 3], [1, 3, 2], id="restored, and a row deleted"),
    ],
)
def test_open_rows_go_to_a_recreated_table_unless_it_holds_them(
    books: Books, restored: list[int], rows: list[int]
) -> None:
    writer = books.restarted()
    write(writer, 1)
    books.server.script.add(answers.lose_answer, times=1)
    books.stop.set()
    with pytest.raises(StoppedError):
        write(writer, 2, 3)
    books.stop.clear()
    (stream,) = books.streams.streams.values()
    stream.batches[:] = [pa.RecordBatch.from_pydict({"value": pa.array(restored, pa.int64())})]

    writer = books.writer_of(books)
    writer.recover(replaced=True)

    assert books.rows == rows
    assert sorted(books.noted) == [1, 2, 3]
    write(writer, 4)
    assert books.rows == [*rows, 4]
    assert all(append.rows.num_rows for append in books.server.script.seen), "nobody sends a request of no rows"


@pytest.mark.parametrize("status", [grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND])
def test_a_stream_to_a_table_that_is_gone_is_left_once_there_is_another_table(
    books: Books, status: grpc.StatusCode
) -> None:
    writer = books.restarted()
    write(writer, 1)
    (stream,) = books.streams.streams.values()
    stream.batches.clear()
    books.server.script.add(answers.answer(status), times=1)
    books.replaced = True
    write(writer, 2)
    assert (books.rows, books.noted) == ([2], [1, 2])
    assert len(books.announced) == 2
