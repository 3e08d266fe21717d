"""Rows into BigQuery: Arrow record batches over the Storage Write API.

The default stream: at least once after a crash. What the service refuses, row by row or as a whole,
is told apart, and one guilty row never takes its neighbours down.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
from google.api_core.exceptions import (
    Aborted,
    DeadlineExceeded,
    GoogleAPICallError,
    InternalServerError,
    ResourceExhausted,
    ServiceUnavailable,
    Unknown,
    from_grpc_status,
)
from google.api_core.retry import Retry, if_exception_type
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
from google.cloud.bigquery_storage_v1.types import AppendRowsRequest, AppendRowsResponse, ArrowRecordBatch, ArrowSchema

from stream.deadletter import Reason, Refusal

# A request is 10 MB at most (cloud.google.com/bigquery/quotas#write-api-limits); room is left for framing.
MAX_REQUEST_BYTES: Final = 9_000_000
RETRY_SECONDS: Final = 600.0
_INVALID_ARGUMENT: Final = 3
_TRANSIENT = (Aborted, DeadlineExceeded, InternalServerError, ResourceExhausted, ServiceUnavailable, Unknown)


class AppendError(RuntimeError):
    """BigQuery refuses appends to a table; says which and what is needed. No row is to blame."""


@dataclass(frozen=True, slots=True)
class _Answer:
    refused: dict[int, str]  # row -> name of the error; nothing of the request was written
    invalid: bool = False  # refused as a whole, and no row named


class TableAppender:
    """One table's default stream, kept open between appends. Not thread-safe."""

    def __init__(self, client: BigQueryWriteClient, table: str) -> None:
        self._client = client
        self._table = table
        self._stream = f"{table}/streams/_default"
        self._requests: queue.SimpleQueue[AppendRowsRequest | None] = queue.SimpleQueue()
        self._answers: Iterator[AppendRowsResponse] | None = None
        self._retry = Retry(predicate=if_exception_type(*_TRANSIENT), timeout=RETRY_SECONDS, maximum=20.0)

    def append(self, rows: pa.RecordBatch) -> list[Refusal]:
        """Append *rows*; returns when each is confirmed or refused, with the refusals by index.

        Raises:
            AppendError: the table is missing or may not be written, or the service stayed away too long.
        """
        if not rows.num_rows:
            return []
        data = rows.serialize().to_pybytes()
        if len(data) > MAX_REQUEST_BYTES:
            if rows.num_rows == 1:
                return [Refusal(0, Reason.ROW_TOO_LARGE, f"the row has more than {MAX_REQUEST_BYTES} bytes")]
            return self._halves(rows)
        answer = self._send(rows.schema, data)
        if answer.refused:
            return self._without(rows, answer.refused)
        if answer.invalid and rows.num_rows == 1:
            return [_refusal(0, "INVALID_ARGUMENT")]
        return self._halves(rows) if answer.invalid else []

    def close(self) -> None:
        """Close the stream's connection."""
        self._requests.put(None)
        self._answers = None
        self._requests = queue.SimpleQueue()

    def _halves(self, rows: pa.RecordBatch) -> list[Refusal]:
        middle = rows.num_rows // 2
        refusals = self.append(rows.slice(0, middle))
        second = self.append(rows.slice(middle))
        return refusals + [Refusal(r.index + middle, r.reason, r.detail) for r in second]

    def _without(self, rows: pa.RecordBatch, refused: dict[int, str]) -> list[Refusal]:
        kept = [index for index in range(rows.num_rows) if index not in refused]
        more = self.append(rows.take(pa.array(kept, pa.int64())))
        refusals = [_refusal(index, name) for index, name in refused.items()]
        return refusals + [Refusal(kept[r.index], r.reason, r.detail) for r in more]

    def _send(self, schema: pa.Schema, data: bytes) -> _Answer:
        request = AppendRowsRequest(write_stream=self._stream)
        request.arrow_rows = AppendRowsRequest.ArrowData(
            writer_schema=ArrowSchema(serialized_schema=schema.serialize().to_pybytes()),
            rows=ArrowRecordBatch(serialized_record_batch=data),
        )
        try:
            return self._retry(self._exchange)(request)  # type: ignore[no-any-return]
        except GoogleAPICallError as error:
            raise AppendError(
                f"{self._table}: BigQuery refuses rows ({type(error).__name__}); "
                "run `headrace provision`, and give the job roles/bigquery.dataEditor on the dataset"
            ) from error

    def _exchange(self, request: AppendRowsRequest) -> _Answer:
        """Send one request and wait for its answer; a broken connection is opened anew on the next try."""
        try:
            self._requests.put(request)
            if self._answers is None:
                self._answers = self._open()
            response = next(self._answers)
        except (GoogleAPICallError, StopIteration) as error:
            self.close()
            raise error if isinstance(error, GoogleAPICallError) else ServiceUnavailable("stream ended") from error
        if response.row_errors:
            return _Answer({error.index: error.code.name for error in response.row_errors})
        return _whole(response)

    def _open(self) -> Iterator[AppendRowsResponse]:
        requests = self._requests
        # The first request must be waiting: the call blocks until it is answered.
        # The client's own retry would send the rest of the requests without those it has taken already, and hang.
        return iter(self._client.append_rows(iter(requests.get, None), metadata=_routing(self._stream), retry=None))


def _routing(stream: str) -> list[tuple[str, str]]:
    return [("x-goog-request-params", f"write_stream={stream}")]


def _whole(response: Any) -> _Answer:
    code = response.error.code
    if not code:
        return _Answer({})
    if code == _INVALID_ARGUMENT:
        return _Answer({}, invalid=True)
    raise from_grpc_status(code, "the append was refused")


def _refusal(index: int, name: str) -> Refusal:
    return Refusal(index, Reason.REFUSED_BY_BIGQUERY, f"BigQuery refused the row: {name}")
