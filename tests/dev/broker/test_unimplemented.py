"""What the broker does not do is refused, and named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import MethodNotImplemented
from google.pubsub_v1 import PublisherClient, SchemaServiceClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import IngestionDataSourceSettings, JavaScriptUDF, MessageTransform, Schema

from headrace.dev.emulators import running_pubsub

pytestmark = pytest.mark.emulators
PROJECT = "projects/unimplemented"
TOPIC = f"{PROJECT}/topics/one"
TRANSFORMS = [MessageTransform(javascript_udf=JavaScriptUDF(function_name="f", code="function f(m) { return m }"))]
INGESTED = IngestionDataSourceSettings(
    aws_kinesis=IngestionDataSourceSettings.AwsKinesis(stream_arn="arn:aws:kinesis:eu-west-1:1:stream/s")
)


class Clients:
    """Clients of one broker, which has a topic."""

    def __init__(self, address: str) -> None:
        channel = grpc.insecure_channel(address)
        self.publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        self.subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        self.schemas = SchemaServiceClient(transport=SchemaServiceGrpcTransport(channel=channel))
        self.publisher.create_topic(name=TOPIC)


CALLS: dict[str, tuple[str, Callable[[Clients], Any]]] = {
    "topic": (
        "message_transforms",
        lambda to: to.publisher.create_topic(
            request={"name": f"{PROJECT}/topics/two", "message_transforms": TRANSFORMS}
        ),
    ),
    "subscription": (
        "message_transforms",
        lambda to: to.subscriber.create_subscription(request={"topic": TOPIC, "message_transforms": TRANSFORMS}),
    ),
    "ingestion": (
        "ingestion_data_source_settings",
        lambda to: to.publisher.create_topic(
            request={"name": f"{PROJECT}/topics/two", "ingestion_data_source_settings": INGESTED}
        ),
    ),
    "protocol-buffers": (
        "Protocol Buffers",
        lambda to: to.schemas.create_schema(
            parent=PROJECT, schema_id="one", schema=Schema(type_=Schema.Type.PROTOCOL_BUFFER, definition="message M {}")
        ),
    ),
    "policy": ("IAM", lambda to: to.publisher.get_iam_policy(request={"resource": TOPIC})),
    "permissions": (
        "IAM",
        lambda to: to.publisher.test_iam_permissions(request={"resource": TOPIC, "permissions": ["pubsub.topics.get"]}),
    ),
}


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    with running_pubsub(tmp_path_factory.mktemp("pubsub")) as address:
        yield Clients(address)


@pytest.mark.parametrize("name", CALLS)
def test_a_refusal_says_what_the_broker_does_not_have(clients: Clients, name: str) -> None:
    what, call = CALLS[name]
    with pytest.raises(MethodNotImplemented, match=what):
        call(clients)
