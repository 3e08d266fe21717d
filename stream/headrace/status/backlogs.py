"""How many messages wait in each subscription, and for how long, as the local broker or Cloud Monitoring counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from google.api_core.exceptions import Forbidden

from headrace.core.resource_names import Names
from headrace.pubsub.monitored_backlogs import Backlog, monitored_backlogs
from headrace.runtime.google_clients import PUBSUB, emulator_host, open_metrics

SECONDS: Final = 5.0  # for one answer
_NOT_COUNTED: Final = "Google's emulator does not count messages; the local broker does"


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
    client, at = open_metrics(), now()
    found, unknown = monitored_backlogs(client, names.project, at), ""
    for project, named in _existing(names).items():
        try:
            found |= monitored_backlogs(client, project, at, named)
        except Forbidden:
            unknown = f"project {project}: the backlogs of its subscriptions need monitoring.timeSeries.list there"
    return Backlogs(found, unknown)


def _existing(names: Names) -> dict[str, list[str]]:
    """Return the ids of the subscriptions that the settings name, by their project."""
    found: dict[str, list[str]] = {}
    for route in names.routes.routes:
        _, project, _, name = route.subscription.split("/")
        found.setdefault(project, []).append(name)
    return found


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
