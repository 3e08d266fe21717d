"""The work of a scripted server done by another one, the emulator: scripted answers, real tables."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pyarrow as pa
from google.cloud.bigquery_storage_v1 import types as wire

from tests.faults.scripted_streams import SERVICE, UNLIMITED, AbortedCallError


def _passing(call: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except grpc.RpcError as error:
        raise AbortedCallError(error.code(), error.details() or "") from error


class _Behind:
    """One AppendRows call passed on, request by request."""

    def __init__(self, open_call: Callable[[Iterator[wire.AppendRowsRequest]], Iterator[Any]]) -> None:
        self._open = open_call
        self._requests: queue.SimpleQueue[wire.AppendRowsRequest | None] = queue.SimpleQueue()
        self._answers: Iterator[Any] | None = None

    def append(self, request: wire.AppendRowsRequest, _: pa.RecordBatch) -> wire.AppendRowsResponse:
        self._requests.put(request)
        if self._answers is None:
            self._answers = self._open(iter(self._requests.get, None))
        try:
            answer: wire.AppendRowsResponse = _passing(next, self._answers)
        except StopIteration:
            raise AbortedCallError(grpc.StatusCode.UNAVAILABLE, "the stream ended") from None
        return answer

    def close(self) -> None:
        self._requests.put(None)


class StreamsBehind:
    """The streams of the server behind *channel*."""

    def __init__(self, channel: grpc.Channel) -> None:
        def unary(name: str, asked: Any, answered: Any) -> Callable[[Any], Any]:
            call = channel.unary_unary(
                f"/{SERVICE}/{name}", request_serializer=asked.serialize, response_deserializer=answered.deserialize
            )
            return lambda request: _passing(call, request)

        self.create = unary("CreateWriteStream", wire.CreateWriteStreamRequest, wire.WriteStream)
        self.get = unary("GetWriteStream", wire.GetWriteStreamRequest, wire.WriteStream)
        self.finalize = unary("FinalizeWriteStream", wire.FinalizeWriteStreamRequest, wire.FinalizeWriteStreamResponse)
        self._append_rows = channel.stream_stream(
            f"/{SERVICE}/AppendRows",
            request_serializer=wire.AppendRowsRequest.serialize,
            response_deserializer=wire.AppendRowsResponse.deserialize,
        )

    def connect(self) -> _Behind:
        return _Behind(self._append_rows)


@contextmanager
def streams_behind(address: str) -> Iterator[StreamsBehind]:
    """The streams of the server at *address*."""
    with grpc.insecure_channel(address, options=UNLIMITED) as channel:
        yield StreamsBehind(channel)
