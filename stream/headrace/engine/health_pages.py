"""``/healthz``, ``/readyz`` and ``/metrics`` of a running engine.

Anyone who reaches the port can read these pages. They have the names of subjects, the kinds of problems, and counts.
The log has the resource of a problem and its remedy.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from http import HTTPStatus
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from headrace.core.engine_report import WITHIN
from headrace.engine.status import EngineStatus, SubjectStatus
from headrace.runtime.page_server import Page, Pages

COUNTERS: Final = {
    "received": ("headrace_pipeline_events_received", "Messages pulled, without redeliveries"),
    "written": ("headrace_pipeline_rows_written", "Rows confirmed by BigQuery"),
    "duplicate": ("headrace_pipeline_duplicates", "Events that were already in the table"),
    "dropped": ("headrace_pipeline_events_dropped", "Events that the contract's filter excludes"),
    "redelivered": ("headrace_pipeline_redelivered_messages", "Messages that already had an outcome"),
    "acknowledged": ("headrace_pipeline_messages_acknowledged", "Messages acknowledged"),
}
_WARNED: Final = "Events that break a rule of their contract which only warns"
_TOOK: Final = "From publish to acknowledgement, when the row is in its table or the message is a dead letter"


class StatusCollector(Collector):
    """A collector that turns an engine's status into Prometheus metrics at each request."""

    def __init__(self, status: EngineStatus, pipeline: str) -> None:
        self._status = status
        self._pipeline = pipeline

    def collect(self) -> Iterable[Metric]:
        """Yield every metric of the catalogue that this process can measure."""
        labels = ["pipeline", "subject"]
        subjects = list(self._status.subjects.values())
        for name, (metric, help_) in COUNTERS.items():
            family = CounterMetricFamily(metric, help_, labels=labels)
            for each in subjects:
                family.add_metric([self._pipeline, each.subject], each.counts[name])
            yield family
        letters = CounterMetricFamily("headrace_pipeline_dead_letters", "Messages refused", labels=[*labels, "reason"])
        blocked = GaugeMetricFamily("headrace_pipeline_blocked", "1 while the subject has a problem", labels=labels)
        paused = GaugeMetricFamily("headrace_pipeline_paused", "1 while the subject's circuit is open", labels=labels)
        for each in subjects:
            paused.add_metric([self._pipeline, each.subject], int(each.is_circuit_open))
            blocked.add_metric([self._pipeline, each.subject], int(bool(each.in_the_way)))
            for reason, count in dict(each.dead_letters).items():
                letters.add_metric([self._pipeline, each.subject, reason], count)
        yield letters
        yield self._rule_warnings(subjects)
        yield blocked
        yield paused
        took = HistogramMetricFamily("headrace_pipeline_ingestion_seconds", _TOOK, labels=labels)
        for each in subjects:
            took.add_metric([self._pipeline, each.subject], _buckets(each), each.seconds_taken)
        yield took

    def _rule_warnings(self, subjects: Iterable[SubjectStatus]) -> Metric:
        family = CounterMetricFamily("headrace_pipeline_rule_warnings", _WARNED, labels=["pipeline", "subject", "rule"])
        for each in subjects:
            for rule, count in dict(each.rule_warnings).items():
                family.add_metric([self._pipeline, each.subject, rule], count)
        return family


def _buckets(status: SubjectStatus) -> list[tuple[str, float]]:
    """Return the cumulative counts by duration that Prometheus expects."""
    took = dict(status.took)
    upto = accumulate(took.get(index, 0) for index in range(len(WITHIN) + 1))
    return list(zip([*map(str, WITHIN), "+Inf"], upto, strict=True))


def pages_of(status: EngineStatus, pipeline: str) -> Pages:
    """Return a function that returns the page for a path."""
    registry = CollectorRegistry()
    registry.register(StatusCollector(status, pipeline))

    def page(path: str) -> Page:
        match path:
            case "/healthz":
                return _state(status, status.alive)
            case "/readyz":
                return _state(status, status.ready)
            case "/metrics":
                return Page(HTTPStatus.OK, exposition.CONTENT_TYPE_LATEST, exposition.generate_latest(registry))
            case _:
                return Page(HTTPStatus.NOT_FOUND, "text/plain", b"/healthz, /readyz or /metrics\n")

    return page


def _state(status: EngineStatus, good: bool) -> Page:
    subjects = {
        name: {
            "ready": each.ready,
            "in_the_way": sorted(dict(each.in_the_way)),
            "notices": sorted(dict(each.notices)),
            **each.counts,
        }
        for name, each in status.subjects.items()
    }
    lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(each)}" for name, each in subjects.items())
    alive, ready = json.dumps(status.alive), json.dumps(status.ready)
    state = f'{{\n  "alive": {alive},\n  "ready": {ready},\n  "subjects": {{\n{lines}\n  }}\n}}\n'
    code = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
    return Page(code, "application/json", state.encode())
