"""Child processes that never outlive us, and waiting to be told to end."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any, Final

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
