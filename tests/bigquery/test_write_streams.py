"""What a writer gets when BigQuery answers in every way it may; the server is scripted, the wire is real."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import grpc
import pyarrow as pa
import pytest
from google.cloud.bigquery_storage_v1 import types as wire
from google.rpc import code_pb2

from headrace.bigquery.append_result import Answer, AppendResult, interpret
from headrace.bigquery.write_streams import FEW, IDLE_SECONDS, Rows, WriteStreams, _failure
from tests.faults import scripted_answers as answers
from tests.faults.scripted_memory import MemoryStreams, a_scripted_memory
from tests.faults.scripted_streams import AbortedCallError, Append, Rule, ScriptedServer, error
from tests.support.jobs import wait_for

TABLE: Final = "projects/p/datasets/d/tables/things"
OFFSET_TAKEN: Final = Answer(code_pb2.ALREADY_EXISTS, "OFFSET_ALREADY_EXISTS")
Writing = tuple[WriteStreams, MemoryStreams, ScriptedServer]


@contextmanager
def writing(seconds: float = 20) -> Iterator[Writing]:
    with a_scripted_memory() as (server, memory, client):
        streams = WriteStreams(client, seconds)
        try:
            yield streams, memory, server
        finally:
            streams.close_all()
            for thread in threads_that_read():
                thread.join(10)


def rows(*values: int) -> Rows:
    return Rows.of(pa.RecordBatch.from_pydict({"value": list(values)}))


def values(memory: MemoryStreams) -> list[int]:
    return [row["value"] for row in memory.rows("things")]


def threads_that_read() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "append-answers"]


def threads_at_work() -> set[threading.Thread]:
    """All but those that serve."""
    return {thread for thread in threading.enumerate() if not thread.name.startswith("ThreadPoolExecutor")}


def hear(rule: Rule) -> Answer:
    with writing() as (streams, _, server):
        server.script.add(rule)
        return streams.append(streams.create(TABLE), 0, rows(1, 2))


def test_rows_are_written_once_and_in_order_over_one_connection() -> None:
    with writing() as (streams, memory, _):
        stream = streams.create(TABLE)
        results = [streams.append(stream, offset, rows(offset, offset + 1)) for offset in (0, 2, 4, 2)]
    assert results == [Answer(), Answer(), Answer(), OFFSET_TAKEN]
    assert values(memory) == [0, 1, 2, 3, 4, 5]


def test_what_is_done_meanwhile_is_done_before_the_answer() -> None:
    meanwhile = threading.Event()

    def answer_afterwards(append: Append) -> wire.AppendRowsResponse:
        assert meanwhile.wait(10), "the server would answer later, and who waits for that does nothing meanwhile"
        return append.write()

    with writing() as (streams, memory, server):
        server.script.add(answer_afterwards)
        assert streams.append(streams.create(TABLE), 0, rows(1), meanwhile.set) == Answer()
    assert values(memory) == [1]


def test_a_default_stream_has_no_offsets() -> None:
    with writing() as (streams, memory, _):
        assert streams.append(f"{TABLE}/streams/_default", None, rows(1)) == Answer()
    assert values(memory) == [1]


def test_a_finalised_stream_takes_nothing_and_says_how_many_rows_it_has() -> None:
    with writing() as (streams, _, _):
        stream = streams.create(TABLE)
        streams.append(stream, 0, rows(1, 2))
        assert [streams.finalise(stream), streams.finalise(stream)] == [2, 2]
        late = streams.append(stream, 2, rows(3))
    assert late == Answer(code_pb2.INVALID_ARGUMENT, "STREAM_FINALIZED")


@pytest.mark.parametrize(
    "status", [grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION]
)
def test_a_stream_that_is_not_there_has_no_number_of_rows(status: grpc.StatusCode) -> None:
    with writing() as (streams, memory, _):
        memory.missing = status
        assert streams.finalise(f"{TABLE}/streams/0123456789abcdef") is None


@pytest.mark.parametrize("kind", [answers.answer, answers.abort])
@pytest.mark.parametrize(
    ("status", "name", "result"),
    [
        (grpc.StatusCode.ALREADY_EXISTS, "OFFSET_ALREADY_EXISTS", AppendResult.WRITTEN),
        (grpc.StatusCode.OUT_OF_RANGE, "OFFSET_OUT_OF_RANGE", AppendResult.HALT),
        (grpc.StatusCode.INVALID_ARGUMENT, "STREAM_FINALIZED", AppendResult.STREAM_GONE),
        (grpc.StatusCode.NOT_FOUND, "TABLE_NOT_FOUND", AppendResult.STREAM_GONE),
        (grpc.StatusCode.INVALID_ARGUMENT, "SCHEMA_MISMATCH_EXTRA_FIELDS", AppendResult.BLOCKED),
    ],
)
def test_an_error_keeps_the_service_s_own_name_in_an_answer_and_when_the_call_fails(
    kind: Callable[[grpc.StatusCode, str], Rule], status: grpc.StatusCode, name: str, result: AppendResult
) -> None:
    answer = hear(kind(status, name))
    assert answer == Answer(status.value[0], name)
    assert interpret(answer, attempted=True) is result


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (grpc.StatusCode.UNAVAILABLE, AppendResult.UNKNOWN),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, AppendResult.UNKNOWN),
        (grpc.StatusCode.DEADLINE_EXCEEDED, AppendResult.UNKNOWN),
        (grpc.StatusCode.NOT_FOUND, AppendResult.STREAM_GONE),
        (grpc.StatusCode.PERMISSION_DENIED, AppendResult.BLOCKED),
    ],
)
def test_a_call_that_fails_is_an_answer_too(status: grpc.StatusCode, result: AppendResult) -> None:
    answer = hear(answers.abort(status))
    assert answer == Answer(status.value[0])
    assert interpret(answer, attempted=True) is result


def test_what_else_comes_with_the_end_of_a_call_says_nothing_of_rows() -> None:
    more = (("a-request", "before"), ("x-request", "behind"))
    details = wire.AppendRowsResponse.pb(error(grpc.StatusCode.NOT_FOUND, "TABLE_NOT_FOUND")).error.SerializeToString()

    def end(_: Append) -> wire.AppendRowsResponse:
        raise AbortedCallError(grpc.StatusCode.NOT_FOUND, details=details, more=more)

    assert hear(end) == Answer(code_pb2.NOT_FOUND, "TABLE_NOT_FOUND")


def test_details_that_cannot_be_read_leave_the_status() -> None:
    assert hear(answers.abort_with(grpc.StatusCode.ABORTED, b"\xff")) == Answer(code_pb2.ABORTED)


def test_rows_that_are_refused_are_named_without_their_values() -> None:
    answer = hear(answers.refuse_rows(lambda row: row["value"] == 2))
    assert answer == Answer(code_pb2.INVALID_ARGUMENT, "", {1: "FIELDS_ERROR"})


def test_the_column_that_is_named_of_a_refused_row_or_batch_is_told_without_the_rest_of_the_text() -> None:
    said = "Field VALUE: NUMERIC(5, 2) got ada@example.com Entity: projects/p/datasets/d/tables/things"
    answer = hear(answers.refuse_rows(lambda row: row["value"] == 2, said))
    assert answer.refused == {1: "FIELDS_ERROR in column value"}

    answer = hear(answers.refuse_batch(lambda row: row["value"] == 2, said))
    assert (answer.refused, answer.refusal) == ({}, "INVALID_ARGUMENT in column value")
    assert "ada" not in repr(answer)

    def end(_: Append) -> wire.AppendRowsResponse:
        raise AbortedCallError(grpc.StatusCode.INVALID_ARGUMENT, said)

    answer = hear(end)
    assert answer.refusal == "INVALID_ARGUMENT in column value"


def test_after_a_passing_failure_the_same_rows_go_to_the_same_offset() -> None:
    with writing() as (streams, memory, server):
        server.script.add(answers.abort(grpc.StatusCode.UNAVAILABLE))
        stream = streams.create(TABLE)
        results = [streams.append(stream, 0, rows(1, 2)) for _ in range(2)]
    assert results == [Answer(code_pb2.UNAVAILABLE), Answer()]
    assert values(memory) == [1, 2]


def test_an_answer_that_never_comes_is_waited_for_so_long_and_not_mistaken_for_the_next() -> None:
    released = threading.Event()
    with writing(seconds=0.5) as (streams, memory, server):
        server.script.add(answers.never_answer(released))
        stream = streams.create(TABLE)
        lost = streams.append(stream, 0, rows(1))
        again = streams.append(stream, 0, rows(1))
        released.set()
    assert (lost, again) == (Answer(code_pb2.DEADLINE_EXCEEDED), OFFSET_TAKEN)
    assert values(memory) == [1]


def test_a_stream_that_is_appended_to_again_keeps_its_connection() -> None:
    with writing() as (streams, _, _):
        stream = streams.create(TABLE)
        reading = []
        for offset in range(3):
            streams.append(stream, offset, rows(offset))
            reading += threads_that_read()
    assert len(reading) == 3
    assert len(set(reading)) == 1


def test_a_connection_is_closed_as_soon_as_its_answer_is_given_up_though_the_server_holds_on() -> None:
    released = threading.Event()
    with writing(seconds=0.2) as (streams, _, server):
        server.script.add(answers.never_answer(released))
        assert streams.append(streams.create(TABLE), 0, rows(1)).status == code_pb2.DEADLINE_EXCEEDED
        try:
            wait_for(lambda: not threads_that_read(), 10)
        finally:
            released.set()


def test_a_pending_append_is_cancelled_when_its_connection_is_closed() -> None:
    released = threading.Event()
    with writing() as (streams, _, server):
        server.script.add(answers.never_answer(released))
        stream = streams.create(TABLE)
        try:
            result = streams.append(stream, 0, rows(1), lambda: streams.close(stream))
        finally:
            released.set()
    assert result == Answer(code_pb2.CANCELLED)


def test_a_finalised_stream_keeps_no_connection() -> None:
    with writing() as (streams, _, _):
        stream = streams.create(TABLE)
        streams.append(stream, 0, rows(1))
        streams.finalise(stream)
        wait_for(lambda: not threads_that_read(), 10)


def test_nothing_is_left_at_work_for_a_connection_that_was_closed_or_had_ended() -> None:
    with writing() as (streams, _, server):
        before = threads_at_work()
        stream = streams.create(TABLE)
        streams.append(stream, 0, rows(1))
        (reading,) = threads_that_read()
        server.end_calls()
        reading.join(10)
        streams.append(stream, 1, rows(2))
        streams.close_all()
        wait_for(lambda: threads_at_work() <= before, 10)


def test_an_open_connection_does_not_keep_the_process_from_ending() -> None:
    with writing() as (streams, _, _):
        streams.append(streams.create(TABLE), 0, rows(1))
        assert [thread.daemon for thread in threads_that_read()] == [True]


def test_a_connection_that_ended_while_idle_is_opened_again() -> None:
    with writing() as (streams, memory, server):
        stream = streams.create(TABLE)
        streams.append(stream, 0, rows(1))
        (reading,) = threads_that_read()
        server.end_calls()
        reading.join(10)
        assert streams.append(stream, 1, rows(2)) == Answer()
    assert values(memory) == [1, 2]


def test_no_thread_is_left_when_connections_are_closed() -> None:
    with writing() as (streams, _, _):
        for _ in range(3):
            streams.append(streams.create(TABLE), 0, rows(1))
        reading = threads_that_read()
        assert len(reading) == 3
        streams.close_all()
        for thread in reading:
            thread.join(10)
        assert not any(thread.is_alive() for thread in reading)


def test_of_idle_connections_those_used_last_stay_open_and_a_stream_whose_was_closed_goes_on() -> None:
    #  append to a, b, c|two stay open|append to a at its next offset
    with a_scripted_memory() as (_, memory, client):
        streams = WriteStreams(client, 20, connections=2)
        made = [streams.create(TABLE) for _ in range(3)]
        for stream in made:
            streams.append(stream, 0, rows(1))
        assert list(streams._connections) == made[1:]
        assert streams.append(made[0], 1, rows(2)) == Answer()
        assert list(streams._connections) == [made[2], made[0]]
        streams.close_all()
    assert [memory.streams[stream].end for stream in made] == [2, 1, 1]


def test_a_connection_in_use_stays_open_however_many_others_are_needed() -> None:
    with a_scripted_memory() as (_, memory, client):
        streams = WriteStreams(client, 20, connections=1)
        one, other = streams.create(TABLE), streams.create(TABLE)
        result = streams.append(one, 0, rows(1), lambda: streams.append(other, 0, rows(2)))
        assert (result, len(streams._connections)) == (Answer(), 2)
        streams.close_all()
    assert sorted(values(memory)) == [1, 2]


def test_a_connection_that_was_idle_and_is_in_use_again_stays_open_too() -> None:
    with a_scripted_memory() as (_, memory, client):
        streams = WriteStreams(client, 20, connections=1)
        one, other = streams.create(TABLE), streams.create(TABLE)
        streams.append(one, 0, rows(1))
        result = streams.append(one, 1, rows(2), lambda: streams.append(other, 0, rows(3)))
        assert (result, len(streams._connections)) == (Answer(), 2)
        streams.close_all()
    assert sorted(values(memory)) == [1, 2, 3]


def test_as_many_connections_stay_open_as_may() -> None:
    with a_scripted_memory() as (_, _, client):
        streams = WriteStreams(client, 20, connections=4)
        made = [streams.create(TABLE) for _ in range(4)]
        for stream in made:
            streams.append(stream, 0, rows(1))
        assert list(streams._connections) == made
        streams.close_all()


def test_connections_that_were_used_lately_are_not_closed_as_idle() -> None:
    now = 100.0
    with a_scripted_memory() as (_, _, client):
        streams = WriteStreams(client, 20, seconds=lambda: now)
        made = [streams.create(TABLE) for _ in range(FEW + 1)]
        for stream in made:
            streams.append(stream, 0, rows(1))
        for now in (100.0, 100.0 + IDLE_SECONDS):  # noqa: B007 the clock of the streams
            streams.close_idle()
            assert list(streams._connections) == made
        now = 101.0 + IDLE_SECONDS
        streams.close_idle()
        assert list(streams._connections) == made[1:]
        streams.close_all()


def test_connections_that_were_idle_for_long_are_closed_but_for_a_few() -> None:
    now = 0.0
    with a_scripted_memory() as (_, memory, client):
        streams = WriteStreams(client, 20, seconds=lambda: now)
        made = [streams.create(TABLE) for _ in range(FEW + 2)]
        for stream in made:
            streams.append(stream, 0, rows(1))
        streams.close_idle()
        assert list(streams._connections) == made
        now = IDLE_SECONDS + 1
        streams.close_idle()
        assert list(streams._connections) == made[2:]
        assert streams.append(made[0], 1, rows(2)) == Answer()
        streams.close_all()
    assert [memory.streams[stream].end for stream in made] == [2] + [1] * (FEW + 1)


def test_a_call_that_failed_before_the_service_answered_has_no_metadata() -> None:
    class NeverSentError(grpc.RpcError):
        def trailing_metadata(self) -> None:  # type: ignore[override] # as gRPC does
            return None

        def code(self) -> grpc.StatusCode:
            return grpc.StatusCode.UNAVAILABLE

    assert _failure(NeverSentError()).answer == Answer(code_pb2.UNAVAILABLE)
