"""A small HTTP server for pages that a stranger may ask for: one thread, few files, and nobody keeps it waiting.

Whoever reaches the port can open connections and say nothing, or a byte a second. Each has a deadline, there are never
more than :data:`CONNECTIONS` at a time, and one more takes the place of the oldest. So an engine whose process may open
256 files goes on to open the files that it needs, and a probe is answered among thousands of idle connections.
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

HIGHEST_PORT: Final = 65_535
CONNECTIONS: Final = 64  # at most, and never more than a share of the files that the process may open
SHARE: Final = 8
SECONDS: Final = 5.0  # for a whole request and its answer
REQUEST_BYTES: Final = 8 * 1024
WAITING: Final = 1024  # connections that the kernel holds, which cost no file of ours
_WAIT_SECONDS: Final = 0.1  # after a connection that could not be accepted, for want of files


class AddressError(HeadraceError, OSError, error_code="HR-509", exit_code=Exit.CONFIGURATION):
    """The health pages cannot be served at this address. The text says why and the remedy."""


class Page(NamedTuple):
    """What is answered."""

    status: HTTPStatus
    type: str
    body: bytes


Pages: TypeAlias = Callable[[str], Page]


@contextmanager
def serving(address: str, pages: Pages) -> Iterator[None]:
    """Answer GET requests at *address* (``host:port``) with what *pages* gives for a path, while the block runs.

    Raises:
        AddressError: nothing can be served there.
    """
    with _listening(address) as listener:
        loop = asyncio.new_event_loop()
        task = loop.create_task(_Server(listener, pages).serve())
        thread = threading.Thread(target=_run, args=(loop, task), name="pages", daemon=True)
        thread.start()
        try:
            yield
        finally:
            loop.call_soon_threadsafe(task.cancel)
            thread.join()


def _listening(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if int(port) > HIGHEST_PORT:  # getaddrinfo takes it modulo 65,536
        raise AddressError(f"{address}: a port is at most {HIGHEST_PORT}")
    try:
        (family, *_, place), *_ = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
        listener = socket.create_server(place[:2], family=family, backlog=WAITING)
    except socket.gaierror:
        raise AddressError(f"{address}: no such host; name an address of this machine, such as 127.0.0.1") from None
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise AddressError(f"{address}: cannot be listened on ({reason}); choose another port") from None
    listener.setblocking(False)
    return listener


def _run(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    with suppress(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()


def _at_most() -> int:
    """How many connections are kept: their files are taken from those that the process may open."""
    return max(min(CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // SHARE), 1)


class _Server:
    """Accepts one connection at a time, in one thread."""

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
        except OSError:  # no file is left, or the client has gone
            await self._drop_the_oldest()
            await asyncio.sleep(_WAIT_SECONDS)
            return
        task = loop.create_task(self._converse(connection))
        self._open[task] = None
        task.add_done_callback(self._forget)
        await asyncio.sleep(0)  # whoever asks at once is answered before the next is let in

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
    """What comes up to the empty line; ConnectionError when the client ends before, or says too much."""
    said = b""
    while b"\r\n\r\n" not in said:
        more = await asyncio.get_running_loop().sock_recv(connection, REQUEST_BYTES)
        said += more
        if not more or len(said) > REQUEST_BYTES:
            raise ConnectionError("no request")
    return said


def _written(page: Page) -> bytes:
    head = (
        f"HTTP/1.1 {page.status.value} {page.status.phrase}\r\n"
        f"Content-Type: {page.type}\r\nContent-Length: {len(page.body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + page.body
