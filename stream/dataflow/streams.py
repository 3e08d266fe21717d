"""COMMITTED streams of one table, over the Storage Write API."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Final

import pyarrow as pa
from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
from google.cloud.bigquery_storage_v1.types import (
    AppendRowsRequest,
    ArrowRecordBatch,
    ArrowSchema,
    StorageError,
    WriteStream,
)
from google.protobuf import any_pb2
from google.rpc import code_pb2

from stream.verdicts import Answer

_LOG = logging.getLogger(__name__)
APPEND_SECONDS: Final = 30.0
CALL_SECONDS: Final = 60.0


class TableStreams:
    """Opens, appends to and finalises streams of *table* (``projects/P/datasets/D/tables/T``)."""

    def __init__(self, client: BigQueryWriteClient, table: str) -> None:
        self._client = client
        self.table = table

    def open(self) -> str:
        """Open a COMMITTED stream; the client's own retry may open one too many, which stays empty."""
        stream = WriteStream(type_=WriteStream.Type.COMMITTED)
        return str(self._client.create_write_stream(parent=self.table, write_stream=stream, timeout=CALL_SECONDS).name)

    def append(self, stream: str, offset: int, rows: pa.RecordBatch) -> Answer:
        """Append *rows* at *offset*, once, and wait up to APPEND_SECONDS for the answer.

        A call of its own for each append: the client has no deadline for one answer of a longer call.
        """
        request = AppendRowsRequest(write_stream=stream, offset=offset)
        request.arrow_rows = AppendRowsRequest.ArrowData(
            writer_schema=ArrowSchema(serialized_schema=rows.schema.serialize().to_pybytes()),
            rows=ArrowRecordBatch(serialized_record_batch=rows.serialize().to_pybytes()),
        )
        routing = [("x-goog-request-params", f"write_stream={stream}")]
        try:
            responses = self._client.append_rows(iter([request]), metadata=routing, retry=None, timeout=APPEND_SECONDS)
            return _answer(next(iter(responses)))
        except StopIteration:
            return Answer(code_pb2.UNAVAILABLE)
        except GoogleAPICallError as error:
            _LOG.warning("append to %s at %d failed (%s)", stream, offset, type(error).__name__)
            return _failure(error)

    def finalise(self, stream: str) -> int | None:
        """Finalise *stream*; its number of rows, None when there is no such stream any more."""
        try:
            return int(self._client.finalize_write_stream(name=stream, timeout=CALL_SECONDS).row_count)
        except NotFound:
            return None


def _answer(response: Any) -> Answer:
    refused = {error.index: error.code.name for error in response.row_errors}
    return Answer(response.error.code, _storage_error(response.error.details), refused)


def _failure(error: GoogleAPICallError) -> Answer:
    status = error.grpc_status_code.value[0] if error.grpc_status_code else code_pb2.UNKNOWN
    return Answer(status, _storage_error(each for each in error.details if isinstance(each, any_pb2.Any)))


def _storage_error(details: Iterable[Any]) -> str:
    """The service's own name of an error, when it gives one."""
    for detail in details:
        storage_error = StorageError.pb()()
        if detail.Unpack(storage_error):
            return str(StorageError.StorageErrorCode(storage_error.code).name)
    return ""
