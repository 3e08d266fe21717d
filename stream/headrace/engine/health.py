"""Serve the pages of a running engine: ``/healthz``, ``/readyz`` and ``/metrics``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from headrace.engine.status import EngineStatus


@contextmanager
def serving_health(address: str | None, status: EngineStatus, pipeline: str) -> Iterator[None]:
    """Serve the three pages on *address* (``host:port``) while the block runs. Without an address, do nothing.

    Raises:
        AddressError: the server cannot listen at *address*.
    """
    if address is None:
        yield
        return
    from headrace.engine.health_pages import pages_of  # imports Prometheus and a server, which most starts do not need
    from headrace.runtime.page_server import listening, serving

    with serving(listening(address), pages_of(status, pipeline)):
        yield
