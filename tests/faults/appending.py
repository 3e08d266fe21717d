"""Appends made by hand, one request and one answer at a time."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyarrow as pa
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
from google.cloud.bigquery_storage_v1 import types as wire

COMMITTED = wire.WriteStream.Type.COMMITTED


def a_stream(client: BigQueryWriteClient, table: str) -> str:
    """A new stream of *table* (``projects/P/datasets/D/tables/T``), whose rows are visible at once."""
    return client.create_write_stream(parent=table, write_stream=wire.WriteStream(type_=COMMITTED), retry=None).name


def append_request(stream: str, rows: pa.RecordBatch, offset: int | None) -> wire.AppendRowsRequest:
    """One request of *rows*."""
    request = wire.AppendRowsRequest(write_stream=stream, offset=offset)
    request.arrow_rows = wire.AppendRowsRequest.ArrowData(
        writer_schema=wire.ArrowSchema(serialized_schema=rows.schema.serialize().to_pybytes()),
        rows=wire.ArrowRecordBatch(serialized_record_batch=rows.serialize().to_pybytes()),
    )
    return request


def append(
    client: BigQueryWriteClient, stream: str, rows: pa.RecordBatch, offset: int | None = None, seconds: float = 20
) -> wire.AppendRowsResponse:
    """Append on a connection of its own, and give the answer."""
    requests = iter([append_request(stream, rows, offset)])
    answers: Iterator[wire.AppendRowsResponse] = iter(client.append_rows(requests, retry=None, timeout=seconds))
    return next(answers)


@contextmanager
def a_connection(client: BigQueryWriteClient) -> Iterator[Callable[[wire.AppendRowsRequest], wire.AppendRowsResponse]]:
    """One connection for several requests: call it with each, for its answer."""
    requests: queue.SimpleQueue[wire.AppendRowsRequest | None] = queue.SimpleQueue()
    answers: list[Iterator[wire.AppendRowsResponse]] = []

    def send(request: wire.AppendRowsRequest) -> wire.AppendRowsResponse:
        requests.put(request)
        if not answers:  # the call blocks until the first answer, so the first request must be waiting
            answers.append(iter(client.append_rows(iter(requests.get, None), retry=None)))
        return next(answers[0])

    try:
        yield send
    finally:
        requests.put(None)


def storage_error(response: wire.AppendRowsResponse) -> str:
    """The service's own name of an answer's error; nothing when there is none."""
    for detail in response.error.details:
        found = wire.StorageError.pb(wire.StorageError())
        if detail.Unpack(found):
            return str(wire.StorageError.StorageErrorCode(found.code).name)
    return ""
