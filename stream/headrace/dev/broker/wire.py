"""Protobuf classes of Pub/Sub's API. Google's client wraps them; the broker needs them without the slower wrapper."""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp
from google.pubsub_v1 import types

AcknowledgeRequest: Final[Any] = types.AcknowledgeRequest.pb()
CommitSchemaRequest: Final[Any] = types.CommitSchemaRequest.pb()
CreateSchemaRequest: Final[Any] = types.CreateSchemaRequest.pb()
CreateSnapshotRequest: Final[Any] = types.CreateSnapshotRequest.pb()
DeleteSchemaRequest: Final[Any] = types.DeleteSchemaRequest.pb()
DeleteSchemaRevisionRequest: Final[Any] = types.DeleteSchemaRevisionRequest.pb()
DeleteSnapshotRequest: Final[Any] = types.DeleteSnapshotRequest.pb()
DeleteSubscriptionRequest: Final[Any] = types.DeleteSubscriptionRequest.pb()
DeleteTopicRequest: Final[Any] = types.DeleteTopicRequest.pb()
DetachSubscriptionRequest: Final[Any] = types.DetachSubscriptionRequest.pb()
DetachSubscriptionResponse: Final[Any] = types.DetachSubscriptionResponse.pb()
GetSchemaRequest: Final[Any] = types.GetSchemaRequest.pb()
GetSnapshotRequest: Final[Any] = types.GetSnapshotRequest.pb()
GetSubscriptionRequest: Final[Any] = types.GetSubscriptionRequest.pb()
GetTopicRequest: Final[Any] = types.GetTopicRequest.pb()
ListSchemaRevisionsRequest: Final[Any] = types.ListSchemaRevisionsRequest.pb()
ListSchemaRevisionsResponse: Final[Any] = types.ListSchemaRevisionsResponse.pb()
ListSchemasRequest: Final[Any] = types.ListSchemasRequest.pb()
ListSchemasResponse: Final[Any] = types.ListSchemasResponse.pb()
ListSnapshotsRequest: Final[Any] = types.ListSnapshotsRequest.pb()
ListSnapshotsResponse: Final[Any] = types.ListSnapshotsResponse.pb()
ListSubscriptionsRequest: Final[Any] = types.ListSubscriptionsRequest.pb()
ListSubscriptionsResponse: Final[Any] = types.ListSubscriptionsResponse.pb()
ListTopicSnapshotsRequest: Final[Any] = types.ListTopicSnapshotsRequest.pb()
ListTopicSnapshotsResponse: Final[Any] = types.ListTopicSnapshotsResponse.pb()
ListTopicSubscriptionsRequest: Final[Any] = types.ListTopicSubscriptionsRequest.pb()
ListTopicSubscriptionsResponse: Final[Any] = types.ListTopicSubscriptionsResponse.pb()
ListTopicsRequest: Final[Any] = types.ListTopicsRequest.pb()
ListTopicsResponse: Final[Any] = types.ListTopicsResponse.pb()
ModifyAckDeadlineRequest: Final[Any] = types.ModifyAckDeadlineRequest.pb()
ModifyPushConfigRequest: Final[Any] = types.ModifyPushConfigRequest.pb()
PublishRequest: Final[Any] = types.PublishRequest.pb()
PublishResponse: Final[Any] = types.PublishResponse.pb()
PubsubMessage: Final[Any] = types.PubsubMessage.pb()
PullRequest: Final[Any] = types.PullRequest.pb()
PullResponse: Final[Any] = types.PullResponse.pb()
ReceivedMessage: Final[Any] = types.ReceivedMessage.pb()
RollbackSchemaRequest: Final[Any] = types.RollbackSchemaRequest.pb()
Schema: Final[Any] = types.Schema.pb()
SeekRequest: Final[Any] = types.SeekRequest.pb()
SeekResponse: Final[Any] = types.SeekResponse.pb()
Snapshot: Final[Any] = types.Snapshot.pb()
StreamingPullRequest: Final[Any] = types.StreamingPullRequest.pb()
StreamingPullResponse: Final[Any] = types.StreamingPullResponse.pb()
Subscription: Final[Any] = types.Subscription.pb()
Topic: Final[Any] = types.Topic.pb()
UpdateSnapshotRequest: Final[Any] = types.UpdateSnapshotRequest.pb()
UpdateSubscriptionRequest: Final[Any] = types.UpdateSubscriptionRequest.pb()
UpdateTopicRequest: Final[Any] = types.UpdateTopicRequest.pb()
ValidateMessageRequest: Final[Any] = types.ValidateMessageRequest.pb()
ValidateMessageResponse: Final[Any] = types.ValidateMessageResponse.pb()
ValidateSchemaRequest: Final[Any] = types.ValidateSchemaRequest.pb()
ValidateSchemaResponse: Final[Any] = types.ValidateSchemaResponse.pb()


def timestamp(micros: int) -> Timestamp:
    """Return a time that is given in microseconds."""
    found = Timestamp()
    found.FromMicroseconds(micros)
    return found


def copied(message: Any) -> Any:
    """Return a copy of a protobuf message."""
    found = type(message)()
    found.CopyFrom(message)
    return found
