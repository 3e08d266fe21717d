"""gRPC methods from plain functions, whose errors become status codes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from headrace.dev.broker.broker_errors import BrokerError
from headrace.dev.broker.store import Store

Unary = Callable[[Any, Any], Awaitable[Any]]
Streaming = Callable[[Any, Any], AsyncIterator[Any]]
_DETAILS: Final = "grpc-status-details-bin"


def unary(store: Store, request: Any, answer: Callable[[Any], Any]) -> grpc.RpcMethodHandler[Any, Any]:
    """Return the handler of a method: *answer* gets a request of the class *request*, and returns the response.

    The response is sent once everything that *answer* has changed is committed.
    """

    async def respond(given: Any, _context: Any) -> Any:
        response = answer(given)
        await store.committed()
        return response

    return waiting(request, respond)


def waiting(request: Any, answer: Unary) -> grpc.RpcMethodHandler[Any, Any]:
    """Return the handler of a method whose *answer* is a coroutine of the request and the call's context."""

    async def respond(given: Any, context: Any) -> Any:
        try:
            return await answer(given, context)
        except BrokerError as error:
            await abort(context, error)

    return grpc.unary_unary_rpc_method_handler(
        respond, request_deserializer=request.FromString, response_serializer=_serialize
    )


def streaming(request: Any, answer: Streaming) -> grpc.RpcMethodHandler[Any, Any]:
    """Return the handler of a bidirectional stream."""

    async def respond(requests: Any, context: Any) -> AsyncIterator[Any]:
        try:
            async for response in answer(requests, context):
                yield response
        except BrokerError as error:
            await abort(context, error)

    return grpc.stream_stream_rpc_method_handler(
        respond, request_deserializer=request.FromString, response_serializer=_serialize
    )


def service(name: str, methods: Mapping[str, grpc.RpcMethodHandler[Any, Any]]) -> grpc.GenericRpcHandler:
    """Return the handler of a service."""
    return grpc.method_handlers_generic_handler(name, dict(methods))


async def abort(context: Any, error: BrokerError) -> None:
    """End a call with the status of *error*."""
    if not error.ack_ids:
        await context.abort(error.code, str(error))
    info = ErrorInfo(reason="EXACTLY_ONCE_ACKID_FAILURE", domain="pubsub.googleapis.com", metadata=error.ack_ids)
    status = Status(code=error.code.value[0], message=str(error))
    status.details.add().Pack(info)
    await context.abort(error.code, str(error), ((_DETAILS, status.SerializeToString()),))


def _serialize(response: Any) -> bytes:
    data: bytes = response.SerializeToString()
    return data
