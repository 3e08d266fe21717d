"""Subscriptions and snapshots: created, changed, sought, detached, deleted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from headrace.dev.broker.broker_errors import already_exists, failed_precondition, not_found
from headrace.dev.broker.resource_checks import check_labels, complete_subscription, merge_snapshot, merge_subscription
from headrace.dev.broker.resource_names import DELETED_TOPIC, Kind, check_or_make_name, project_of
from headrace.dev.broker.store import Store
from headrace.dev.broker.subscription_queue import Counts, SubscriptionQueue
from headrace.dev.broker.topics import Topics, TopicState
from headrace.dev.broker.wire import PubsubMessage, Snapshot, Subscription, copied, timestamp

_SNAPSHOT_SECONDS: Final = 7 * 86_400
_LEAST_SNAPSHOT_SECONDS: Final = 3_600
_SOURCE: Final = "CloudPubSubDeadLetterSource"


class Subscriptions:
    """All subscriptions of the store; *seconds* returns a monotonic time, *new_id* a part of a name."""

    def __init__(self, store: Store, topics: Topics, seconds: Callable[[], float], new_id: Callable[[], str]) -> None:
        self._store = store
        self._topics = topics
        self._seconds = seconds
        self._new_id = new_id
        self._by_name: dict[str, SubscriptionQueue] = {}
        query = "SELECT number, topic, body, floor, epoch, delivered, acknowledged FROM subscriptions"
        for number, topic, body, floor, epoch, delivered, acknowledged in store.rows(query):
            subscription = Subscription.FromString(body)
            self._open(number, topic, subscription, floor, epoch, Counts(delivered, acknowledged))

    def __iter__(self) -> Iterator[SubscriptionQueue]:
        return iter(list(self._by_name.values()))

    def get(self, name: str) -> SubscriptionQueue:
        """Return a subscription; raises BrokerError if it does not exist."""
        if name not in self._by_name:
            raise not_found(name)
        return self._by_name[name]

    def create(self, subscription: Any) -> Any:
        """Create a subscription, which gets the messages that are published from now on. Raises BrokerError."""
        subscription.name = check_or_make_name(Kind.SUBSCRIPTION, subscription.name, subscription.topic, self._new_id)
        complete_subscription(subscription)
        self._check_topics(subscription)
        if subscription.name in self._by_name:
            raise already_exists(subscription.name)
        log = self._topics.get(subscription.topic).log
        number = self._store.change(
            "INSERT INTO subscriptions (name, topic, body, floor) VALUES (?, ?, ?, ?)",
            (subscription.name, log.number, subscription.SerializeToString(), log.newest),
        )
        self._open(number, log.number, subscription, log.newest, 0, Counts())
        return self.seen(subscription)

    def update(self, given: Any, mask: Any) -> Any:
        """Change the fields of a subscription that are in *mask*, and return its resource. Raises BrokerError."""
        queue = self.get(given.name)
        changed = copied(queue.body)
        merge_subscription(given, mask, changed)
        if "dead_letter_policy" in {path.split(".")[0] for path in mask.paths}:
            self._check_topics(changed)
        self._write(queue, changed)
        return self.seen(changed)

    def seen(self, subscription: Any) -> Any:
        """Return a subscription as clients see it: with the retention of its topic."""
        if not self._topics.has(subscription.topic):
            return subscription
        topic = self._topics.get(subscription.topic).body
        if not topic.HasField("message_retention_duration"):
            return subscription
        seen = copied(subscription)
        seen.topic_message_retention_duration.CopyFrom(topic.message_retention_duration)
        return seen

    def delete(self, name: str) -> None:
        """Delete a subscription and its backlog. Raises BrokerError."""
        queue = self.get(name)
        queue.seek(queue.log.newest, ())
        self._stop_listening(queue)
        del self._by_name[name]
        self._store.change("DELETE FROM subscriptions WHERE number = ?", (queue.number,))

    def detach(self, name: str) -> None:
        """Detach a subscription from its topic, and drop its backlog. Raises BrokerError."""
        queue = self.get(name)
        changed = copied(queue.body)
        changed.detached = True
        queue.seek(queue.log.newest, ())
        self._stop_listening(queue)
        self._write(queue, changed)

    def topic_deleted(self, state: TopicState) -> None:
        """Say in each subscription of a topic that the topic was deleted."""
        for queue in self:
            if queue.log is state.log:
                changed = copied(queue.body)
                changed.topic = DELETED_TOPIC
                self._write(queue, changed)

    def _check_topics(self, subscription: Any) -> None:
        if subscription.topic != DELETED_TOPIC:
            self._topics.get(subscription.topic)
        letters = subscription.dead_letter_policy.dead_letter_topic
        if letters:
            self._topics.get(letters)

    def _open(self, number: int, topic: int, body: Any, floor: int, epoch: int, counts: Counts) -> None:
        queue = SubscriptionQueue(
            store=self._store,
            log=self._topics.log(topic),
            number=number,
            body=body,
            floor=floor,
            epoch=epoch,
            counts=counts,
            seconds=self._seconds,
            forward=self._forward,
        )
        self._by_name[body.name] = queue
        if body.topic != DELETED_TOPIC and not body.detached:
            self._topics.get(body.topic).listeners.append(queue.notify)

    def _stop_listening(self, queue: SubscriptionQueue) -> None:
        if self._topics.has(queue.body.topic):
            listeners = self._topics.get(queue.body.topic).listeners
            if queue.notify in listeners:  # a detached subscription listens to nothing
                listeners.remove(queue.notify)

    def _write(self, queue: SubscriptionQueue, body: Any) -> None:
        queue.body = body
        self._store.change(
            "UPDATE subscriptions SET body = ? WHERE number = ?", (body.SerializeToString(), queue.number)
        )
        queue.notify()

    def _forward(self, subscription: Any, message: Any, deliveries: int) -> bool:
        """Publish a message to the dead-letter topic of its subscription; return whether the topic exists."""
        topic = subscription.dead_letter_policy.dead_letter_topic
        if not self._topics.has(topic):
            return False
        letter = PubsubMessage(data=message.data, ordering_key=message.ordering_key)
        letter.attributes.update(message.attributes)
        letter.attributes[f"{_SOURCE}DeliveryCount"] = str(deliveries)
        letter.attributes[f"{_SOURCE}Subscription"] = subscription.name.rpartition("/")[2]
        letter.attributes[f"{_SOURCE}SubscriptionProject"] = project_of(subscription.name)
        letter.attributes[f"{_SOURCE}TopicPublishTime"] = message.publish_time.ToJsonString()
        self._topics.append(self._topics.get(topic), [letter])
        return True


class Snapshots:
    """All snapshots of the store; *clock* returns microseconds, *new_id* a part of a name."""

    def __init__(
        self, store: Store, subscriptions: Subscriptions, clock: Callable[[], int], new_id: Callable[[], str]
    ) -> None:
        self._store = store
        self._subscriptions = subscriptions
        self._clock = clock
        self._new_id = new_id
        self._by_name: dict[str, Any] = {}
        for (body,) in store.rows("SELECT body FROM snapshots"):
            snapshot = Snapshot.FromString(body)
            self._by_name[snapshot.name] = snapshot

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._by_name.values()))

    def get(self, name: str) -> Any:
        """Return the resource of a snapshot; raises BrokerError if it does not exist."""
        if name not in self._by_name:
            raise not_found(name)
        return self._by_name[name]

    def create(self, request: Any) -> Any:
        """Keep what a subscription has not acknowledged, and return the snapshot. Raises BrokerError."""
        queue = self._subscriptions.get(request.subscription)
        name = check_or_make_name(Kind.SNAPSHOT, request.name, request.subscription, self._new_id)
        check_labels(request.labels)
        if name in self._by_name:
            raise already_exists(name)
        snapshot = Snapshot(name=name, topic=queue.body.topic, labels=request.labels)
        now, oldest = self._clock(), queue.log.published(queue.backlog.floor)
        expires = (now if oldest is None else oldest) + _SNAPSHOT_SECONDS * 1_000_000
        if expires < now + _LEAST_SNAPSHOT_SECONDS * 1_000_000:
            raise failed_precondition(f"The snapshot would expire in less than an hour (resource={queue.body.name}).")
        snapshot.expire_time.CopyFrom(timestamp(expires))
        self._store.change(
            "INSERT INTO snapshots VALUES (?, ?, ?, ?, ?)",
            (
                snapshot.name,
                queue.log.number,
                snapshot.SerializeToString(),
                queue.backlog.floor,
                json.dumps(sorted(queue.backlog.settled)),
            ),
        )
        self._by_name[snapshot.name] = snapshot
        return snapshot

    def update(self, given: Any, mask: Any) -> Any:
        """Change the fields of a snapshot that are in *mask*, and return it. Raises BrokerError."""
        snapshot = self.get(given.name)
        merge_snapshot(given, mask, snapshot)
        self._store.change(
            "UPDATE snapshots SET body = ? WHERE name = ?", (snapshot.SerializeToString(), snapshot.name)
        )
        return snapshot

    def delete(self, name: str) -> None:
        """Delete a snapshot. Raises BrokerError."""
        self.get(name)
        del self._by_name[name]
        self._store.change("DELETE FROM snapshots WHERE name = ?", (name,))

    def seek(self, queue: SubscriptionQueue, name: str) -> None:
        """Take back what a subscription has acknowledged since a snapshot of the same topic. Raises BrokerError."""
        self.get(name)
        ((topic, floor, settled),) = self._store.rows(
            "SELECT topic, floor, settled FROM snapshots WHERE name = ?", (name,)
        )
        if topic != queue.log.number:
            raise failed_precondition(
                f"The snapshot does not belong to the topic of the subscription (resource={queue.body.name})."
            )
        queue.seek(floor, json.loads(settled))
