"""A BigQueryWrite server that answers from a script, for what the emulator never answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import BigQueryWriteGrpcTransport
from google.cloud.bigquery_storage_v1.types import AppendRowsRequest, AppendRowsResponse

Answer = Callable[[pa.RecordBatch], AppendRowsResponse]


class ScriptedWrite:
    """Keeps what was appended and answers each request by *answer*, which may raise a gRPC status."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.requests: list[list[Any]] = []
        self.written: list[Any] = []

    def append_rows(self, requests: Iterator[AppendRowsRequest], context: grpc.ServicerContext) -> Any:
        for request in requests:
            schema = pa.ipc.read_schema(pa.py_buffer(request.arrow_rows.writer_schema.serialized_schema))
            data = pa.py_buffer(request.arrow_rows.rows.serialized_record_batch)
            rows = pa.ipc.read_record_batch(data, schema)
            values = rows.column(0).to_pylist()
            self.requests.append(values)
            try:
                response = self._answer(rows)
            except grpc.RpcError as error:
                context.abort(error.args[0], error.args[1])
            if not response.row_errors and not response.error.code:
                self.written += values
            yield response


@contextmanager
def a_scripted_write(answer: Answer) -> Iterator[tuple[ScriptedWrite, BigQueryWriteClient]]:
    """Serve *answer* on 127.0.0.1, with a client for it."""
    script = ScriptedWrite(answer)
    handler = grpc.stream_stream_rpc_method_handler(
        script.append_rows,
        request_deserializer=AppendRowsRequest.deserialize,
        response_serializer=AppendRowsResponse.serialize,
    )
    service = "google.cloud.bigquery.storage.v1.BigQueryWrite"
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"AppendRows": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.max_send_message_length", -1)])
    try:
        yield script, BigQueryWriteClient(transport=BigQueryWriteGrpcTransport(channel=channel))
    finally:
        channel.close()
        server.stop(None)
