"""The same cases on each Pub/Sub: the local broker, Google's emulator, and the service if a project is given."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from uuid import uuid4

import grpc
import pytest
from google.pubsub_v1 import PublisherClient, SchemaServiceClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import PubsubMessage, ReceivedMessage

from headrace.dev.emulators import running_pubsub
from headrace.dev.pubsub_services import PubsubService
from tests.support.google_emulator import NEEDS_GOOGLE_EMULATOR

PROJECT_VARIABLE: Final = "HEADRACE_CONFORMANCE_PROJECT"
PULL_SECONDS: Final = 5.0
_OPTIONS: Final = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 100),
]


class Target(StrEnum):
    """What the cases run on."""

    BROKER = "broker"
    GOOGLE_EMULATOR = "google-emulator"
    GOOGLE = "google"


@dataclass
class Pubsub:
    """One Pub/Sub, its clients, and names that no other test uses."""

    target: Target
    address: str
    project: str
    test: str = field(default_factory=lambda: f"conformance-{uuid4().hex[:8]}")

    def __post_init__(self) -> None:
        if self.target is Target.GOOGLE:
            self.publisher, self.subscriber, self.schemas = PublisherClient(), SubscriberClient(), SchemaServiceClient()
            return
        channel = grpc.insecure_channel(self.address, options=_OPTIONS)
        self.publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        self.subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        self.schemas = SchemaServiceClient(transport=SchemaServiceGrpcTransport(channel=channel))

    def name(self, kind: str, name: str = "one") -> str:
        return f"projects/{self.project}/{kind}/{self.test}-{name}"

    def topic(self, name: str = "one", **settings: Any) -> str:
        """Create a topic, and return its name."""
        return self.publisher.create_topic(request={"name": self.name("topics", name), **settings}).name

    def subscription(self, topic: str, name: str = "one", **settings: Any) -> str:
        """Create a subscription, and return its name."""
        request = {"name": self.name("subscriptions", name), "topic": topic, **settings}
        return self.subscriber.create_subscription(request=request).name

    def publish(self, topic: str, *data: str, key: str = "", **attributes: str) -> list[str]:
        """Publish texts in one request, and return their ids."""
        messages = [PubsubMessage(data=each.encode(), attributes=attributes, ordering_key=key) for each in data]
        return list(self.publisher.publish(topic=topic, messages=messages).message_ids)

    def pull(self, subscription: str, at_most: int = 100, seconds: float = PULL_SECONDS) -> list[ReceivedMessage]:
        """Return what one pull gets; nothing after *seconds*."""
        from google.api_core.exceptions import DeadlineExceeded

        try:
            answer = self.subscriber.pull(subscription=subscription, max_messages=at_most, timeout=seconds, retry=None)
        except DeadlineExceeded:
            return []
        return list(answer.received_messages)

    def pull_all(self, subscription: str, count: int) -> list[ReceivedMessage]:
        """Return *count* messages, of as many pulls as it takes."""
        found: list[ReceivedMessage] = []
        for _ in range(count + 3):
            if len(found) >= count:
                break
            found += self.pull(subscription)
        return found

    def take(self, subscription: str, count: int) -> list[str]:
        """Pull and acknowledge *count* messages, and return their texts."""
        found: list[str] = []
        for _ in range(count + 3):
            if len(found) >= count:
                break
            received = self.pull(subscription)
            found += texts(received)
            self.acknowledge(subscription, received)
        return found

    def acknowledge(self, subscription: str, received: list[ReceivedMessage]) -> None:
        if received:
            self.subscriber.acknowledge(subscription=subscription, ack_ids=[each.ack_id for each in received])

    def refuse(self, subscription: str, received: list[ReceivedMessage]) -> None:
        """Ask for messages again at once."""
        ids = [each.ack_id for each in received]
        self.subscriber.modify_ack_deadline(subscription=subscription, ack_ids=ids, ack_deadline_seconds=0)


def texts(received: list[ReceivedMessage]) -> list[str]:
    """Return the data of messages."""
    return [each.message.data.decode() for each in received]


def _targets() -> list[Any]:
    google = pytest.mark.skipif(PROJECT_VARIABLE not in os.environ, reason=f"{PROJECT_VARIABLE} is not set")
    return [
        pytest.param(Target.BROKER, id=Target.BROKER),
        pytest.param(Target.GOOGLE_EMULATOR, id=Target.GOOGLE_EMULATOR, marks=NEEDS_GOOGLE_EMULATOR),
        pytest.param(Target.GOOGLE, id=Target.GOOGLE, marks=google),
    ]


@pytest.fixture(scope="session", params=_targets())
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Target, str]]:
    """The target, and its address."""
    target: Target = request.param
    if target is Target.GOOGLE:
        yield target, ""
        return
    with running_pubsub(tmp_path_factory.mktemp("pubsub"), PubsubService(target)) as address:
        yield target, address


@pytest.fixture
def pubsub(service: tuple[Target, str], request: pytest.FixtureRequest) -> Iterator[Pubsub]:
    target, address = service
    for mark in request.node.iter_markers("deviates"):
        if mark.args[0] == target:
            request.applymarker(pytest.mark.xfail(reason=mark.args[1], strict=True))
    project = os.environ.get(PROJECT_VARIABLE, "conformance")
    opened = Pubsub(target, address, project)
    yield opened
    _clean(opened)


def _clean(pubsub: Pubsub) -> None:
    """Delete what a test has created in a project of the service."""
    if pubsub.target is not Target.GOOGLE:
        return
    parent = f"projects/{pubsub.project}"
    deletions: list[tuple[Any, Callable[[str], Any]]] = [
        (
            pubsub.subscriber.list_snapshots(project=parent),
            lambda name: pubsub.subscriber.delete_snapshot(snapshot=name),
        ),
        (
            pubsub.subscriber.list_subscriptions(project=parent),
            lambda name: pubsub.subscriber.delete_subscription(subscription=name),
        ),
        (pubsub.publisher.list_topics(project=parent), lambda name: pubsub.publisher.delete_topic(topic=name)),
        (pubsub.schemas.list_schemas(parent=parent), lambda name: pubsub.schemas.delete_schema(name=name)),
    ]
    for found, delete in deletions:
        for each in found:
            if f"/{pubsub.test}-" in each.name:
                delete(each.name)
