"""The proxy does to a connection what each of its words says; a server that echoes is behind it."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.proxy import Proxy, a_proxy
from tests.support.jobs import wait_for


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(1000):
            self.server.heard += data  # type: ignore[attr-defined]
            self.request.sendall(data)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads, heard = True, b""

    def handle_error(self, *_: object) -> None:
        """A reset connection is what these tests are about."""


@contextmanager
def an_echo() -> Iterator[_Server]:
    with _Server(("127.0.0.1", 0), _Echo) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@contextmanager
def a_connection() -> Iterator[tuple[_Server, Proxy, socket.socket]]:
    with an_echo() as server, a_proxy(address(server)) as proxy, connect(proxy) as client:
        yield server, proxy, client


def address(server: _Server) -> str:
    return f"127.0.0.1:{server.server_address[1]}"


def connect(proxy: Proxy) -> socket.socket:
    host, port = proxy.address.split(":")
    client = socket.create_connection((host, int(port)), timeout=5)
    client.settimeout(5)
    return client


def test_a_healthy_proxy_is_a_wire() -> None:
    with a_connection() as (_, _, client):
        client.sendall(b"hello")
        assert client.recv(100) == b"hello"


def test_cut_resets_what_is_open_and_new_connections_work() -> None:
    with a_connection() as (_, proxy, client):
        client.sendall(b"hello")
        client.recv(100)
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(100)
        with connect(proxy) as again:
            again.sendall(b"back")
            assert again.recv(100) == b"back"


def test_refusing_resets_new_connections_until_healed() -> None:
    with a_connection() as (_, proxy, _):
        proxy.refusing = True
        with pytest.raises(ConnectionResetError):
            connect(proxy).recv(100)
        proxy.heal()
        with connect(proxy) as client:
            client.sendall(b"back")
            assert client.recv(100) == b"back"


def test_swallowed_answers_do_not_reach_the_client_although_the_server_has_the_request() -> None:
    with a_connection() as (server, proxy, client):
        proxy.swallow_answers = True
        client.sendall(b"write this")
        wait_for(lambda: server.heard == b"write this" and proxy.swallowed_bytes == 10, 5)
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(100)
        proxy.heal()
        client.settimeout(5)
        with pytest.raises(ConnectionResetError):
            client.recv(100)


def test_half_open_keeps_the_connection_and_lets_nothing_through() -> None:
    with a_connection() as (server, proxy, client):
        proxy.half_open()
        client.sendall(b"nobody hears this")
        wait_for(lambda: proxy.swallowed_bytes > 0, 5)
        assert server.heard == b""


def test_truncate_lets_so_many_bytes_through_and_resets() -> None:
    with a_connection() as (_, proxy, client):
        proxy.truncate_after = 3
        client.sendall(b"a frame of many bytes")
        assert client.recv(100) == b"a f"
        with pytest.raises(ConnectionResetError):
            client.recv(100)


def test_delay_holds_bytes_back() -> None:
    with a_connection() as (_, proxy, client):
        proxy.delay = 0.15
        start = time.monotonic()
        client.sendall(b"slow")
        assert client.recv(100) == b"slow"
        assert time.monotonic() - start >= 0.3, "once there, once back"


def test_a_proxy_without_a_server_resets_the_connection() -> None:
    with an_echo() as server:
        gone = address(server)
    with a_proxy(gone) as proxy, pytest.raises(ConnectionResetError):
        connect(proxy).recv(100)
