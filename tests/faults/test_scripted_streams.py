"""The scripted server keeps offsets as BigQuery does, and gives the answers of a script; the wire is real."""

from __future__ import annotations

import threading

import grpc
import pyarrow as pa
import pytest
from google.api_core.exceptions import DeadlineExceeded, GoogleAPICallError, NotFound, ServiceUnavailable

from tests.faults import scripted_answers as answers
from tests.faults.appending import a_stream, append, storage_error
from tests.faults.scripted_behind import streams_behind
from tests.faults.scripted_memory import MemoryStreams, a_scripted_memory
from tests.faults.scripted_streams import a_client, a_scripted_server

TABLE = "projects/p/datasets/d/tables/things"


def rows(*values: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"value": list(values)})


def values(streams: MemoryStreams) -> list[int]:
    return [row["value"] for row in streams.rows("things")]


def test_offsets_are_checked_and_a_finalised_stream_takes_nothing() -> None:
    with a_scripted_memory() as (_, streams, client):
        stream = a_stream(client, TABLE)
        assert append(client, stream, rows(1, 2), 0).append_result.offset == 0
        again, gap = append(client, stream, rows(1, 2), 0), append(client, stream, rows(5), 4)
        assert client.finalize_write_stream(name=stream).row_count == 2
        assert client.finalize_write_stream(name=stream).row_count == 2
        late = append(client, stream, rows(3), 2)

    assert [again.error.code, gap.error.code] == [6, 11]
    assert [storage_error(each) for each in (again, gap, late)] == [
        "OFFSET_ALREADY_EXISTS",
        "OFFSET_OUT_OF_RANGE",
        "STREAM_FINALIZED",
    ]
    assert values(streams) == [1, 2]


def test_a_stream_that_was_never_created_is_not_found() -> None:
    with a_scripted_memory() as (_, _, client):
        with pytest.raises(NotFound):
            append(client, f"{TABLE}/streams/0123456789abcdef", rows(1), 0)
        with pytest.raises(NotFound):
            client.finalize_write_stream(name=f"{TABLE}/streams/0123456789abcdef")


@pytest.mark.parametrize("status", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_a_rule_answers_as_often_as_it_was_added_for(status: grpc.StatusCode) -> None:
    with a_scripted_memory() as (server, streams, client):
        server.script.add(answers.abort(status), times=2)
        stream = a_stream(client, TABLE)
        for _ in range(2):
            with pytest.raises(GoogleAPICallError) as failure:
                append(client, stream, rows(1), 0)
            assert failure.value.grpc_status_code == status
        append(client, stream, rows(1), 0)
    assert (values(streams), server.script.applied, len(server.script.seen)) == ([1], 2, 3)


def test_a_rule_for_a_table_leaves_the_others_alone() -> None:
    with a_scripted_memory() as (server, streams, client):
        server.script.add(answers.answer(grpc.StatusCode.PERMISSION_DENIED), times=None, table="other")
        append(client, a_stream(client, TABLE), rows(1), 0)
    assert values(streams) == [1]


def test_guilty_rows_are_named_and_nothing_of_the_request_is_written() -> None:
    with a_scripted_memory() as (server, streams, client):
        server.script.add(answers.refuse_rows(lambda row: row["value"] > 8), times=None)
        stream = a_stream(client, TABLE)
        refused = append(client, stream, rows(1, 9, 2, 10), 0)
        append(client, stream, rows(1, 2), 0)
    assert [each.index for each in refused.row_errors] == [1, 3]
    assert values(streams) == [1, 2]


def test_a_batch_is_refused_without_naming_a_row() -> None:
    with a_scripted_memory() as (server, streams, client):
        server.script.add(answers.refuse_batch(lambda row: row["value"] == 9), times=None)
        refused = append(client, a_stream(client, TABLE), rows(1, 9), 0)
    assert (refused.error.code, list(refused.row_errors), values(streams)) == (3, [], [])


def test_a_lost_answer_has_written() -> None:
    with a_scripted_memory() as (server, streams, client):
        server.script.add(answers.lose_answer)
        stream = a_stream(client, TABLE)
        with pytest.raises(ServiceUnavailable):
            append(client, stream, rows(1), 0)
        assert append(client, stream, rows(1), 0).error.code == 6
    assert values(streams) == [1]


def test_an_answer_that_never_comes_has_written() -> None:
    released = threading.Event()
    with a_scripted_memory() as (server, streams, client):
        server.script.add(answers.never_answer(released))
        with pytest.raises(DeadlineExceeded):
            append(client, a_stream(client, TABLE), rows(1), 0, seconds=0.5)
        released.set()
    assert values(streams) == [1]


@pytest.mark.parametrize("storage", ["STREAM_FINALIZED", "STREAM_NOT_FOUND", "SCHEMA_MISMATCH_EXTRA_FIELDS"])
def test_an_error_carries_the_services_own_name(storage: str) -> None:
    with a_scripted_memory() as (server, _, client):
        server.script.add(answers.answer(grpc.StatusCode.INVALID_ARGUMENT, storage))
        assert storage_error(append(client, a_stream(client, TABLE), rows(1), 0)) == storage


def test_a_changed_schema_is_mentioned_in_an_answer_that_is_fine() -> None:
    with a_scripted_memory() as (server, _, client):
        server.script.add(answers.with_updated_schema("colour"))
        response = append(client, a_stream(client, TABLE), rows(1), 0)
    assert [column.name for column in response.updated_schema.fields] == ["value", "colour"]
    assert not response.error.code


def test_what_the_script_leaves_alone_is_passed_to_the_server_behind() -> None:
    with (
        a_scripted_memory() as (behind, streams, _),
        streams_behind(behind.address) as passing,
        a_scripted_server(passing) as server,
        a_client(server.address) as client,
    ):
        server.script.add(answers.answer(grpc.StatusCode.RESOURCE_EXHAUSTED))
        stream = a_stream(client, TABLE)
        assert append(client, stream, rows(1), 0).error.code == 8
        assert not append(client, stream, rows(1), 0).error.code
        assert append(client, stream, rows(1), 0).error.code == 6
        assert client.finalize_write_stream(name=stream).row_count == 1
        with pytest.raises(NotFound):
            append(client, f"{TABLE}/streams/0123456789abcdef", rows(1), 0)
    assert values(streams) == [1]
