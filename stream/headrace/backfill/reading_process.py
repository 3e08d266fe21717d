"""Process that reads and encodes files, one round ahead of the process that writes; this is its program.

It is a started program and not a fork, because gRPC does not survive a fork. The task comes from stdin, and rounds go
to stdout. A pipe holds less than a round, so the process waits until the last round is taken. It ends with its parent.
"""

from __future__ import annotations

import os
import pickle
import resource
import signal
import subprocess
import sys
import traceback
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

from headrace.backfill.backfill_errors import BackfillError
from headrace.backfill.file_rounds import Round, Task, rounds
from headrace.backfill.line_events import BadLine
from headrace.core.message import Message
from headrace.errors import Exit, HeadraceError
from headrace.runtime.processes import python, start

MAX_BYTES: Final = 2 * 1024**3  # of memory that the process may use


def read_ahead(task: Task) -> Generator[Round, None, None]:
    """Yield the rounds of *task*, read by another process; raises BackfillError as :func:`rounds` does.

    Also raises BackfillError if that process died: of a signal, or without enough memory.
    """
    with start(python(__name__), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None  # noqa: S101 for the type checker
        assert process.stdout is not None  # noqa: S101 likewise
        place = "the files"
        try:
            with suppress(BrokenPipeError):  # the process has already died
                process.stdin.write(pickle.dumps(task))
                process.stdin.close()
            for each in _received(process.stdout):
                place = _place_of(task, each) or place
                yield each
        except _DiedError:
            raise BackfillError(f"{place}: {_death(process.wait())}") from None
        finally:
            process.kill()


def _place_of(task: Task, each: Round) -> str | None:
    """Return the place of the round's file."""
    key = each.place.partition(":")[0]
    return next((file.place for file in task.files if file.key == key), None)


class _DiedError(HeadraceError, error_code="HR-608", exit_code=Exit.BUG):
    """The process that reads files ended without a result."""


def _received(pipe: IO[bytes]) -> Generator[Round, None, None]:
    while True:
        try:
            received = pickle.load(pipe)  # noqa: S301 from our own program
        except (EOFError, pickle.UnpicklingError) as error:
            raise _DiedError from error
        if received is None:
            return
        if isinstance(received, BaseException):
            raise received
        packed, *rest = received
        yield Round([_unpacked(each) for each in packed], *rest)


def _death(code: int) -> str:
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    return (
        f"the process that reads it ended {how}; a file that is broken may do that, and a machine that has too little "
        "memory. What it had read before is not lost; look at the file, and run it again"
    )


def _packed(message: Message) -> tuple[Any, ...]:
    common = (message.subject, message.data, message.attributes, message.message_id, message.published_at)
    return (*common, message.problem, message.reason) if isinstance(message, BadLine) else common


def _unpacked(packed: tuple[Any, ...]) -> Message:
    subject, data, attributes, message_id, published_at, *bad = packed
    if not bad:
        return Message(subject, data, attributes, message_id, published_at)
    problem, reason = bad
    return BadLine(subject, data, attributes, message_id, published_at, problem=problem, reason=reason)


def main() -> None:
    """Read one task from stdin, and write its rounds to stdout."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the writing process, which ends this one
    with os.fdopen(os.dup(1), "wb") as pipe:
        _silence()
        task = pickle.load(sys.stdin.buffer)  # noqa: S301 from our own program
        limit_memory(MAX_BYTES)
        pickle.dump(_serve(task, pipe), pipe)


def _silence() -> None:
    """Discard output of libraries, which may quote a broken file; HEADRACE_DEBUG shows it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(2 if os.environ.get("HEADRACE_DEBUG") else nowhere, 1)
    if not os.environ.get("HEADRACE_DEBUG"):
        os.dup2(nowhere, 2)
    os.close(nowhere)


def _serve(task: Task, pipe: IO[bytes]) -> Exception | None:
    """Read all of *task*; return the error that ended it, or None."""
    place = "the files"
    try:
        for each in rounds(task):
            place = _place_of(task, each) or place
            messages = [_packed(message) for message in each.messages]
            pickle.dump((messages, each.place, each.size, each.fraction, each.settled_before), pipe, protocol=5)
            pipe.flush()
    except (BackfillError, OSError) as error:
        return error
    except MemoryError:
        return BackfillError(f"{place}: to read it takes more than {MAX_BYTES:,} bytes of memory; is it broken?")
    except Exception as error:  # the last handler: a library may raise any error for a broken file, and quote it
        if os.environ.get("HEADRACE_DEBUG"):
            traceback.print_exception(error)
        kind = type(error).__name__
        return BackfillError(f"{place}: cannot be read ({kind}); is it whole, and of the format its ending says?")
    return None


def limit_memory(more: int) -> None:
    """Limit this process to *more* bytes than it uses now, and disable core dumps, which would hold payloads."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
