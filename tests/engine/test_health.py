"""What a running engine shows over HTTP."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress

import pytest

from headrace.dev.emulators import free_ports
from headrace.engine.health import serving_health
from headrace.engine.status import EngineStatus, SubjectStatus
from headrace.runtime import page_server
from tests.support.jobs import get_page


def a_status() -> EngineStatus:
    flights = SubjectStatus("flights", ready=True)
    flights.count("received", 7)
    flights.refuse("too_late", 2)
    flights.warn({"has_size": 2})
    flights.warn({"has_size": 3, "named": 1})
    flights.time(100_000_000, [99_000_000, 98_500_000, 40_000_000])
    return EngineStatus({"flights": flights})


@pytest.fixture
def address() -> str:
    return f"127.0.0.1:{free_ports(1)[0]}"


def test_it_is_ready_while_nothing_is_in_the_way(address: str) -> None:
    status = a_status()
    with serving_health(address, status, "headrace"):
        assert get_page(address, "/readyz")[0] == 200
        status.subjects["flights"].block("write", "the table is missing")
        code, page = get_page(address, "/readyz")
        alive = get_page(address, "/healthz")[0]
        status.subjects["flights"].unblock("write")
        assert get_page(address, "/readyz")[0] == 200
    assert (code, alive) == (503, 200), "waiting is no reason to be restarted"
    assert json.loads(page)["subjects"]["flights"]["in_the_way"] == ["write"]


def test_a_stranger_learns_no_name_of_a_resource_and_no_path(address: str) -> None:
    status = a_status()
    gone = "projects/my-project/subscriptions/flights.headrace: the subscription does not exist; provision"
    status.subjects["flights"].block("pull", gone)
    status.subjects["flights"].block("write", "DiskFullError: /var/lib/headrace")
    with serving_health(address, status, "headrace"):
        message = "".join(
            get_page(address, page)[1] for page in ("/healthz", "/readyz", "/metrics", "/", "/etc/passwd")
        )
    assert [word for word in ("my-project", "/var/lib", "projects/", "provision", "passwd") if word in message] == []


def test_it_is_dead_once_it_has_failed(address: str) -> None:
    status = a_status()
    status.failure = RuntimeError("halted")
    with serving_health(address, status, "headrace"):
        assert [get_page(address, page)[0] for page in ("/healthz", "/readyz")] == [503, 503]


def test_its_metrics_are_those_of_the_catalogue(address: str) -> None:
    with serving_health(address, a_status(), "headrace"):
        code, page = get_page(address, "/metrics")
    assert code == 200
    assert 'headrace_pipeline_events_received_total{pipeline="headrace",subject="flights"} 7.0' in page
    assert 'headrace_pipeline_dead_letters_total{pipeline="headrace",reason="too_late",subject="flights"} 2.0' in page
    warnings = 'headrace_pipeline_rule_warnings_total{pipeline="headrace",rule="%s",subject="flights"} %s'
    assert warnings % ("has_size", "5.0") in page
    assert warnings % ("named", "1.0") in page


def test_it_says_how_long_events_took(address: str) -> None:
    with serving_health(address, a_status(), "headrace"):
        page = get_page(address, "/metrics")[1]
    name = "headrace_pipeline_ingestion_seconds"
    counts = [line.split()[-1] for line in page.splitlines() if line.startswith(f"{name}_bucket")]
    assert counts == ["1.0", "2.0", "2.0", "2.0", "2.0", *["3.0"] * 7]
    assert f'{name}_sum{{pipeline="headrace",subject="flights"}} 62.5' in page
    assert f'{name}_count{{pipeline="headrace",subject="flights"}} 3.0' in page


def test_there_is_nothing_else_to_see(address: str) -> None:
    with serving_health(address, a_status(), "headrace"):
        assert get_page(address, "/")[0] == 404


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        b"\r\n\r\n",
        b"GET /healthz",
        b"POST /healthz HTTP/1.1\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
        b"x" * 20_000,
    ],
)
def test_any_other_request_is_not_answered_with_ok_and_the_server_goes_on(address: str, request_: bytes) -> None:
    host, _, port = address.rpartition(":")
    with serving_health(address, a_status(), "headrace"):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(request_)
            with suppress(OSError):  # the server may have closed the connection already
                connection.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):
                assert b"200 OK" not in connection.recv(65_536)
        assert get_page(address, "/healthz")[0] == 200


def test_a_connection_that_says_nothing_is_closed(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_server, "SECONDS", 0.2)
    host, _, port = address.rpartition(":")
    with (
        serving_health(address, a_status(), "headrace"),
        socket.create_connection((host, int(port)), timeout=20) as silent,
        socket.create_connection((host, int(port)), timeout=20) as slow,
    ):
        slow.sendall(b"GET /heal")
        assert silent.recv(1) == slow.recv(1) == b""


_ENGINE = """
import resource, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
from headrace.engine.status import EngineStatus, SubjectStatus
from headrace.engine.health import serving_health
with serving_health(sys.argv[1], EngineStatus({"flights": SubjectStatus("flights", ready=True)}), "headrace"):
    print("serving", flush=True)
    for line in sys.stdin:  # the engine's own files: opened for each line, and closed again
        opened = [open("/dev/null") for _ in range(150)]
        print(len(opened), flush=True)
        for each in opened:
            each.close()
"""


def test_thousands_of_idle_connections_take_no_file_from_the_engine(address: str) -> None:
    host, _, port = address.rpartition(":")
    command = [sys.executable, "-c", _ENGINE, address]
    with (
        ExitStack() as held,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as engine,
    ):
        held.callback(engine.kill)
        assert engine.stdin is not None
        assert engine.stdout is not None
        assert engine.stdout.readline() == "serving\n"
        for number in range(2_000):
            connection = held.enter_context(socket.create_connection((host, int(port)), timeout=20))
            if number % 2:
                with suppress(OSError):
                    connection.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
            if number % 200 == 199:
                assert get_page(address, "/healthz")[0] == 200
                engine.stdin.write("open\n")
                engine.stdin.flush()
                assert engine.stdout.readline() == "150\n"
        engine.stdin.close()
        assert engine.wait(timeout=30) == 0


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("no-such-host.invalid:8081", "no such host"),
        ("192.0.2.1:8081", "cannot be listened on (cannot assign requested address)"),
        ("127.0.0.1:99999", "a port is at most 65535"),
    ],
)
def test_an_address_that_cannot_be_served_is_refused_with_the_remedy(address: str, expected: str) -> None:
    with (
        pytest.raises(page_server.AddressError, match=re.escape(f"{address}: {expected}")),
        serving_health(address, a_status(), "headrace"),
    ):
        pass


def test_a_port_in_use_is_refused_and_free_again_afterwards(address: str) -> None:
    with serving_health(address, a_status(), "headrace"):
        with pytest.raises(page_server.AddressError, match="in use"), serving_health(address, a_status(), "other"):
            pass
        assert get_page(address, "/healthz")[0] == 200
    with serving_health(address, a_status(), "headrace"):
        assert get_page(address, "/healthz")[0] == 200


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_an_address_of_ipv6_is_one(address: str) -> None:
    port = address.rpartition(":")[2]
    with serving_health(f"[::1]:{port}", a_status(), "headrace"):
        assert get_page(f"[::1]:{port}", "/healthz")[0] == 200


def test_no_address_serves_nothing() -> None:
    with serving_health(None, a_status(), "headrace"):
        pass
