"""Child processes that never outlive us and run no code of the working folder; waiting to be told to end, and ending.

Every child of ours is started here (``tests/backfill/test_reading_process.py`` looks for others).
"""

from __future__ import annotations

import atexit
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NoReturn

from headrace.runtime.standard_streams import OutputError

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


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs *module* in another Python, which imports nothing from the working folder.

    ``python -m`` alone puts that folder first, before the standard library: a ``pickle.py`` beside somebody's data
    would be run. ``PYTHONPATH`` stays, so that a child finds what its parent has found.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def start(
    command: Sequence[str], environment: Mapping[str, str] | None = None, **options: Any
) -> subprocess.Popen[Any]:
    """Start *command*, which ends with this process; *environment* lies over ours, *options* are those of Popen."""
    return subprocess.Popen(tied(command), env=child_environment({**os.environ, **(environment or {})}), **options)


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run *command* to its end, as :func:`start` does, and give what it printed as text."""
    with start(command, environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        out, err = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def child_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """*variables* without the working folder in ``PYTHONPATH``, where an empty entry stands for it.

    >>> child_environment({"PYTHONPATH": ":/opt/functions", "HOME": "/home/me"})
    {'PYTHONPATH': '/opt/functions', 'HOME': '/home/me'}
    """
    cleaned = dict(variables)
    if "PYTHONPATH" in cleaned:
        entries = [entry for entry in cleaned.pop("PYTHONPATH").split(os.pathsep) if entry]
        cleaned = {"PYTHONPATH": os.pathsep.join(entries), **cleaned} if entries else cleaned
    return cleaned


def wait_for_interrupt() -> None:
    """Wait until Ctrl-C or SIGTERM, and take it."""
    signals = {signal.SIGINT, signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    signal.sigwait(signals)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stop_on_signals(stop: threading.Event) -> None:
    """Set *stop* at SIGTERM or Ctrl-C.

    A thread sets it. A handler interrupts the main thread anywhere, also where that holds the lock of *stop*: in
    ``wait``, or in the handler of the signal before. Then it would wait for itself.
    """
    came: queue.SimpleQueue[int] = queue.SimpleQueue()  # whose put may interrupt anything, itself too

    def handle(number: int, frame: Any) -> None:
        came.put(number)

    def set_stop() -> None:
        came.get()
        stop.set()

    threading.Thread(target=set_stop, name="stop-on-signals", daemon=True).start()
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
            with suppress(OSError, OutputError, ValueError):  # nobody reads any more, or it is full or closed
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
