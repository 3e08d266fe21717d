"""Reading and encoding in a process of its own, one round ahead of the one that writes: this module is its program.

It is a program that is started, not a fork: gRPC does not survive one. The task comes in on its stdin and rounds go out
on its stdout; a pipe holds less than a round, so it waits until the last one is taken. It ends with its parent.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Generator
from typing import IO, Any

from stream.backfill.errors import BackfillError
from stream.backfill.events import BadLine
from stream.backfill.rounds import Round, Task, rounds
from stream.message import Message
from stream.processes import python, start


def read_ahead(task: Task) -> Generator[Round, None, None]:
    """The rounds of *task*, read by another process; raises BackfillError as :func:`rounds` does."""
    with start(python(__name__), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None  # noqa: S101 for the type checker
        assert process.stdout is not None  # noqa: S101 likewise
        try:
            process.stdin.write(pickle.dumps(task))
            process.stdin.close()
            yield from _received(process.stdout)
        finally:
            process.kill()


def _received(pipe: IO[bytes]) -> Generator[Round, None, None]:
    while True:
        try:
            said = pickle.load(pipe)  # noqa: S301 from our own program
        except EOFError as error:
            raise BackfillError("the process that reads has ended before its time; run it again") from error
        if said is None:
            return
        if isinstance(said, BaseException):
            raise said
        packed, *rest = said
        yield Round([_unpacked(each) for each in packed], *rest)


def _packed(message: Message) -> tuple[Any, ...]:
    common = (message.subject, message.data, message.attributes, message.message_id, message.published_at)
    return (*common, message.ordering_key, message.problem, message.reason) if isinstance(message, BadLine) else common


def _unpacked(packed: tuple[Any, ...]) -> Message:
    return BadLine(*packed) if len(packed) > 5 else Message(*packed)


def main() -> None:
    """Serve one task."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that writes, which ends this one
    with os.fdopen(os.dup(1), "wb") as pipe:
        os.dup2(2, 1)  # whatever a library prints goes elsewhere
        task = pickle.load(sys.stdin.buffer)  # noqa: S301 from our own program
        try:
            for each in rounds(task):
                messages = [_packed(message) for message in each.messages]
                pickle.dump((messages, each.place, each.size, each.fraction, each.settled_before), pipe, protocol=5)
                pipe.flush()
        except (BackfillError, OSError) as error:
            pickle.dump(error, pipe)
        else:
            pickle.dump(None, pipe)


if __name__ == "__main__":
    main()
