"""The broker's own service: what was published, delivered and acknowledged, for `headrace status`, audits and tests.

``headrace.pubsub.broker_counts`` asks for them.
"""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct

from headrace.dev.broker.broker import Broker
from headrace.dev.broker.grpc_methods import service, unary
from headrace.dev.broker.subscription_queue import SubscriptionQueue
from headrace.pubsub.broker_counts import METHOD, SERVICE


def counts_service(broker: Broker) -> grpc.GenericRpcHandler:
    """Return the handler of the service, whose answer is a Struct with ``topics`` and ``subscriptions``, by name."""

    def get(_request: Any) -> Any:
        found = Struct()
        found.update(
            {
                "topics": {
                    each.body.name: {"published": each.log.messages, "bytes": each.log.bytes} for each in broker.topics
                },
                "subscriptions": {each.body.name: _counts(each, broker.clock()) for each in broker.subscriptions},
            }
        )
        return found

    return service(SERVICE, {METHOD: unary(broker.store, Empty, get)})


def _counts(queue: SubscriptionQueue, now: int) -> dict[str, float]:
    """Return counts of messages, and the age of the oldest one that is not acknowledged, in seconds."""
    unacknowledged = queue.unacknowledged
    oldest = queue.log.published(queue.backlog.floor) if unacknowledged else None
    return {
        "delivered": queue.counts.delivered,
        "acknowledged": queue.counts.acknowledged,
        "unacknowledged": unacknowledged,
        "leased": len(queue.backlog.leases),
        "oldest_seconds": 0.0 if oldest is None else max(now - oldest, 0) / 1_000_000,
    }
