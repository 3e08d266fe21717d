"""The work of a scripted server done in memory, as BigQuery does it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
from google.cloud.bigquery_storage_v1 import types as wire

from tests.faults.scripted_streams import (
    AbortedCallError,
    Append,
    ScriptedServer,
    a_client,
    a_scripted_server,
    error,
    offset_of,
)


@dataclass
class Stream:
    """One write stream: *table* is its path, *kind* its type, *batches* what it took."""

    table: str
    kind: int
    batches: list[pa.RecordBatch] = field(default_factory=list)
    finalised: bool = False

    @property
    def end(self) -> int:
        return sum(batch.num_rows for batch in self.batches)


class MemoryStreams:
    """Streams as BigQuery keeps them, in memory: offsets are checked, and a finalised stream takes nothing."""

    def __init__(self) -> None:
        self.streams: dict[str, Stream] = {}
        self._lock = threading.RLock()
        self.missing = grpc.StatusCode.NOT_FOUND  # the status for a stream that is not there

    def rows(self, table: str) -> list[dict[str, Any]]:
        """What *table* (its short name) holds."""
        found = [stream for stream in self.streams.values() if stream.table.endswith(f"/tables/{table}")]
        return [row for stream in found for batch in stream.batches for row in batch.to_pylist()]

    def connect(self) -> MemoryStreams:
        return self

    def close(self) -> None:
        """Nothing is held by a connection."""

    def create(self, request: wire.CreateWriteStreamRequest) -> wire.WriteStream:
        name = f"{request.parent}/streams/{uuid.uuid4().hex[:16]}"
        self.streams[name] = Stream(request.parent, request.write_stream.type_)
        return wire.WriteStream(name=name, type_=request.write_stream.type_)

    def get(self, request: wire.GetWriteStreamRequest) -> wire.WriteStream:
        return wire.WriteStream(name=request.name, type_=self._find(request.name).kind)

    def finalize(self, request: wire.FinalizeWriteStreamRequest) -> wire.FinalizeWriteStreamResponse:
        with self._lock:
            stream = self._find(request.name)
            stream.finalised = True
            return wire.FinalizeWriteStreamResponse(row_count=stream.end)

    def append(self, request: wire.AppendRowsRequest, rows: pa.RecordBatch) -> wire.AppendRowsResponse:
        offset = offset_of(request)
        with self._lock:
            stream = self._find(request.write_stream)
            end = stream.end
            if stream.finalised:
                return error(grpc.StatusCode.INVALID_ARGUMENT, "STREAM_FINALIZED")
            if offset is not None and offset < end:
                return error(grpc.StatusCode.ALREADY_EXISTS, "OFFSET_ALREADY_EXISTS")
            if offset is not None and offset > end:
                return error(grpc.StatusCode.OUT_OF_RANGE, "OFFSET_OUT_OF_RANGE")
            stream.batches.append(rows)
        return wire.AppendRowsResponse(append_result=wire.AppendRowsResponse.AppendResult(offset=end))

    def _find(self, name: str) -> Stream:
        if name.endswith("/streams/_default"):
            return self.streams.setdefault(name, Stream(name.removesuffix("/streams/_default"), 1))
        if name not in self.streams:
            raise AbortedCallError(self.missing, "no such stream")
        return self.streams[name]


@contextmanager
def a_scripted_memory() -> Iterator[tuple[ScriptedServer, MemoryStreams, BigQueryWriteClient]]:
    """A scripted server, the streams it keeps in memory, and a client for it."""
    streams = MemoryStreams()
    with a_scripted_server(streams) as server, a_client(server.address) as client:
        yield server, streams, client


class Told:
    """A script that is one function of a request's rows, which may raise a gRPC status; keeps what it was asked."""

    def __init__(self, answer: Callable[[pa.RecordBatch], wire.AppendRowsResponse]) -> None:
        self._answer = answer
        self.requests: list[list[Any]] = []
        self.written: list[Any] = []

    def __call__(self, append: Append) -> wire.AppendRowsResponse:
        values = append.values()
        self.requests.append(values)
        try:
            response = self._answer(append.rows)
        except grpc.RpcError as error:
            raise AbortedCallError(error.args[0], error.args[1]) from error
        if not response.row_errors and not response.error.code:
            self.written += values
        return response


@contextmanager
def a_scripted_write(
    answer: Callable[[pa.RecordBatch], wire.AppendRowsResponse],
) -> Iterator[tuple[Told, BigQueryWriteClient]]:
    """A server whose every answer to an append is *answer*'s, and a client for it."""
    scripted = Told(answer)
    with a_scripted_memory() as (server, _, client):
        server.script.add(scripted, times=None)
        yield scripted, client
