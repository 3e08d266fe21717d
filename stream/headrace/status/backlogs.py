"""How many messages wait in each subscription, and for how long, as the local broker or Cloud Monitoring counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from headrace.core.resource_names import Names
from headrace.runtime.google_clients import PUBSUB, emulator_host, open_metrics

if TYPE_CHECKING:
    from google.cloud.monitoring_v3 import MetricServiceClient

SECONDS: Final = 5.0  # for one answer
BEHIND_SECONDS: Final = 300  # Cloud Monitoring has the counts of Pub/Sub some minutes late
_MESSAGES: Final = "pubsub.googleapis.com/subscription/num_undelivered_messages"
_OLDEST: Final = "pubsub.googleapis.com/subscription/oldest_unacked_message_age"
_NOT_COUNTED: Final = "Google's emulator does not count messages; the local broker does"


@dataclass(frozen=True, slots=True)
class Backlog:
    """The messages that no subscriber has acknowledged, and the age of the oldest one in seconds."""

    messages: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class Backlogs:
    """The backlogs by subscription, and *unknown*: why some of them are not known, for people."""

    by_subscription: Mapping[str, Backlog] = field(default_factory=dict)
    unknown: str = ""


def read_backlogs(names: Names, now: Callable[[], float]) -> Backlogs:
    """Return the backlogs of the project's subscriptions; *now* is in seconds since 1970.

    Raises:
        GoogleAPICallError: the local broker or Cloud Monitoring refused, or gave no answer.
    """
    host = emulator_host(PUBSUB)
    if host:
        return _of_broker(host)
    return Backlogs(monitored_backlogs(open_metrics(), names.project, now()))


def _of_broker(host: str) -> Backlogs:
    import grpc

    from headrace.pubsub.broker_counts import broker_counts

    with grpc.insecure_channel(host) as channel:
        counts = broker_counts(channel, SECONDS)
    if counts is None:
        return Backlogs(unknown=_NOT_COUNTED)
    return Backlogs(
        {
            name: Backlog(int(each["unacknowledged"]), float(each["oldest_seconds"]))
            for name, each in counts["subscriptions"].items()
        }
    )


def monitored_backlogs(client: MetricServiceClient, project: str, now: float) -> dict[str, Backlog]:
    """Return the latest backlogs that Cloud Monitoring has of a project's subscriptions of Headrace.

    Raises:
        GoogleAPICallError: it refused, or gave no answer.
    """
    messages, oldest = (_latest(client, project, metric, now) for metric in (_MESSAGES, _OLDEST))
    return {name: Backlog(count, float(oldest.get(name, 0))) for name, count in messages.items()}


def _latest(client: MetricServiceClient, project: str, metric: str, now: float) -> dict[str, int]:
    from google.cloud.monitoring_v3 import ListTimeSeriesRequest, TimeInterval

    interval = {"start_time": {"seconds": int(now) - BEHIND_SECONDS}, "end_time": {"seconds": int(now)}}
    request = ListTimeSeriesRequest(
        name=f"projects/{project}",
        filter=f'metric.type = "{metric}" AND resource.labels.subscription_id = starts_with("headrace-")',
        interval=TimeInterval(interval),
        view=ListTimeSeriesRequest.TimeSeriesView.FULL,
    )
    return {
        f"projects/{project}/subscriptions/{series.resource.labels['subscription_id']}": series.points[
            0
        ].value.int64_value
        for series in client.list_time_series(request, timeout=SECONDS, retry=None)
        if series.points  # the latest point comes first
    }
