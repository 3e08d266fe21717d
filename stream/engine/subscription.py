"""Calls on one subscription, as protobuf's own messages: the client's wrapping of each takes as long as the call.

The client is still who opens the channel and who holds the credentials; errors are those it would raise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from google.api_core.gapic_v1.routing_header import to_grpc_metadata
from google.api_core.grpc_helpers import wrap_errors
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1 import types as pubsub
from google.pubsub_v1.types import AcknowledgeRequest, ModifyAckDeadlineRequest, PullRequest, PullResponse

CALL_SECONDS: Final = 10.0
ACK_IDS: Final = 1000  # of one request; a request is 512 KiB at most
_PullRequest: Final = PullRequest.pb()
_AcknowledgeRequest: Final = AcknowledgeRequest.pb()
_ModifyAckDeadlineRequest: Final = ModifyAckDeadlineRequest.pb()


class Subscription:
    """One subscription's unary calls; every method raises GoogleAPICallError. Thread-safe."""

    def __init__(self, subscriber: SubscriberClient, name: str) -> None:
        self._subscriber = subscriber
        self._name = name
        self._metadata = [to_grpc_metadata([("subscription", name)])]
        self._pull = self._method("Pull", _PullRequest, PullResponse.pb())
        self._acknowledge = self._method("Acknowledge", _AcknowledgeRequest, Empty)
        self._modify = self._method("ModifyAckDeadline", _ModifyAckDeadlineRequest, Empty)

    def pull(self, at_most: int, seconds: float) -> Any:
        """The received messages of one Pull, as protobuf has them; none, or DeadlineExceeded, after up to *seconds*."""
        request = _PullRequest(subscription=self._name, max_messages=at_most)
        return self._pull(request, timeout=seconds, metadata=self._metadata).received_messages

    def acknowledge(self, ack_ids: Sequence[str]) -> None:
        """Acknowledge up to ACK_IDS messages."""
        request = _AcknowledgeRequest(subscription=self._name, ack_ids=ack_ids)
        self._acknowledge(request, timeout=CALL_SECONDS, metadata=self._metadata)

    def lease(self, ack_ids: Sequence[str], seconds: int) -> None:
        """Hold up to ACK_IDS messages for so long from now on; for 0 seconds they are delivered again at once."""
        request = _ModifyAckDeadlineRequest(subscription=self._name, ack_ids=ack_ids, ack_deadline_seconds=seconds)
        self._modify(request, timeout=CALL_SECONDS, metadata=self._metadata)

    def describe(self) -> pubsub.Subscription:
        """The subscription as Pub/Sub describes it."""
        return self._subscriber.get_subscription(subscription=self._name, retry=None, timeout=CALL_SECONDS)

    def _method(self, name: str, request: Any, response: Any) -> Any:
        channel = self._subscriber.transport.grpc_channel
        return wrap_errors(
            channel.unary_unary(
                f"/google.pubsub.v1.Subscriber/{name}",
                request_serializer=request.SerializeToString,
                response_deserializer=response.FromString,
            )
        )
