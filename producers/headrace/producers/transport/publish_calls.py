"""Publish requests over the generated client's channel, as bytes, because its wrappers cost more than the call.

The generated client opens the channel and has the credentials. A request is the concatenation of serialized parts: the
topic, then each message. Protobuf merges concatenated messages:
https://protobuf.dev/programming-guides/encoding/#last-one-wins
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import grpc
from google.api_core.exceptions import from_grpc_error
from google.api_core.gapic_v1.client_info import ClientInfo
from google.api_core.gapic_v1.routing_header import to_grpc_metadata
from google.auth.exceptions import DefaultCredentialsError
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1 import types as pubsub
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from headrace.producers.config import EMULATOR
from headrace.producers.errors import CredentialsError

_CREDENTIALS: Final = "GOOGLE_APPLICATION_CREDENTIALS"
_NOT_RENEWED: Final = "Getting metadata from plugin failed"  # gRPC's text where google-auth raises an error
_METHOD: Final = "/google.pubsub.v1.Publisher/Publish"
_Request: Final = pubsub.PublishRequest.pb()
_Response: Final = pubsub.PublishResponse.pb()
# By default, gRPC waits up to two minutes before it connects again.
_RECONNECT: Final = ("grpc.max_reconnect_backoff_ms", 5_000)
_CLIENT_INFO: Final = ClientInfo().to_grpc_metadata()
# Held while a thread of ours is inside gRPC, and during a fork: otherwise the child inherits a lock of gRPC that no
# thread of the child unlocks, and waits for it for ever.
_inside_grpc: Final = threading.Lock()


def message_part(data: bytes, attributes: Mapping[str, str], ordering_key: str) -> bytes:
    """Return one message as a part of a request. Raises TypeError for an attribute that is not text."""
    request = _Request()
    copied = request.messages.add(data=data, ordering_key=ordering_key).attributes
    for name, value in attributes.items():  # twice as fast as attributes=attributes
        copied[name] = value
    part: bytes = request.SerializeToString()
    return part


def topic_part(topic: str) -> bytes:
    """Return the part that names the topic, in full."""
    part: bytes = _Request(topic=topic).SerializeToString()
    return part


class Reply:
    """Outcome of one request."""

    def __init__(self, call: Any) -> None:
        self._call = call

    @property
    def code(self) -> grpc.StatusCode:
        """The status; OK if the messages are published."""
        code: grpc.StatusCode = self._call.code()
        return code

    @property
    def cause(self) -> str:
        """The status in words for a log; nothing of the service's own text."""
        renews = not (self._call.details() or "").startswith(_NOT_RENEWED)
        return self.code.name if renews else f"{self.code.name}: Google's credentials cannot be renewed, sign in again"

    def message_ids(self) -> Sequence[str]:
        """Return the ids of the messages, in their order."""
        ids: Sequence[str] = self._call.result().message_ids
        return ids

    def error(self) -> Exception:
        """Return the error as the generated client would raise it."""
        error: Exception = from_grpc_error(self._call)
        return error


class PublishCalls:
    """Calls of one client, which :meth:`close` closes."""

    def __init__(self, client: PublisherClient) -> None:
        transport: Any = client.transport  # the base class of transports has no grpc_channel
        self._client = client
        self._publish = transport.grpc_channel.unary_unary(
            _METHOD, request_serializer=None, response_deserializer=_Response.FromString
        )

    def begin(self, topic: str, request: bytes, seconds: float, done: Callable[[Reply], None]) -> None:
        """Begin a request that occupies no thread; *done* is called in a thread of gRPC when it has ended."""
        metadata = (to_grpc_metadata([("topic", topic)]), _CLIENT_INFO)
        with _inside_grpc:
            call = self._publish.future(request, timeout=seconds, metadata=metadata)
            call.add_done_callback(lambda ended: done(Reply(ended)))

    def close(self) -> None:
        """Close the channel; requests under way end with CANCELLED."""
        with _inside_grpc:
            self._client.transport.close()


def open_client(credentials: Any = None, endpoint: str | None = None) -> PublisherClient:
    """Open the generated client: of the emulator if its variable names one, else of Pub/Sub or of *endpoint*.

    Raises:
        CredentialsError: no *credentials*, and none that can be used in the environment.
    """
    if host := emulator_host():
        return PublisherClient(transport=PublisherGrpcTransport(channel=_insecure(host)))
    options = {"api_endpoint": endpoint} if endpoint else None
    transport: Any = partial(PublisherGrpcTransport, channel=_channel)
    try:
        return PublisherClient(credentials=credentials, client_options=options, transport=transport)
    except DefaultCredentialsError:
        raise CredentialsError(_credentials_text(os.environ)) from None  # Google's stack has nothing more


def emulator_host() -> str | None:
    """Return the ``host:port`` in the emulator's variable, which may also have a scheme."""
    given = os.environ.get(EMULATOR, "").strip()
    return given.removeprefix("http://").removeprefix("https://").rstrip("/") or None


def _credentials_text(environment: Mapping[str, str]) -> str:
    file = environment.get(_CREDENTIALS)
    why = f"the file that {_CREDENTIALS} names cannot be used; correct it" if file else "none are found"
    return (
        f"credentials: {why}; run `gcloud auth application-default login` on your machine, give a service account to "
        f"the workload on Google Cloud, or set {EMULATOR} to the address of a local broker"
    )


def _insecure(host: str) -> grpc.Channel:
    options = [("grpc.max_send_message_length", -1), ("grpc.keepalive_time_ms", 30_000), _RECONNECT]
    with _inside_grpc:
        return grpc.insecure_channel(host, options=options)


def _channel(host: str, *, options: Sequence[tuple[str, Any]], **given: Any) -> grpc.Channel:
    """Make the channel that the client would make, except that it connects again soon after an outage."""
    with _inside_grpc:
        channel: grpc.Channel = PublisherGrpcTransport.create_channel(host, options=[*options, _RECONNECT], **given)
    return channel


os.register_at_fork(
    before=_inside_grpc.acquire, after_in_parent=_inside_grpc.release, after_in_child=_inside_grpc.release
)
