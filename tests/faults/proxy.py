"""A TCP proxy on 127.0.0.1 that breaks connections in the ways networks do, whenever a test says so."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

_CHUNK: Final = 65_536
_RST_ON_CLOSE: Final = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class _Pair:
    """One client's connection and the one behind it."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    damaged: bool = False  # bytes of it are gone, so it can never be whole again
    halves: list[asyncio.Task[None]] = field(default_factory=list)

    def reset(self) -> None:
        for half in self.halves:
            half.cancel()
        for writer in (self.client, self.server):
            if writer.transport.is_closing():
                continue
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
            writer.transport.abort()


def _reset_all(pairs: Iterable[_Pair]) -> None:
    for pair in pairs:
        pair.reset()


class Proxy:
    """What happens to bytes on their way. The attributes may be set at any time, from any thread.

    *delay* is in seconds for each chunk; *swallow_requests* and *swallow_answers* read bytes and pass none on;
    *truncate_after* lets so many more bytes of answers through and then resets, in mid-frame as a rule;
    *refusing* resets every new connection at once.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._pairs: set[_Pair] = set()
        self._loop = asyncio.new_event_loop()
        self.address = ""
        self.connections = 0
        self.answered_bytes = 0
        self.swallowed_bytes = 0
        self.heal_flags()

    def heal_flags(self) -> None:
        """Let new bytes through unharmed."""
        self.delay = 0.0
        self.swallow_requests = self.swallow_answers = self.refusing = False
        self.truncate_after: int | None = None

    def half_open(self) -> None:
        """Keep every connection, and let nothing through either way."""
        self.swallow_requests = self.swallow_answers = True

    def cut(self) -> None:
        """Reset every open connection (RST), once; new ones are welcome."""
        self._run(lambda: _reset_all(list(self._pairs)))

    def heal(self) -> None:
        """Be a wire again. A connection whose bytes were swallowed is reset: it could never make sense again."""
        self.heal_flags()
        self._run(lambda: _reset_all([pair for pair in self._pairs if pair.damaged]))

    def _run(self, action: Callable[[], Any]) -> None:
        async def act() -> None:
            action()

        asyncio.run_coroutine_threadsafe(act(), self._loop).result(10)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        host, port = self._target.split(":")
        try:
            if self.refusing:
                raise ConnectionRefusedError
            back_reader, back_writer = await asyncio.open_connection(host, int(port))
        except OSError:
            _Pair(writer, writer).reset()
            return
        pair = _Pair(writer, back_writer)
        self._pairs.add(pair)
        requests = asyncio.create_task(self._pass_on(pair, reader, back_writer, self._request))
        answers = asyncio.create_task(self._pass_on(pair, back_reader, writer, self._answer))
        pair.halves = [requests, answers]
        await asyncio.wait(pair.halves)
        self._pairs.discard(pair)

    async def _pass_on(
        self,
        pair: _Pair,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        treat: Callable[[_Pair, bytes], bytes],
    ) -> None:
        try:
            while data := await reader.read(_CHUNK):
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(treat(pair, data))
                await writer.drain()
            writer.close()
        except (OSError, asyncio.CancelledError):
            writer.close()

    def _request(self, pair: _Pair, data: bytes) -> bytes:
        return self._swallow(pair, data) if self.swallow_requests else data

    def _answer(self, pair: _Pair, data: bytes) -> bytes:
        if self.swallow_answers:
            return self._swallow(pair, data)
        if self.truncate_after is not None:
            data = data[: self.truncate_after]
            self.truncate_after -= len(data)
            if self.truncate_after == 0:
                self.truncate_after = None
                self._loop.call_later(0.02, pair.reset)
                pair.damaged = True
        self.answered_bytes += len(data)
        return data

    def _swallow(self, pair: _Pair, data: bytes) -> bytes:
        pair.damaged = True
        self.swallowed_bytes += len(data)
        return b""

    def serve(self, started: threading.Event) -> None:
        """Serve until :meth:`stop`; the thread's whole life."""
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        started.set()
        self._loop.run_forever()
        server.close()
        for pair in list(self._pairs):
            pair.reset()
        pending = asyncio.all_tasks(self._loop)
        self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self._loop.close()

    def stop(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)


@contextmanager
def a_proxy(target: str) -> Iterator[Proxy]:
    """A proxy in front of *target* (``host:port``), which need not be there yet."""
    proxy, started = Proxy(target), threading.Event()
    thread = threading.Thread(target=proxy.serve, args=(started,), name="proxy", daemon=True)
    thread.start()
    started.wait(10)
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join(10)
