"""Where the emulators are, and clients for just there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from grpc import Channel, insecure_channel

from headrace.dev.emulators import Emulators
from headrace.runtime.google_clients import BIGQUERY, BIGQUERY_STORAGE, PUBSUB
from tests.faults.scripted_streams import UNLIMITED

_OPTIONS: Final = [  # a Pub/Sub that was killed is found soon after it is back
    *UNLIMITED,
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 100),
]


@dataclass(frozen=True, slots=True)
class Places:
    """Three addresses, each ``127.0.0.1:port``; the harness's own clients ignore the environment."""

    pubsub: str
    rest: str
    grpc: str

    @classmethod
    def of(cls, emulators: Emulators) -> Places:
        return cls(emulators.pubsub_host, emulators.bigquery_rest, emulators.bigquery_grpc)

    @property
    def environment(self) -> dict[str, str]:
        return {PUBSUB: self.pubsub, BIGQUERY: self.rest, BIGQUERY_STORAGE: self.grpc}

    def publisher(self) -> PublisherClient:
        return PublisherClient(transport=PublisherGrpcTransport(channel=self._channel()))

    def subscriber(self) -> SubscriberClient:
        return SubscriberClient(transport=SubscriberGrpcTransport(channel=self._channel()))

    def bigquery(self, project: str) -> bigquery.Client:
        options = {"api_endpoint": f"http://{self.rest}"}
        return bigquery.Client(project, credentials=AnonymousCredentials(), client_options=options)

    def _channel(self) -> Channel:
        return insecure_channel(self.pubsub, options=_OPTIONS)
