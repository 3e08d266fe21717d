"""Backlogs of subscriptions as Cloud Monitoring has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from google.cloud.monitoring_v3 import MetricServiceClient

SECONDS: Final = 5.0  # for one answer
BEHIND_SECONDS: Final = 300  # Cloud Monitoring has the counts of Pub/Sub some minutes late
_MESSAGES: Final = "pubsub.googleapis.com/subscription/num_undelivered_messages"
_OLDEST: Final = "pubsub.googleapis.com/subscription/oldest_unacked_message_age"


@dataclass(frozen=True, slots=True)
class Backlog:
    """The messages that no subscriber has acknowledged, and the age of the oldest one in seconds."""

    messages: int
    oldest_seconds: float


def monitored_backlogs(
    client: MetricServiceClient, project: str, now: float, named: Sequence[str] = ()
) -> dict[str, Backlog]:
    """Return the latest backlogs that Cloud Monitoring has of subscriptions of a *project*.

    They are those that Headrace has created, or those whose ids are *named*.

    Raises:
        GoogleAPICallError: it refused, or gave no answer.
    """
    listed = ", ".join(f'"{each}"' for each in named)
    chosen = f"one_of({listed})" if named else 'starts_with("headrace-")'
    messages, oldest = (_latest(client, project, metric, now, chosen) for metric in (_MESSAGES, _OLDEST))
    return {name: Backlog(count, float(oldest.get(name, 0))) for name, count in messages.items()}


def _latest(client: MetricServiceClient, project: str, metric: str, now: float, chosen: str) -> dict[str, int]:
    from google.cloud.monitoring_v3 import ListTimeSeriesRequest, TimeInterval

    interval = {"start_time": {"seconds": int(now) - BEHIND_SECONDS}, "end_time": {"seconds": int(now)}}
    request = ListTimeSeriesRequest(
        name=f"projects/{project}",
        filter=f'metric.type = "{metric}" AND resource.labels.subscription_id = {chosen}',
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
