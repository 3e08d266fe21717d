"""A small HTTP server for pages that untrusted clients may request: one thread, few files, no waiting for slow clients.

Any client that reaches the port can open connections and send nothing, or one byte a second. So each connection has a
deadline, at most :data:`CONNECTIONS` are open at a time, and a further one replaces the oldest. An engine whose process
may open 256 files can therefore still open its own files, and probes get answers among thousands of idle connections.
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Final, NamedTuple, TypeAlias

from headrace.errors import Exit, HeadraceError
from headrace.runtime.ports import HIGHEST_PORT

CONNECTIONS: Final = 64  # at most; fewer where the process may open few files
SHARE: Final = 8  # connections use at most one eighth of the files that the process may open
SECONDS: Final = 5.0  # for a whole request and its answer
REQUEST_BYTES: Final = 8 * 1024
WAITING: Final = 1024  # connections in the kernel's backlog; they use no file of this process
_WAIT_SECONDS: Final = 0.1  # after a connection that could not be accepted because no file was free


class AddressError(HeadraceError, OSError, error_code="HR-509", exit_code=Exit.CONFIGURATION):
    """The health pages cannot be served at this address. The text gives the cause and the remedy."""


class Page(NamedTuple):
    """The answer to one request."""

    status: HTTPStatus
    type: str
    body: bytes


Pages: TypeAlias = Callable[[str], Page]


@contextmanager
def serving(listener: socket.socket, pages: Pages) -> Iterator[None]:
    """Answer GET requests that reach *listener* while the block runs; *pages* returns the page of a path."""
    listener.setblocking(False)
    with listener:
        loop = asyncio.new_event_loop()
        task = loop.create_task(_Server(listener, pages).serve())
        thread = threading.Thread(target=_run, args=(loop, task), name="pages", daemon=True)
        thread.start()
        try:
            yield
        finally:
            loop.call_soon_threadsafe(task.cancel)
            thread.join()


def listening(address: str) -> socket.socket:
    """Return a socket that listens at *address* (``host:port``).

    Raises:
        AddressError: nothing can listen there.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if int(port) > HIGHEST_PORT:  # getaddrinfo would take the number modulo 65,536
        raise AddressError(f"{address}: a port is at most {HIGHEST_PORT}")
    try:
        (family, *_, place), *_ = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
        return socket.create_server(place[:2], family=family, backlog=WAITING)
    except socket.gaierror:
        raise AddressError(f"{address}: no such host; name an address of this machine, such as 127.0.0.1") from None
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise AddressError(f"{address}: cannot be listened on ({reason}); choose another port") from None


def _run(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    with suppress(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()


def _at_most() -> int:
    """Return how many connections may be open, by the number of files that the process may open."""
    return max(min(CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // SHARE), 1)


class _Server:
    """A server that accepts one connection at a time, in one thread."""

    def __init__(self, listener: socket.socket, pages: Pages) -> None:
        self._listener = listener
        self._pages = pages
        self._open: dict[asyncio.Task[None], None] = {}  # oldest first

    async def serve(self) -> None:
        try:
            while True:
                await self._accept_one()
        finally:
            for task in list(self._open):
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept_one(self) -> None:
        loop = asyncio.get_running_loop()
        if len(self._open) >= _at_most():
            await self._drop_the_oldest()
        try:
            connection, _ = await loop.sock_accept(self._listener)
        except OSError:  # no file is free, or the client has closed the connection
            await self._drop_the_oldest()
            await asyncio.sleep(_WAIT_SECONDS)
            return
        task = loop.create_task(self._converse(connection))
        self._open[task] = None
        task.add_done_callback(self._forget)
        await asyncio.sleep(0)  # answer a request that has already arrived before accepting the next connection

    async def _drop_the_oldest(self) -> None:
        for task in list(self._open)[:1]:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._open.pop(task, None)

    async def _converse(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        with connection, suppress(OSError, TimeoutError):
            async with asyncio.timeout(SECONDS):
                request = await _request(connection)
                await asyncio.get_running_loop().sock_sendall(connection, _written(self._answer(request)))

    def _answer(self, request: bytes) -> Page:
        match request.split(b"\r\n", 1)[0].split(b" "):
            case [b"GET", path, version] if version.startswith(b"HTTP/1."):
                return self._pages(path.decode("ascii", "replace").partition("?")[0])
            case _:
                return Page(HTTPStatus.BAD_REQUEST, "text/plain", b"GET one of the pages\n")


async def _request(connection: socket.socket) -> bytes:
    """Read a request up to its empty line; raise ConnectionError if it ends early or exceeds REQUEST_BYTES."""
    received = b""
    while b"\r\n\r\n" not in received:
        more = await asyncio.get_running_loop().sock_recv(connection, REQUEST_BYTES)
        received += more
        if not more or len(received) > REQUEST_BYTES:
            raise ConnectionError("no request")
    return received


def _written(page: Page) -> bytes:
    head = (
        f"HTTP/1.1 {page.status.value} {page.status.phrase}\r\n"
        f"Content-Type: {page.type}\r\nContent-Length: {len(page.body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + page.body
