"""The one place that opens Google clients. They connect to emulators where the emulators' variables are set.

Each client takes half a second to import, so a function imports only the client that it opens.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from google.cloud import bigquery, storage
    from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
    from google.cloud.monitoring_v3 import MetricServiceClient
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient
    from google.pubsub_v1 import PublisherClient, SchemaServiceClient, SubscriberClient

RETRY_SECONDS: Final = 60.0
EMULATOR_SECONDS: Final = 8.0  # an emulator that fails is seldom better later
PUBSUB: Final = "PUBSUB_EMULATOR_HOST"
BIGQUERY: Final = "BIGQUERY_EMULATOR_HOST"
BIGQUERY_STORAGE: Final = "BIGQUERY_STORAGE_EMULATOR_HOST"
STORAGE: Final = "STORAGE_EMULATOR_HOST"  # Cloud Storage; Google's client reads this variable itself
# By default, gRPC waits up to two minutes before it connects again, and the job would wait as long after an outage.
_RECONNECT: Final = [("grpc.max_reconnect_backoff_ms", 5_000)]
_OWN_CONNECTION: Final = [("grpc.use_local_subchannel_pool", 1)]  # by default, clients of an address share one
_OPTIONS: Final = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1), *_RECONNECT]


def emulator_host(variable: str) -> str | None:
    """Return the ``host:port`` in an emulator's *variable*, without the scheme that Google's BigQuery client needs."""
    given = os.environ.get(variable, "").strip()
    return given.removeprefix("http://").removeprefix("https://").rstrip("/") or None


def open_gapic_publisher() -> PublisherClient:
    """Open a client that publishes requests unchanged, with attributes of any name."""
    from google.pubsub_v1 import PublisherClient
    from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

    return PublisherClient(transport=_pubsub_transport(PublisherGrpcTransport))


def open_subscriber() -> SubscriberClient:
    """Open a client for unary Pull and acknowledgements, with a connection of its own."""
    from google.pubsub_v1 import SubscriberClient
    from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

    return SubscriberClient(transport=_pubsub_transport(SubscriberGrpcTransport, _OWN_CONNECTION))


def open_schemas() -> SchemaServiceClient:
    """Open a client for Pub/Sub's schema service."""
    from google.pubsub_v1 import SchemaServiceClient
    from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport

    return SchemaServiceClient(transport=_pubsub_transport(SchemaServiceGrpcTransport))


def open_bigquery(project: str) -> bigquery.Client:
    """Open a client for tables and queries."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery
    from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY, DEFAULT_RETRY

    host = emulator_host(BIGQUERY)

    most = EMULATOR_SECONDS if host else RETRY_SECONDS
    again = None if host else DEFAULT_JOB_RETRY.with_timeout(most)
    waiting: dict[str, Any] = {"retry": DEFAULT_RETRY.with_timeout(most), "job_retry": again}

    class Client(bigquery.Client):
        """A client that retries a failed call for *most* seconds; Google's retries for ten minutes, without a message.

        Google's client also starts a failed query again, for ten minutes or forty. Here BigQuery's may start again for
        a minute if the caller waits for its rows, and the emulator's never.
        """

        def _call_api(self, retry: Any, *arguments: Any, **named: Any) -> Any:
            limited = retry and retry.with_timeout(min(retry.timeout or most, most))
            return super()._call_api(limited, *arguments, **named)

        def query(self, *arguments: Any, **named: Any) -> Any:
            return super().query(*arguments, **{"job_retry": None} | named)

        def query_and_wait(self, *arguments: Any, **named: Any) -> Any:
            return super().query_and_wait(*arguments, **waiting | named)

    if not host:
        return Client(project)
    return Client(project, credentials=AnonymousCredentials(), client_options={"api_endpoint": f"http://{host}"})


def open_write(project: str) -> BigQueryWriteClient:
    """Open a client for appends that uses the quota of *project*."""
    from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
    from google.cloud.bigquery_storage_v1.services.big_query_write.transports import BigQueryWriteGrpcTransport

    host = emulator_host(BIGQUERY_STORAGE)
    if not host:
        transport = _transport(BigQueryWriteGrpcTransport)
        return BigQueryWriteClient(transport=transport, client_options={"quota_project_id": project})
    return BigQueryWriteClient(transport=BigQueryWriteGrpcTransport(channel=_channel(host)))


def open_storage() -> storage.Client:
    """Open a client for objects of buckets that exist; which project it names does not matter for them."""
    from google.cloud import storage

    return storage.Client(project="not-asked")


def open_metrics() -> MetricServiceClient:
    """Open a client that reads Cloud Monitoring, which has no emulator."""
    from google.cloud.monitoring_v3 import MetricServiceClient

    return MetricServiceClient()


def open_secrets() -> SecretManagerServiceClient:
    """Open a client that reads keys; Secret Manager has no emulator."""
    from google.cloud.secretmanager_v1 import SecretManagerServiceClient

    return SecretManagerServiceClient()


def describe_emulators() -> str | None:
    """Return one line that lists the emulators used instead of Google Cloud, or None if no emulator is used.

    Also remove the scheme from Pub/Sub's variable: Google's own clients, such as the one in Beam, refuse a scheme.
    """
    if pubsub_host := emulator_host(PUBSUB):
        os.environ[PUBSUB] = pubsub_host
    pubsub, rest, grpc = (emulator_host(name) or "" for name in (PUBSUB, BIGQUERY, BIGQUERY_STORAGE))
    bigquery = " and ".join(filter(None, [rest, grpc.removeprefix(rest.rpartition(":")[0])]))
    used = [f"{name} {place}" for name, place in (("Pub/Sub", pubsub), ("BigQuery", bigquery)) if place]
    return f"using emulators: {', '.join(used)}" if used else None


def _pubsub_transport(class_: Any, more: Sequence[tuple[str, Any]] = ()) -> Any:
    host = emulator_host(PUBSUB)
    return class_(channel=_channel(host, more)) if host else _transport(class_, more)


def _transport(class_: Any, more: Sequence[tuple[str, Any]] = ()) -> Any:
    """Return the client's own transport with a shorter wait before its channel connects again."""

    def channel(host: str, *, options: Sequence[tuple[str, Any]], **given: Any) -> Any:
        return class_.create_channel(host, options=[*options, *_RECONNECT, *more], **given)

    return partial(class_, channel=channel)


def _channel(host: str, more: Sequence[tuple[str, Any]] = ()) -> Any:
    import grpc

    return grpc.insecure_channel(host, options=[*_OPTIONS, *more])
