"""A BigQueryWrite server that answers from a script, for what the emulator never answers.

What the script leaves alone is done in memory (``scripted_memory.py``) or by a server behind (``scripted_behind.py``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import grpc
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
from google.cloud.bigquery_storage_v1 import types as wire
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import BigQueryWriteGrpcTransport
from google.protobuf.any_pb2 import Any as Packed
from google.rpc.status_pb2 import Status

SERVICE: Final = "google.cloud.bigquery.storage.v1.BigQueryWrite"
UNLIMITED: Final = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


class AbortedCallError(Exception):
    """End the call with a gRPC status instead of an answer; *more* is what else the last metadata says."""

    def __init__(
        self,
        status: grpc.StatusCode,
        detail: str = "by the script",
        details: bytes = b"",
        more: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.details, self.more = status, detail, details, more


def error(status: grpc.StatusCode, storage: str = "", message: str = "by the script") -> wire.AppendRowsResponse:
    """An answer that holds an error; *storage* is the service's own name of it, in the details."""
    details = []
    if storage:
        code = getattr(wire.StorageError.StorageErrorCode, storage)
        detail = Packed()
        detail.Pack(wire.StorageError.pb(wire.StorageError(code=code, error_message=message)))
        details = [detail]
    return wire.AppendRowsResponse(error=Status(code=status.value[0], message=message, details=details))


@dataclass(frozen=True, slots=True)
class Append:
    """One request, read; *write* does what the server would do without a script, and gives its answer."""

    stream: str
    offset: int | None
    rows: pa.RecordBatch = field(repr=False)
    write: Callable[[], wire.AppendRowsResponse] = field(repr=False)

    @property
    def table(self) -> str:
        return self.stream.split("/tables/")[1].split("/")[0]

    def values(self, column: str | int = 0) -> list[Any]:
        values: list[Any] = self.rows.column(column).to_pylist()
        return values


Rule = Callable[[Append], wire.AppendRowsResponse]


class Script:
    """Rules for appends: the first that fits a request answers it, so often as it was added for."""

    def __init__(self) -> None:
        self._rules: list[tuple[Rule, str | None, list[int | None]]] = []
        self._lock = threading.Lock()
        self.seen: list[Append] = []
        self.applied = 0

    def add(self, rule: Rule, times: int | None = 1, table: str | None = None) -> None:
        """Let *rule* answer the next *times* appends (None: all), to *table* if given."""
        with self._lock:
            self._rules.append((rule, table, [times]))

    def clear(self) -> None:
        """Forget every rule."""
        with self._lock:
            self._rules.clear()

    def answer(self, append: Append) -> wire.AppendRowsResponse:
        self.seen.append(append)
        rule = self._take(append.table)
        return append.write() if rule is None else rule(append)

    def _take(self, wanted: str) -> Rule | None:
        with self._lock:
            for rule, table, left in self._rules:
                if table in (None, wanted) and (left[0] is None or left[0] > 0):
                    left[0] = None if left[0] is None else left[0] - 1
                    self.applied += 1
                    return rule
        return None


class Connection(Protocol):
    """One AppendRows call to the server behind."""

    def append(self, request: wire.AppendRowsRequest, rows: pa.RecordBatch) -> wire.AppendRowsResponse: ...
    def close(self) -> None: ...


class Streams(Protocol):
    """Whoever does the work."""

    def connect(self) -> Connection: ...
    def create(self, request: wire.CreateWriteStreamRequest) -> wire.WriteStream: ...
    def get(self, request: wire.GetWriteStreamRequest) -> wire.WriteStream: ...
    def finalize(self, request: wire.FinalizeWriteStreamRequest) -> wire.FinalizeWriteStreamResponse: ...


class ScriptedServer:
    """The four calls, each given to the script first."""

    def __init__(self, streams: Streams) -> None:
        self.streams = streams
        self.script = Script()
        self.created = 0
        self._calls: list[grpc.ServicerContext] = []
        self.address = ""

    def handlers(self) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        return {
            "CreateWriteStream": _unary(self._create, wire.CreateWriteStreamRequest, wire.WriteStream),
            "GetWriteStream": _unary(self.streams.get, wire.GetWriteStreamRequest, wire.WriteStream),
            "FinalizeWriteStream": _unary(
                self.streams.finalize, wire.FinalizeWriteStreamRequest, wire.FinalizeWriteStreamResponse
            ),
            "AppendRows": grpc.stream_stream_rpc_method_handler(
                self._append_rows,
                request_deserializer=wire.AppendRowsRequest.deserialize,
                response_serializer=wire.AppendRowsResponse.serialize,
            ),
        }

    def end_calls(self) -> None:
        """End every call to AppendRows, as BigQuery ends idle ones."""
        for context in self._calls:
            context.cancel()

    def _create(self, request: wire.CreateWriteStreamRequest) -> wire.WriteStream:
        self.created += 1
        return self.streams.create(request)

    def _append_rows(self, requests: Iterator[wire.AppendRowsRequest], context: grpc.ServicerContext) -> Any:
        connection, schema = self.streams.connect(), b""
        self._calls.append(context)
        try:
            for request in requests:
                schema = request.arrow_rows.writer_schema.serialized_schema or schema
                request.arrow_rows.writer_schema.serialized_schema = schema  # its first bearer may not be passed on
                yield self.script.answer(_read(request, connection))
        except AbortedCallError as aborted:
            details = (("grpc-status-details-bin", aborted.details),) if aborted.details else ()
            context.set_trailing_metadata((*details, *aborted.more))
            context.abort(aborted.status, aborted.detail)
        finally:
            connection.close()


def _read(request: wire.AppendRowsRequest, connection: Connection) -> Append:
    schema = pa.ipc.read_schema(pa.py_buffer(request.arrow_rows.writer_schema.serialized_schema))
    rows = pa.ipc.read_record_batch(pa.py_buffer(request.arrow_rows.rows.serialized_record_batch), schema)
    return Append(request.write_stream, offset_of(request), rows, lambda: connection.append(request, rows))


def offset_of(request: wire.AppendRowsRequest) -> int | None:
    """Where the rows are to begin; None when the request does not say."""
    message = wire.AppendRowsRequest.pb(request)
    return int(message.offset.value) if message.HasField("offset") else None


def _unary(act: Callable[[Any], Any], asked: Any, answered: Any) -> grpc.RpcMethodHandler[Any, Any]:
    def call(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return act(request)
        except AbortedCallError as aborted:
            return context.abort(aborted.status, aborted.detail)

    return grpc.unary_unary_rpc_method_handler(
        call, request_deserializer=asked.deserialize, response_serializer=answered.serialize
    )


@contextmanager
def a_scripted_server(streams: Streams) -> Iterator[ScriptedServer]:
    """Serve on 127.0.0.1."""
    scripted = ScriptedServer(streams)
    server = grpc.server(ThreadPoolExecutor(32), options=UNLIMITED)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, scripted.handlers()),))
    scripted.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield scripted
    finally:
        server.stop(None).wait()


@contextmanager
def a_client(address: str) -> Iterator[BigQueryWriteClient]:
    """A client of the server at *address*."""
    with grpc.insecure_channel(address, options=UNLIMITED) as channel:
        yield BigQueryWriteClient(transport=BigQueryWriteGrpcTransport(channel=channel))
