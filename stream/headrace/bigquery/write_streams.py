"""Write streams of BigQuery's Storage Write API: create them, append to them at an offset, finalise them.

Each stream has one connection, which stays open between appends while few others are needed: a connection takes two
threads, and the service allows about a hundred at a time. The client's own retry is never used, because it cannot
replay requests from an iterator, and because ``headrace.bigquery.append_result`` decides about a lost answer.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import grpc
import pyarrow as pa
from google.api_core.exceptions import FailedPrecondition, InvalidArgument, NotFound
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
from google.cloud.bigquery_storage_v1.types import (
    AppendRowsRequest,
    AppendRowsResponse,
    ArrowRecordBatch,
    ArrowSchema,
    StorageError,
    WriteStream,
)
from google.protobuf.message import DecodeError
from google.rpc import code_pb2 as code
from google.rpc.status_pb2 import Status

from headrace.bigquery.append_result import Answer
from headrace.bigquery.refusal_words import column_paths, refusal_words
from headrace.runtime.failpoints import reached

# A request has at most 10 MB (cloud.google.com/bigquery/quotas#write-api-limits); this leaves room for framing.
MAX_REQUEST_BYTES: Final = 9_000_000
CALL_SECONDS: Final = 30.0
CONNECTIONS: Final = 40  # kept open; more are open only while more streams have an append at the same time
IDLE_SECONDS: Final = 30.0  # after which all but FEW are closed
FEW: Final = 8
_DETAILS: Final = "grpc-status-details-bin"  # the metadata with the google.rpc.Status of a failed gRPC call


@dataclass(frozen=True, slots=True)
class Rows:
    """A record batch in its serialised form: schema and rows."""

    schema: bytes = field(repr=False)
    data: bytes = field(repr=False)

    @classmethod
    def of(cls, rows: pa.RecordBatch) -> Rows:
        """Serialise *rows*; the same rows always give the same bytes."""
        return cls(rows.schema.serialize().to_pybytes(), rows.serialize().to_pybytes())


class WriteStreams:
    """COMMITTED streams of one client. Threads may call it at the same time for different streams.

    An answer may take *append_seconds*. At most *connections* stay open; the idle ones used longest ago are closed
    first. *seconds* is a monotonic clock.
    """

    def __init__(
        self,
        client: BigQueryWriteClient,
        append_seconds: float,
        connections: int = CONNECTIONS,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._append_seconds = append_seconds
        self._most = connections
        self._seconds = seconds
        self._lock = threading.Lock()
        self._connections: OrderedDict[str, _Connection] = OrderedDict()  # least recently used first

    def create(self, table: str) -> str:
        """Create a stream for ``projects/P/datasets/D/tables/T``; raise the client's errors."""
        stream = WriteStream(type_=WriteStream.Type.COMMITTED)
        made = self._client.create_write_stream(parent=table, write_stream=stream, retry=None, timeout=CALL_SECONDS)
        return str(made.name)

    def finalise(self, stream: str) -> int | None:
        """Prevent further appends to *stream*, and return its number of rows, or None if it does not exist."""
        self.close(stream)
        try:
            done = self._client.finalize_write_stream(name=stream, retry=None, timeout=CALL_SECONDS)
        except (NotFound, InvalidArgument, FailedPrecondition):
            return None
        return int(done.row_count)

    def append(
        self, stream: str, offset: int | None, rows: Rows, meanwhile: Callable[[], object] = lambda: None
    ) -> Answer:
        """Append *rows* at *offset*, None on a default stream. Without an answer in time, return DEADLINE_EXCEEDED.

        Call *meanwhile* after the request is sent. It delays the reading of the answer, not the answer itself.
        """
        request = AppendRowsRequest(write_stream=stream, offset=offset)
        request.arrow_rows = AppendRowsRequest.ArrowData(
            writer_schema=ArrowSchema(serialized_schema=rows.schema),
            rows=ArrowRecordBatch(serialized_record_batch=rows.data),
        )
        connection = self._connect(stream)
        try:
            answer = connection.exchange(request, self._append_seconds, meanwhile)
        finally:
            connection.used_until = self._seconds()
        if connection.broken:
            self.close(stream)
        return answer

    def close(self, stream: str) -> None:
        """Close the connection to *stream*."""
        with self._lock:
            connection = self._connections.pop(stream, None)
        if connection is not None:
            connection.close()

    def close_idle(self) -> None:
        """Close connections that were not used for IDLE_SECONDS, except the FEW used last."""
        long_ago = self._seconds() - IDLE_SECONDS
        with self._lock:
            for name in self._idle()[:-FEW]:
                if (self._connections[name].used_until or 0.0) < long_ago:
                    self._connections.pop(name).close()

    def close_all(self) -> None:
        """Close every connection."""
        for stream in list(self._connections):
            self.close(stream)

    def _connect(self, stream: str) -> _Connection:
        """Return the connection to *stream*, now in use, and close idle connections above the limit."""
        with self._lock:
            connection = self._connections.pop(stream, None)
            if connection is not None and connection.broken:  # it broke while idle, which is no answer to this append
                connection.close()
                connection = None
            connection = self._connections[stream] = connection or _Connection(self._client, stream)
            connection.used_until = None
            too_many = len(self._connections) - self._most
            for name in self._idle()[: max(too_many, 0)]:
                self._connections.pop(name).close()
            return connection

    def _idle(self) -> list[str]:
        """Return the streams whose connections are not in use, the least recently used first."""
        return [name for name, each in self._connections.items() if each.used_until is not None]


