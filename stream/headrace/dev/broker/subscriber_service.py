"""The service ``google.pubsub.v1.Subscriber``."""

from __future__ import annotations

import time
from typing import Any, Final

import grpc
from google.protobuf.empty_pb2 import Empty

from headrace.dev.broker.broker import Broker
from headrace.dev.broker.broker_errors import BrokerError, invalid
from headrace.dev.broker.grpc_methods import service, streaming, unary, waiting
from headrace.dev.broker.pages import page
from headrace.dev.broker.resource_checks import check_new_deadline
from headrace.dev.broker.resource_names import project_of
from headrace.dev.broker.streaming_pull import StreamingPull
from headrace.dev.broker.subscription_queue import SubscriptionQueue
from headrace.dev.broker.wire import (
    AcknowledgeRequest,
    CreateSnapshotRequest,
    DeleteSnapshotRequest,
    DeleteSubscriptionRequest,
    GetSnapshotRequest,
    GetSubscriptionRequest,
    ListSnapshotsRequest,
    ListSnapshotsResponse,
    ListSubscriptionsRequest,
    ListSubscriptionsResponse,
    ModifyAckDeadlineRequest,
    ModifyPushConfigRequest,
    PullRequest,
    PullResponse,
    SeekRequest,
    SeekResponse,
    StreamingPullRequest,
    Subscription,
    UpdateSnapshotRequest,
    UpdateSubscriptionRequest,
)

MAX_ACK_REQUEST_BYTES: Final = 524_288
_LONGEST_PULL: Final = 20.0  # seconds that a pull waits for messages
_ANSWER_SECONDS: Final = 0.1  # before the client's deadline


def subscriber_service(broker: Broker) -> grpc.GenericRpcHandler:
    """Return the handler of the service."""
    methods = _Subscriber(broker)
    store = broker.store
    return service(
        "google.pubsub.v1.Subscriber",
        {
            "CreateSubscription": unary(store, Subscription, broker.subscriptions.create),
            "GetSubscription": unary(store, GetSubscriptionRequest, methods.get),
            "UpdateSubscription": unary(store, UpdateSubscriptionRequest, methods.update),
            "ListSubscriptions": unary(store, ListSubscriptionsRequest, methods.list_subscriptions),
            "DeleteSubscription": unary(store, DeleteSubscriptionRequest, methods.delete),
            "ModifyAckDeadline": unary(store, ModifyAckDeadlineRequest, methods.modify_deadline),
            "Acknowledge": unary(store, AcknowledgeRequest, methods.acknowledge),
            "Pull": waiting(PullRequest, methods.pull),
            "StreamingPull": streaming(StreamingPullRequest, StreamingPull(broker).serve),
            "ModifyPushConfig": unary(store, ModifyPushConfigRequest, methods.modify_push_config),
            "GetSnapshot": unary(store, GetSnapshotRequest, methods.get_snapshot),
            "ListSnapshots": unary(store, ListSnapshotsRequest, methods.list_snapshots),
            "CreateSnapshot": unary(store, CreateSnapshotRequest, broker.snapshots.create),
            "UpdateSnapshot": unary(store, UpdateSnapshotRequest, methods.update_snapshot),
            "DeleteSnapshot": unary(store, DeleteSnapshotRequest, methods.delete_snapshot),
            "Seek": unary(store, SeekRequest, methods.seek),
        },
    )


class _Subscriber:
    """Methods of the service: each gets a request, and returns the response."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def get(self, request: Any) -> Any:
        return self._broker.subscriptions.seen(self._queue(request).body)

    def update(self, request: Any) -> Any:
        return self._broker.subscriptions.update(request.subscription, request.update_mask)

    def list_subscriptions(self, request: Any) -> Any:
        project = project_of(request.project)
        queues = [each for each in self._broker.subscriptions if project_of(each.body.name) == project]
        known = {each.body.name: self._broker.subscriptions.seen(each.body) for each in queues}
        names, token = page(known, request)
        return ListSubscriptionsResponse(subscriptions=[known[each] for each in names], next_page_token=token)

    def delete(self, request: Any) -> Any:
        self._broker.subscriptions.delete(request.subscription)
        return Empty()

    def modify_push_config(self, request: Any) -> Any:
        self._queue(request)
        changed = Subscription(name=request.subscription, push_config=request.push_config)
        update = UpdateSubscriptionRequest(subscription=changed)
        update.update_mask.paths.append("push_config")
        self.update(update)
        return Empty()

    def modify_deadline(self, request: Any) -> Any:
        _check_ack_ids(request)
        check_new_deadline(request.ack_deadline_seconds)
        _check_refused(self._queue(request).modify_deadline(request.ack_ids, request.ack_deadline_seconds))
        return Empty()

    def acknowledge(self, request: Any) -> Any:
        _check_ack_ids(request)
        _check_refused(self._queue(request).acknowledge(request.ack_ids))
        return Empty()

    async def pull(self, request: Any, context: Any) -> Any:
        """Return messages as soon as there are any; none after some seconds, or shortly before the call's deadline."""
        if request.max_messages <= 0:
            raise invalid("The value for max_messages must be greater than zero.")
        remaining = context.time_remaining()
        longest = _LONGEST_PULL if remaining is None else min(remaining - _ANSWER_SECONDS, _LONGEST_PULL)
        until = time.monotonic() + (0.0 if request.return_immediately else longest)
        while True:
            queue = self._queue(request)
            received = queue.pull(request.max_messages)
            left = until - time.monotonic()
            if received or left <= 0:
                await self._broker.store.committed()
                return PullResponse(received_messages=received)
            await queue.wait(left)

    def get_snapshot(self, request: Any) -> Any:
        return self._broker.snapshots.get(request.snapshot)

    def list_snapshots(self, request: Any) -> Any:
        project = project_of(request.project)
        known = {each.name: each for each in self._broker.snapshots if project_of(each.name) == project}
        names, token = page(known, request)
        return ListSnapshotsResponse(snapshots=[known[each] for each in names], next_page_token=token)

    def update_snapshot(self, request: Any) -> Any:
        return self._broker.snapshots.update(request.snapshot, request.update_mask)

    def delete_snapshot(self, request: Any) -> Any:
        self._broker.snapshots.delete(request.snapshot)
        return Empty()

    def seek(self, request: Any) -> Any:
        queue = self._queue(request)
        match request.WhichOneof("target"):
            case "snapshot":
                self._broker.snapshots.seek(queue, request.snapshot)
            case "time":
                self._broker.retention.seek(queue, request.time.ToMicroseconds())
            case _:
                raise invalid("The request has no target: set a time or a snapshot.")
        return SeekResponse()

    def _queue(self, request: Any) -> SubscriptionQueue:
        return self._broker.subscriptions.get(request.subscription)


def _check_ack_ids(request: Any) -> None:
    if not request.ack_ids:
        raise invalid("No ack ids specified.")
    if request.ByteSize() > MAX_ACK_REQUEST_BYTES:
        raise invalid(f"The request has more than {MAX_ACK_REQUEST_BYTES} bytes.")


def _check_refused(refused: dict[str, str]) -> None:
    if refused:
        raise BrokerError(grpc.StatusCode.FAILED_PRECONDITION, "Some acknowledgement ids have expired.", refused)
