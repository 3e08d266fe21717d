"""Write streams of BigQuery's Storage Write API: made, appended to at an offset, finalised.

One connection a stream, kept open between appends as long as few others are needed: each takes two threads, and
services let about a hundred be open at a time. The client's own retry is never used: it cannot replay what it has
taken from an iterator, and what a lost answer means is for ``headrace.bigquery.append_result`` to say.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

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
from headrace.runtime.failpoints import reached

# A request is 10 MB at most (cloud.google.com/bigquery/quotas#write-api-limits); room is left for framing.
MAX_REQUEST_BYTES: Final = 9_000_000
CALL_SECONDS: Final = 30.0
CONNECTIONS: Final = 40  # kept open; more are open only while more streams are appended to at the same moment
IDLE_SECONDS: Final = 30.0  # after which all but a FEW are closed
FEW: Final = 8
_DETAILS: Final = "grpc-status-details-bin"  # where gRPC puts the google.rpc.Status of a call that failed


@dataclass(frozen=True, slots=True)
class Rows:
    """A record batch as it goes over the wire: schema and rows, serialised."""

    schema: bytes = field(repr=False)
    data: bytes = field(repr=False)

    @classmethod
    def of(cls, rows: pa.RecordBatch) -> Rows:
        """Serialise *rows*; the same rows are the same bytes, each time they are sent."""
        return cls(rows.schema.serialize().to_pybytes(), rows.serialize().to_pybytes())


class WriteStreams:
    """COMMITTED streams through one client; *append_seconds* is how long an answer may take. Thread-safe by stream.

    Of idle connections those used last are kept, *connections* in number. *seconds* is a monotonic clock.
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
        self._connections: OrderedDict[str, _Connection] = OrderedDict()  # the one that was used last is the last

    def create(self, table: str) -> str:
        """Make a stream for ``projects/P/datasets/D/tables/T``; raises what the service raises."""
        stream = WriteStream(type_=WriteStream.Type.COMMITTED)
        made = self._client.create_write_stream(parent=table, write_stream=stream, retry=None, timeout=CALL_SECONDS)
        return str(made.name)

    def finalise(self, stream: str) -> int | None:
        """Let nobody append to *stream* any more, and say how many rows it has; None when it is not there."""
        self.close(stream)
        try:
            done = self._client.finalize_write_stream(name=stream, retry=None, timeout=CALL_SECONDS)
        except (NotFound, InvalidArgument, FailedPrecondition):
            return None
        return int(done.row_count)

    def append(
        self, stream: str, offset: int | None, rows: Rows, meanwhile: Callable[[], object] = lambda: None
    ) -> Answer:
        """Append *rows* at *offset*, None on a default stream; no answer in time is DEADLINE_EXCEEDED.

        *meanwhile* is done while the rows are on their way: it delays looking for the answer, not the answer.
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
        """End the connection to *stream*."""
        with self._lock:
            connection = self._connections.pop(stream, None)
        if connection is not None:
            connection.close()

    def close_idle(self) -> None:
        """End connections that were not used for IDLE_SECONDS, but for the FEW that were used last."""
        long_ago = self._seconds() - IDLE_SECONDS
        with self._lock:
            for name in self._idle()[:-FEW]:
                if (self._connections[name].used_until or 0.0) < long_ago:
                    self._connections.pop(name).close()

    def close_all(self) -> None:
        """End every connection."""
        for stream in list(self._connections):
            self.close(stream)

    def _connect(self, stream: str) -> _Connection:
        """The connection to *stream*, in use from now on; idle ones that are too many are closed."""
        with self._lock:
            connection = self._connections.pop(stream, None)
            if connection is not None and connection.broken:  # while it was idle: its end is no answer to this append
                connection.close()
                connection = None
            connection = self._connections[stream] = connection or _Connection(self._client, stream)
            connection.used_until = None
            too_many = len(self._connections) - self._most
            for name in self._idle()[: max(too_many, 0)]:
                self._connections.pop(name).close()
            return connection

    def _idle(self) -> list[str]:
        """The streams whose connections are not in use, the one that was used last at the end."""
        return [name for name, each in self._connections.items() if each.used_until is not None]


class _Connection:
    """One AppendRows call. A thread reads its answers, so that waiting for one can end."""

    def __init__(self, client: BigQueryWriteClient, stream: str) -> None:
        self._requests: queue.SimpleQueue[AppendRowsRequest | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self.broken = False
        self.used_until: float | None = None  # by the clock of the streams; None while it is in use
        # The transport's own call: unlike the client's it can be cancelled before its first answer.
        metadata = [("x-goog-request-params", f"write_stream={stream}")]
        append_rows: Any = client.transport.append_rows  # takes a stream of requests, whatever its type says
        self._call: Any = append_rows(iter(self._requests.get, None), metadata=metadata)
        threading.Thread(target=self._read, name="append-answers", daemon=True).start()

    def exchange(self, request: AppendRowsRequest, seconds: float, meanwhile: Callable[[], object]) -> Answer:
        """Send one request, do something else, and wait for its answer."""
        self._requests.put(request)
        reached("append_sent")
        meanwhile()
        try:
            return self._answers.get(timeout=seconds)
        except queue.Empty:
            self.broken = True
            return Answer(code.DEADLINE_EXCEEDED)

    def close(self) -> None:
        """Send nothing more, and wait for nothing more."""
        self._requests.put(None)
        self._call.cancel()

    def _read(self) -> None:
        try:
            for response in self._call:
                self._answers.put(_answer(response))
            end = Answer(code.UNAVAILABLE)
        except grpc.RpcError as error:
            end = _failure(error)
        self.broken = True
        self._answers.put(end)


def _answer(response: AppendRowsResponse) -> Answer:
    status = AppendRowsResponse.pb(response).error
    refused = {error.index: error.code.name for error in response.row_errors}
    return Answer(status.code, _storage_error(status), refused)


def _failure(error: Any) -> Answer:
    """A call that failed is an answer too, and may carry the service's own name of the error in its last metadata."""
    storage = ""
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS:
            with suppress(DecodeError):
                storage = _storage_error(Status.FromString(value))
    return Answer(error.code().value[0], storage)


def _storage_error(status: Any) -> str:
    """The service's own name of an error, when it gives one."""
    for detail in status.details:
        error = StorageError.pb()()
        if detail.Unpack(error):
            return str(StorageError.StorageErrorCode(error.code).name)
    return ""
