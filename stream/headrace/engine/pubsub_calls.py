"""Calls on one subscription with plain protobuf messages, because the client's wrappers take as long as the call.

The client still opens the channel and has the credentials. The errors are those that the client would raise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import grpc
from google.api_core.exceptions import Cancelled, from_grpc_error
from google.api_core.gapic_v1.routing_header import to_grpc_metadata
from google.api_core.grpc_helpers import wrap_errors
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1 import types as pubsub
from google.pubsub_v1.types import AcknowledgeRequest, ModifyAckDeadlineRequest, PullRequest, PullResponse

CALL_SECONDS: Final = 10.0
ACK_IDS: Final = 1000  # of one request; a request has at most 512 KiB
_PullRequest: Final = PullRequest.pb()
_AcknowledgeRequest: Final = AcknowledgeRequest.pb()
_ModifyAckDeadlineRequest: Final = ModifyAckDeadlineRequest.pb()


class Pull:
    """One Pull that is under way, or has ended."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def then(self, done: Callable[[Pull], None]) -> None:
        """Call *done* when the pull has ended."""
        self._call.add_done_callback(lambda _: done(self))

    def cancel(self) -> None:
        """End the pull immediately; it then fails with Cancelled, unless it had already ended."""
        self._call.cancel()

    def received(self) -> Any:
        """Return the messages of a pull that has ended, as protobuf messages. Raises GoogleAPICallError."""
        try:
            return self._call.result().received_messages
        except grpc.FutureCancelledError as error:
            raise Cancelled("the pull was ended") from error
        except grpc.RpcError as error:
            raise from_grpc_error(error) from error


class Subscription:
    """The unary calls on one subscription. Every method raises GoogleAPICallError. Thread-safe."""

    def __init__(self, subscriber: SubscriberClient, name: str) -> None:
        self._subscriber = subscriber
        self.name = name
        self._metadata = [to_grpc_metadata([("subscription", name)])]
        self._begin_pull = self._call("Pull", _PullRequest, PullResponse.pb())
        self._pull = wrap_errors(self._begin_pull)
        self._acknowledge = self._method("Acknowledge", _AcknowledgeRequest, Empty)
        self._modify = self._method("ModifyAckDeadline", _ModifyAckDeadlineRequest, Empty)

    def pull(self, at_most: int, seconds: float) -> Any:
        """Return the messages of one Pull, as protobuf messages.

        If no message arrives within *seconds*, return an empty list or raise DeadlineExceeded.
        """
        request = _PullRequest(subscription=self.name, max_messages=at_most)
        return self._pull(request, timeout=seconds, metadata=self._metadata).received_messages

    def begin_pull(self, at_most: int, seconds: float, done: Callable[[Pull], None]) -> Pull:
        """Begin a Pull that occupies no thread; *done* is called in a thread of gRPC when it has ended."""
        request = _PullRequest(subscription=self.name, max_messages=at_most)
        pull = Pull(self._begin_pull.future(request, timeout=seconds, metadata=self._metadata))
        pull.then(done)
        return pull

    def acknowledge(self, ack_ids: Sequence[str]) -> None:
        """Acknowledge up to ACK_IDS messages."""
        request = _AcknowledgeRequest(subscription=self.name, ack_ids=ack_ids)
        self._acknowledge(request, timeout=CALL_SECONDS, metadata=self._metadata)

    def lease(self, ack_ids: Sequence[str], seconds: int) -> None:
        """Set the leases of up to ACK_IDS messages to *seconds* from now; 0 lets Pub/Sub deliver them again at once."""
        request = _ModifyAckDeadlineRequest(subscription=self.name, ack_ids=ack_ids, ack_deadline_seconds=seconds)
        self._modify(request, timeout=CALL_SECONDS, metadata=self._metadata)

    def describe(self) -> pubsub.Subscription:
        """Return the subscription with its properties."""
        return self._subscriber.get_subscription(subscription=self.name, retry=None, timeout=CALL_SECONDS)

    def _method(self, name: str, request: Any, response: Any) -> Any:
        return wrap_errors(self._call(name, request, response))

    def _call(self, name: str, request: Any, response: Any) -> Any:
        transport: Any = self._subscriber.transport  # the base class of transports has no grpc_channel
        return transport.grpc_channel.unary_unary(
            f"/google.pubsub.v1.Subscriber/{name}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
