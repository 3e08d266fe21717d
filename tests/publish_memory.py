"""Memory and threads of a producer over millions of events.

    python -m tests.publish_memory --events 3000000 [--asynchronous]

A server in another process confirms everything. The resident memory is printed after each tenth of the events.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

import grpc
import psutil
from google.pubsub_v1 import types as pubsub

from headrace.producers import AsyncEventProducer, EventProducer, PubSubPublisher
from tests.support.builders import PACKAGE, a_flight

SUBJECT: Final = "flight_departed"
TENTHS: Final = 10
MEBIBYTE: Final = 1024 * 1024
_Request: Final = pubsub.PublishRequest.pb()
_Response: Final = pubsub.PublishResponse.pb()


class Confirms(grpc.GenericRpcHandler):
    """Confirms every message, and keeps none."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        return grpc.unary_unary_rpc_method_handler(confirmed, _Request.FromString, _Response.SerializeToString)


def confirmed(request: Any, _: grpc.ServicerContext) -> Any:
    return _Response(message_ids=[str(number) for number in range(len(request.messages))])


def serve(told: Any) -> None:
    """Serve until the parent closes its end of the pipe."""
    server = grpc.server(ThreadPoolExecutor(4), handlers=[Confirms()])
    told.send(server.add_insecure_port("127.0.0.1:0"))
    server.start()
    told.poll(None)
    server.stop(0).wait()


@contextmanager
def a_server() -> Iterator[None]:
    """Start the server and name it in the emulator's variable."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,))
    process.start()
    try:
        os.environ["PUBSUB_EMULATOR_HOST"] = f"127.0.0.1:{ours.recv()}"
        yield
    finally:
        ours.send("over")
        process.join()


def publish(events: int, look: Callable[[], None]) -> int:
    """Publish so many events; return how many are confirmed."""
    with EventProducer(PubSubPublisher("memory"), source="/memory", contracts=PACKAGE) as producer:
        flight = a_flight()
        for _ in range(TENTHS):
            for _ in range(events // TENTHS):
                producer.publish(SUBJECT, flight)
            look()
    return producer.stats().confirmed


async def publish_asynchronously(events: int, look: Callable[[], None]) -> int:
    """Do the same in an event loop."""
    async with AsyncEventProducer(PubSubPublisher("memory"), source="/memory", contracts=PACKAGE) as producer:
        flight = a_flight()
        for _ in range(TENTHS):
            for _ in range(events // TENTHS):
                await producer.publish(SUBJECT, flight)
            look()
    return producer.stats().confirmed


def main() -> None:
    parser = argparse.ArgumentParser(description="Publish millions of events, and print the memory.")
    parser.add_argument("--events", type=int, default=3_000_000)
    parser.add_argument("--asynchronous", action="store_true")
    given = parser.parse_args()
    process, started = psutil.Process(), time.monotonic()

    def look() -> None:
        memory = process.memory_info().rss / MEBIBYTE
        print(f"{time.monotonic() - started:.0f} s: {memory:.1f} MiB, {threading.active_count()} threads", flush=True)

    with a_server():
        way = publish_asynchronously if given.asynchronous else publish
        result = way(given.events, look)
        confirmed = asyncio.run(result) if asyncio.iscoroutine(result) else result
    look()
    print(f"{confirmed:,} of {given.events:,} events confirmed", flush=True)


if __name__ == "__main__":
    main()
