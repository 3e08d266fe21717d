"""The broker's process: ``python -m headrace.dev.broker.serve --port 8085 --data broker.db``."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import grpc.aio

from headrace.dev.broker.broker import Broker
from headrace.dev.broker.counts_service import counts_service
from headrace.dev.broker.iam_service import iam_service
from headrace.dev.broker.publisher_service import publisher_service
from headrace.dev.broker.schema_service import schema_service
from headrace.dev.broker.store import StoreError
from headrace.dev.broker.subscriber_service import subscriber_service
from headrace.errors import Exit

HOST: Final = "127.0.0.1"
_MESSAGE_BYTES: Final = 20 * 1024 * 1024  # more than the largest request, which is refused with a reason
_RETENTION_SECONDS: Final = 1.0
_GRACE_SECONDS: Final = 0.5
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", _MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),
)


async def serve(port: int, path: Path) -> int:
    """Serve the broker's file at *path* on the loopback interface until SIGTERM or SIGINT. Return the exit code."""
    broker = Broker.open(path)
    server = grpc.aio.server(options=_OPTIONS)
    server.add_generic_rpc_handlers(
        [
            publisher_service(broker),
            subscriber_service(broker),
            schema_service(broker),
            iam_service(),
            counts_service(broker),
        ]
    )
    bound = server.add_insecure_port(f"{HOST}:{port}")
    await server.start()
    sys.stderr.write(f"the local broker listens on {HOST}:{bound}; it keeps its data in {path}\n")
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    code = await _retain_until(stop, broker)
    await server.stop(_GRACE_SECONDS)
    broker.store.close()
    return code


async def _retain_until(stop: asyncio.Event, broker: Broker) -> int:
    while not stop.is_set():
        try:
            await broker.retention.enforce()
        except sqlite3.Error as error:
            sys.stderr.write(f"the broker's file cannot be written ({error}); free space on its disk, and restart\n")
            return Exit.UNREACHABLE
        try:
            await asyncio.wait_for(stop.wait(), _RETENTION_SECONDS)
        except TimeoutError:
            continue
    return Exit.DONE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the broker. Return the exit code."""
    parser = argparse.ArgumentParser(description="Pub/Sub's API on this machine, for trials and tests.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help="the file that keeps topics and messages")
    given = parser.parse_args(arguments)
    try:
        return asyncio.run(serve(given.port, given.data))
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
