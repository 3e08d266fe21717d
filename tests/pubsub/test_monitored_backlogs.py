"""Backlogs from Cloud Monitoring, whose part a server of its published API plays here; it has no emulator."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import PermissionDenied
from google.cloud.monitoring_v3 import (
    ListTimeSeriesRequest,
    ListTimeSeriesResponse,
    MetricServiceClient,
    Point,
    TimeSeries,
)
from google.cloud.monitoring_v3.services.metric_service.transports import MetricServiceGrpcTransport

from headrace.pubsub.monitored_backlogs import BEHIND_SECONDS, Backlog, monitored_backlogs

NOW = 1_780_000_000.0
MESSAGES, OLDEST = "num_undelivered_messages", "oldest_unacked_message_age"


def a_series(subscription: str, *values: int) -> TimeSeries:
    """One subscription's values, the latest first, as the service orders them."""
    points = [Point(value={"int64_value": value}) for value in values]
    return TimeSeries(resource={"labels": {"subscription_id": subscription}}, points=points)


@contextmanager
def monitoring(series: dict[str, list[TimeSeries]], denied: bool = False) -> Iterator[tuple[Any, list[Any]]]:
    asked: list[ListTimeSeriesRequest] = []

    def list_time_series(data: bytes, context: grpc.ServicerContext) -> bytes:
        request = ListTimeSeriesRequest.deserialize(data)
        asked.append(request)
        if denied:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "monitoring.timeSeries.list")
        wanted = next(each for each in series if f'/{each}"' in request.filter)
        return bytes(ListTimeSeriesResponse.serialize(ListTimeSeriesResponse(time_series=series[wanted])))

    handler = grpc.method_handlers_generic_handler(
        "google.monitoring.v3.MetricService",
        {"ListTimeSeries": grpc.unary_unary_rpc_method_handler(list_time_series)},
    )
    server = grpc.server(ThreadPoolExecutor(2), handlers=[handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield MetricServiceClient(transport=MetricServiceGrpcTransport(channel=channel)), asked
    finally:
        server.stop(None).wait()


def test_the_latest_counts_are_taken_by_subscription() -> None:
    series = {
        MESSAGES: [a_series("headrace-orders", 56, 7), a_series("headrace-refunds", 0)],
        OLDEST: [a_series("headrace-orders", 75)],
    }
    with monitoring(series) as (client, _):
        found = monitored_backlogs(client, "p", NOW)
    assert found == {
        "projects/p/subscriptions/headrace-orders": Backlog(56, 75.0),
        "projects/p/subscriptions/headrace-refunds": Backlog(0, 0.0),
    }


def test_it_asks_for_the_last_minutes_of_this_projects_subscriptions() -> None:
    with monitoring({MESSAGES: [], OLDEST: []}) as (client, asked):
        assert monitored_backlogs(client, "p", NOW) == {}
    assert {each.name for each in asked} == {"projects/p"}
    assert all('starts_with("headrace-")' in each.filter for each in asked)
    assert {each.interval.end_time.timestamp() - each.interval.start_time.timestamp() for each in asked} == {
        BEHIND_SECONDS
    }


def test_a_refusal_is_raised() -> None:
    with monitoring({}, denied=True) as (client, _), pytest.raises(PermissionDenied):
        monitored_backlogs(client, "p", NOW)
