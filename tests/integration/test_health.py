"""An engine among strangers at its health port."""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from headrace.dev.emulators import free_ports
from tests.integration.test_crash import distinct, publish_flights
from tests.support.jobs import a_key, a_running_job, get_page, wait_for
from tests.support.service import a_service

pytestmark = pytest.mark.emulators
STRANGERS = 2_000
EVENTS = 2_000


def test_an_engine_that_may_open_256_files_works_among_2_000_idle_and_slow_connections(
    project: str, tmp_path: Path
) -> None:
    service, port = a_service(project), free_ports(1)[0]
    with ExitStack() as held, a_running_job(project, a_key(tmp_path), health=f"127.0.0.1:{port}") as job:
        psutil.Process(job.pid).rlimit(psutil.RLIMIT_NOFILE, (256, 256))
        for number in range(STRANGERS):
            stranger = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            if number % 2:
                with suppress(OSError):
                    stranger.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
            if number == STRANGERS // 2:
                publish_flights(service, EVENTS)
        assert get_page(f"127.0.0.1:{port}", "/healthz")[0] == 200
        wait_for(lambda: distinct(service)[1] == EVENTS)
        assert job.poll() is None
        assert psutil.Process(job.pid).num_fds() < 128
