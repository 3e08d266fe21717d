"""Prometheus metrics of a producer; needs ``headrace-producers[metrics]``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from headrace.producers.reports import ProducerStats


class ProducerCollector(Collector):
    """Reads *stats*, such as ``producer.stats``, when Prometheus asks; publishing costs nothing more.

    Register it with ``prometheus_client.REGISTRY.register(ProducerCollector(producer.stats))``.
    """

    def __init__(self, stats: Callable[[], ProducerStats]) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        stats = self._stats()
        events = CounterMetricFamily("headrace_producer_events", "Events by outcome", labels=["outcome"])
        events.add_metric(["confirmed"], stats.confirmed)
        events.add_metric(["failed"], stats.failed)
        events.add_metric(["refused"], stats.refused)
        yield events
        yield GaugeMetricFamily(
            "headrace_producer_unconfirmed_events", "Accepted events without an outcome", value=stats.unconfirmed
        )
