"""``headrace dead-letters collect``: run the collector as a service."""

from __future__ import annotations

import threading

import structlog

from headrace.config.settings import Settings
from headrace.console.archive_access import open_collector
from headrace.runtime.logs import set_up_logs
from headrace.runtime.processes import stop_on_signals
from headrace.runtime.reachability import Service, reach

_LOG = structlog.get_logger("headrace")


def collect_until_stopped(settings: Settings) -> None:
    """Collect until SIGTERM or Ctrl-C. Then each pulled letter is in the archive, or Pub/Sub delivers it again."""
    reach(Service.PUBSUB, Service.WRITE)
    set_up_logs(settings.log_format)
    stop = threading.Event()
    collector = open_collector(settings, stop)
    stop_on_signals(stop)
    names = settings.names
    _LOG.info("collecting", subscription=names.dead_letter_subscription, into=f"{settings.project}.{names.archive}")
    collector.run()
    _LOG.info("stopped", letters=collector.collected)