class _Connection:
    """One AppendRows call. A thread reads its answers, so that a wait for one can time out."""

    def __init__(self, client: BigQueryWriteClient, stream: str) -> None:
        self._requests: queue.SimpleQueue[AppendRowsRequest | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[_Told] = queue.SimpleQueue()
        self.broken = False
        self.used_until: float | None = None  # by the clock of WriteStreams; None while in use
        # The transport's call, unlike the client's, can be cancelled before its first answer.
        metadata = [("x-goog-request-params", f"write_stream={stream}")]
        append_rows: Any = client.transport.append_rows  # accepts an iterator of requests, although its type denies it
        self._call: Any = append_rows(iter(self._requests.get, None), metadata=metadata)
        threading.Thread(target=self._read, name="append-answers", daemon=True).start()

    def exchange(self, request: AppendRowsRequest, seconds: float, meanwhile: Callable[[], object]) -> Answer:
        """Send one request, call *meanwhile*, and wait for the answer."""
        self._requests.put(request)
        reached("append_sent")
        meanwhile()
        try:
            return _without_text(self._answers.get(timeout=seconds), request.arrow_rows.writer_schema.serialized_schema)
        except queue.Empty:
            self.broken = True
            return Answer(code.DEADLINE_EXCEEDED)

    def close(self) -> None:
        """End the call without waiting for answers."""
        self._requests.put(None)
        self._call.cancel()

    def _read(self) -> None:
        try:
            for response in self._call:
                self._answers.put(_answer(response))
            end = _Told(Answer(code.UNAVAILABLE))
        except grpc.RpcError as error:
            end = _failure(error)
        self.broken = True
        self._answers.put(end)


class _Told(NamedTuple):
    """An answer, and what the service has said of the batch and of its rows, which may contain values."""

    answer: Answer
    said: str = ""
    of_rows: Mapping[int, str] = MappingProxyType({})


def _answer(response: AppendRowsResponse) -> _Told:
    status = AppendRowsResponse.pb(response).error
    refused = {error.index: error.code.name for error in response.row_errors}
    of_rows = {error.index: error.message for error in response.row_errors}
    return _Told(Answer(status.code, _storage_error(status), refused), status.message, of_rows)


def _without_text(told: _Told, schema: bytes) -> Answer:
    """Return the answer with the columns that the service's texts name, among those of the rows' *schema*."""
    answer = told.answer
    if not answer.refused and answer.status != code.INVALID_ARGUMENT:
        return answer
    columns = [*column_paths(pa.ipc.read_schema(pa.py_buffer(schema)))]
    refused = {index: refusal_words(name, told.of_rows[index], columns) for index, name in answer.refused.items()}
    return replace(answer, refused=refused, refusal=refusal_words(answer.refusal, told.said, columns))


def _failure(error: Any) -> _Told:
    """Return the answer of a failed call, with the service's own name of the error if the trailing metadata has it."""
    storage = ""
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS:
            with suppress(DecodeError):
                storage = _storage_error(Status.FromString(value))
    status = error.code().value[0]
    return _Told(Answer(status, storage), (error.details() or "") if status == code.INVALID_ARGUMENT else "")


def _storage_error(status: Any) -> str:
    """Return the service's own name of an error, or an empty string."""
    for detail in status.details:
        error = StorageError.pb()()
        if detail.Unpack(error):
            return str(StorageError.StorageErrorCode(error.code).name)
    return ""
