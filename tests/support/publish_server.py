"""A gRPC server that takes what is published, and fails as a test wants it: with errors that no emulator has."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from google import pubsub_v1 as gapic

Answer = Callable[[gapic.PublishRequest, grpc.ServicerContext], None]


class PublishServer(grpc.GenericRpcHandler):
    """Takes what is published to *topics* and keeps each request's messages, in order of arrival.

    Each of *failures* is the code with which one request is refused, before the others are taken. Each of
    *lost_answers* is the code with which one fails although its messages are taken. *refuses* says which data makes
    the service refuse its whole request. While *gate* is not set, requests wait.
    """

    def __init__(self, *topics: str) -> None:
        self.topics = set(topics)
        self.requests: list[list[gapic.PubsubMessage]] = []
        self.metadata: list[dict[str, Any]] = []
        self.failures: deque[grpc.StatusCode] = deque()
        self.lost_answers: deque[grpc.StatusCode] = deque()
        self.refuses: Callable[[bytes], bool] = lambda _: False
        self.gate = threading.Event()
        self.gate.set()
        self.tries = 0
        self.at_once = 0  # the most requests that were open at a time
        self._open = self._taken = 0
        self._lock = threading.Lock()

    @property
    def messages(self) -> list[gapic.PubsubMessage]:
        return [message for request in self.requests for message in request]

    @property
    def data(self) -> list[bytes]:
        return [message.data for message in self.messages]

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        if details.method != "/google.pubsub.v1.Publisher/Publish":
            return None
        return grpc.unary_unary_rpc_method_handler(
            self.publish, gapic.PublishRequest.deserialize, gapic.PublishResponse.serialize
        )

    def publish(self, request: gapic.PublishRequest, context: grpc.ServicerContext) -> gapic.PublishResponse:
        with self._lock:
            self.tries += 1
            self._open += 1
            self.at_once = max(self.at_once, self._open)
        self.gate.wait()
        with self._lock:
            self._open -= 1
            self._check(request, context)
            first = self._taken + 1
            self._taken += len(request.messages)
            self.requests.append(list(request.messages))
            self.metadata.append(dict(context.invocation_metadata()))
            if self.lost_answers:
                context.abort(self.lost_answers.popleft(), "the messages are taken all the same")
        return gapic.PublishResponse(message_ids=[str(first + place) for place in range(len(request.messages))])

    def _check(self, request: gapic.PublishRequest, context: grpc.ServicerContext) -> None:
        if self.failures:
            context.abort(self.failures.popleft(), "as the test wants it")
        if request.topic not in self.topics:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such topic")
        if any(self.refuses(message.data) for message in request.messages):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "a message does not fit the topic's schema")


@contextmanager
def serving(handler: PublishServer, port: int = 0) -> Iterator[int]:
    """Serve on a free port, or on *port*; yields the port."""
    server = grpc.server(ThreadPoolExecutor(32), handlers=[handler], options=[("grpc.so_reuseport", 0)])
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield port
    finally:
        handler.gate.set()
        server.stop(0).wait()
