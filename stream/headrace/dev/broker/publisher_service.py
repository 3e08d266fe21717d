"""The service ``google.pubsub.v1.Publisher``."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

from headrace.dev.broker.broker import Broker
from headrace.dev.broker.grpc_methods import service, unary
from headrace.dev.broker.pages import page
from headrace.dev.broker.resource_names import project_of
from headrace.dev.broker.wire import (
    DeleteTopicRequest,
    DetachSubscriptionRequest,
    DetachSubscriptionResponse,
    GetTopicRequest,
    ListTopicSnapshotsRequest,
    ListTopicSnapshotsResponse,
    ListTopicsRequest,
    ListTopicsResponse,
    ListTopicSubscriptionsRequest,
    ListTopicSubscriptionsResponse,
    PublishRequest,
    PublishResponse,
    Topic,
    UpdateTopicRequest,
)


def publisher_service(broker: Broker) -> grpc.GenericRpcHandler:
    """Return the handler of the service."""
    methods = _Publisher(broker)
    store = broker.store
    return service(
        "google.pubsub.v1.Publisher",
        {
            "CreateTopic": unary(store, Topic, broker.topics.create),
            "UpdateTopic": unary(store, UpdateTopicRequest, methods.update),
            "Publish": unary(store, PublishRequest, methods.publish),
            "GetTopic": unary(store, GetTopicRequest, methods.get),
            "ListTopics": unary(store, ListTopicsRequest, methods.list_topics),
            "ListTopicSubscriptions": unary(store, ListTopicSubscriptionsRequest, methods.list_subscriptions),
            "ListTopicSnapshots": unary(store, ListTopicSnapshotsRequest, methods.list_snapshots),
            "DeleteTopic": unary(store, DeleteTopicRequest, methods.delete),
            "DetachSubscription": unary(store, DetachSubscriptionRequest, methods.detach),
        },
    )


class _Publisher:
    """Methods of the service: each gets a request, and returns the response."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def publish(self, request: Any) -> Any:
        return PublishResponse(message_ids=self._broker.topics.publish(request))

    def get(self, request: Any) -> Any:
        return self._broker.topics.get(request.topic).body

    def update(self, request: Any) -> Any:
        return self._broker.topics.update(request.topic, request.update_mask)

    def list_topics(self, request: Any) -> Any:
        project = project_of(request.project)
        known = {each.body.name: each.body for each in self._broker.topics if project_of(each.body.name) == project}
        names, token = page(known, request)
        return ListTopicsResponse(topics=[known[each] for each in names], next_page_token=token)

    def list_subscriptions(self, request: Any) -> Any:
        self._broker.topics.get(request.topic)
        found = [each.body.name for each in self._broker.subscriptions if each.body.topic == request.topic]
        names, token = page(found, request)
        return ListTopicSubscriptionsResponse(subscriptions=names, next_page_token=token)

    def list_snapshots(self, request: Any) -> Any:
        self._broker.topics.get(request.topic)
        found = [each.name for each in self._broker.snapshots if each.topic == request.topic]
        names, token = page(found, request)
        return ListTopicSnapshotsResponse(snapshots=names, next_page_token=token)

    def delete(self, request: Any) -> Any:
        self._broker.subscriptions.topic_deleted(self._broker.topics.delete(request.topic))
        return Empty()

    def detach(self, request: Any) -> Any:
        self._broker.subscriptions.detach(request.subscription)
        return DetachSubscriptionResponse()
