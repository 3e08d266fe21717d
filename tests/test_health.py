"""What a running engine shows over HTTP."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request

import pytest

from stream.engine.status import EngineStatus, SubjectStatus
from stream.health import serving_health


def a_status() -> EngineStatus:
    flights = SubjectStatus("flights", ready=True)
    flights.count("received", 7)
    flights.refuse("too_late", 2)
    flights.time(100_000_000, [99_000_000, 98_500_000, 40_000_000])
    return EngineStatus({"flights": flights})


def get(address: str, page: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{address}{page}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_it_is_ready_while_nothing_is_in_the_way(address: str) -> None:
    status = a_status()
    with serving_health(address, status, "headrace"):
        assert get(address, "/readyz")[0] == 200
        status.subjects["flights"].block("write", "the table is missing")
        code, page = get(address, "/readyz")
        alive = get(address, "/healthz")[0]
        status.subjects["flights"].unblock("write")
        assert get(address, "/readyz")[0] == 200
    assert (code, alive) == (503, 200), "waiting is no reason to be restarted"
    assert json.loads(page)["subjects"]["flights"]["in_the_way"] == ["the table is missing"]


def test_it_is_dead_once_it_has_failed(address: str) -> None:
    status = a_status()
    status.failure = RuntimeError("halted")
    with serving_health(address, status, "headrace"):
        assert [get(address, page)[0] for page in ("/healthz", "/readyz")] == [503, 503]


def test_its_metrics_are_those_of_the_catalogue(address: str) -> None:
    with serving_health(address, a_status(), "headrace"):
        code, page = get(address, "/metrics")
    assert code == 200
    assert 'headrace_pipeline_events_received_total{pipeline="headrace",subject="flights"} 7.0' in page
    assert 'headrace_pipeline_dead_letters_total{pipeline="headrace",reason="too_late",subject="flights"} 2.0' in page


def test_it_says_how_long_events_took(address: str) -> None:
    with serving_health(address, a_status(), "headrace"):
        page = get(address, "/metrics")[1]
    name = "headrace_pipeline_ingestion_seconds"
    counts = [line.split()[-1] for line in page.splitlines() if line.startswith(f"{name}_bucket")]
    assert counts == ["1.0", "2.0", "2.0", "2.0", "2.0", *["3.0"] * 7]
    assert f'{name}_sum{{pipeline="headrace",subject="flights"}} 62.5' in page
    assert f'{name}_count{{pipeline="headrace",subject="flights"}} 3.0' in page


def test_there_is_nothing_else_to_see(address: str) -> None:
    with serving_health(address, a_status(), "headrace"):
        assert get(address, "/")[0] == 404


def test_no_address_serves_nothing() -> None:
    with serving_health(None, a_status(), "headrace"):
        pass
