"""Topics: created, changed, published to, deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace.dev.broker.broker_errors import already_exists, not_found
from headrace.dev.broker.message_log import MessageLog
from headrace.dev.broker.message_schemas import MessageSchemas
from headrace.dev.broker.publish_limits import check_request
from headrace.dev.broker.resource_checks import complete_topic, merge_topic
from headrace.dev.broker.resource_names import DELETED_SCHEMA, Kind, check_name
from headrace.dev.broker.store import Store
from headrace.dev.broker.wire import PubsubMessage, Topic, copied, timestamp


@dataclass(slots=True)
class TopicState:
    """A topic: its resource, and its messages. *published* is the newest publish time, in microseconds."""

    body: Any
    log: MessageLog
    published: int = 0
    listeners: list[Callable[[], None]] = field(default_factory=list)


class Topics:
    """All topics of the store; *clock* returns microseconds."""

    def __init__(self, store: Store, schemas: MessageSchemas, clock: Callable[[], int]) -> None:
        self._store = store
        self._schemas = schemas
        self._clock = clock
        self._by_name: dict[str, TopicState] = {}
        self._logs: dict[int, MessageLog] = {}
        for number, body, deleted in store.rows("SELECT number, body, deleted FROM topics"):
            log = self._logs[number] = MessageLog(store, number)
            if not deleted:
                topic = Topic.FromString(body)
                self._by_name[topic.name] = TopicState(topic, log)

    def __iter__(self) -> Iterator[TopicState]:
        return iter(list(self._by_name.values()))

    def get(self, name: str) -> TopicState:
        """Return a topic; raises BrokerError if it does not exist."""
        if name not in self._by_name:
            raise not_found(name)
        return self._by_name[name]

    def has(self, name: str) -> bool:
        """Return whether a topic exists."""
        return name in self._by_name

    def log(self, number: int) -> MessageLog:
        """Return the messages of the topic with *number*, which may have been deleted."""
        return self._logs[number]

    def logs(self) -> list[MessageLog]:
        """Return the messages of each topic, also of those that were deleted."""
        return list(self._logs.values())

    def create(self, topic: Any) -> Any:
        """Create a topic, and return its resource. Raises BrokerError."""
        check_name(Kind.TOPIC, topic.name)
        complete_topic(topic)
        self._schemas.check_settings(topic)
        if topic.name in self._by_name:
            raise already_exists(topic.name)
        number = self._store.change(
            "INSERT INTO topics (name, body) VALUES (?, ?)", (topic.name, topic.SerializeToString())
        )
        log = self._logs[number] = MessageLog(self._store, number)
        self._by_name[topic.name] = TopicState(topic, log)
        return topic

    def update(self, given: Any, mask: Any) -> Any:
        """Change the fields of a topic that are in *mask*, and return its resource. Raises BrokerError."""
        state = self.get(given.name)
        changed = copied(state.body)
        merge_topic(given, mask, changed)
        self._schemas.check_settings(changed)
        self._write(state, changed)
        return changed

    def schema_deleted(self, name: str) -> None:
        """Say in each topic with a schema that it was deleted. A schema of the same name is another one."""
        for state in self:
            if state.body.schema_settings.schema == name:
                changed = copied(state.body)
                changed.schema_settings.schema = DELETED_SCHEMA
                self._write(state, changed)

    def delete(self, name: str) -> TopicState:
        """Delete a topic. Its messages stay as long as a subscription or a snapshot has them."""
        state = self.get(name)
        del self._by_name[name]
        self._store.change("UPDATE topics SET deleted = 1 WHERE number = ?", (state.log.number,))
        return state

    def forget(self, log: MessageLog) -> None:
        """Forget a deleted topic that has no messages, and that nothing refers to."""
        self._store.change("DELETE FROM topics WHERE number = ?", (log.number,))
        del self._logs[log.number]

    def publish(self, request: Any) -> list[str]:
        """Store the messages of a PublishRequest, and return their ids. Raises BrokerError."""
        state = self.get(request.topic)
        check_request(request)
        self._schemas.check_messages(state.body, request.messages)
        return self.append(state, request.messages)

    def append(self, state: TopicState, messages: Sequence[Any]) -> list[str]:
        """Store messages with their ids and publish time, and return the ids. Publish times never go back."""
        state.published = max(state.published, self._clock())
        first = state.log.newest + 1
        ids = [str(first + number) for number in range(len(messages))]
        state.log.append(state.published, _stamped(messages, ids, state.published))
        for listener in state.listeners:
            listener()
        return ids

    def _write(self, state: TopicState, body: Any) -> None:
        state.body = body
        self._store.change("UPDATE topics SET body = ? WHERE number = ?", (body.SerializeToString(), state.log.number))


def _stamped(messages: Sequence[Any], ids: Sequence[str], published: int) -> list[bytes]:
    """Return messages as bytes, with their ids and publish time. Bytes of protobuf messages in a row are merged."""
    stamp = PubsubMessage(publish_time=timestamp(published))
    bodies = []
    for message, name in zip(messages, ids, strict=True):
        message.ClearField("message_id")
        message.ClearField("publish_time")
        stamp.message_id = name
        bodies.append(message.SerializeToString() + stamp.SerializeToString())
    return bodies
