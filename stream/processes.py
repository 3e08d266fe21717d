"""Child processes that never outlive us, waiting to be told to end, and ending."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, NoReturn

# A program of its own that asks Linux to kill it when its parent ends, and then becomes the command. Asking between
# fork and exec instead would run gRPC's fork handlers in the child, which now and then abort it.
_TIE: Final = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""


def tied(command: Sequence[str]) -> list[str]:
    """Give *command* as one that ends with this process, however this process ends."""
    return [sys.executable, "-I", "-S", "-c", _TIE, str(os.getpid()), *command]


def wait_for_interrupt() -> None:
    """Wait until Ctrl-C or SIGTERM, and take it."""
    signals = {signal.SIGINT, signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    signal.sigwait(signals)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stop_on_signals(stop: threading.Event) -> None:
    """Set *stop* at SIGTERM or Ctrl-C."""

    def handle(number: int, frame: Any) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)


def run_program(main: Callable[[], object]) -> NoReturn:
    """Run *main* as all that this process is for, and end with its exit code, without taking Python apart.

    Threads are waited for and what is registered with atexit is done, as ever. What is left out is the collecting of
    every object: that of a gRPC call takes a lock, and a daemon thread of gRPC may have been stopped while it held it.
    The work was done then, and the process never ended (``_MultiThreadedRendezvous.__del__`` in grpc/_channel.py).
    """
    code: object = 1

    def leave() -> None:
        for stream in (sys.stdout, sys.stderr):
            with suppress(BrokenPipeError, ValueError):  # nobody reads any more, or it is closed
                stream.flush()
        os._exit(code if isinstance(code, int) else 1)

    atexit.register(leave)  # the first to be registered is the last to be called
    try:
        main()
    except SystemExit as ended:
        code = ended.code or 0
        raise
    code = 0
    sys.exit()
