"""Child processes, signals, and the end of the program.

A child process ends with its parent, and imports no code from the working folder. Every child process of Headrace is
started here (``tests/backfill/test_reading_process.py`` looks for others).
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

# This program asks Linux to kill it when its parent ends, and then becomes the command. A request between fork and
# exec instead would run gRPC's fork handlers in the child, which sometimes abort it.
_TIE: Final = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""


def tied(command: Sequence[str]) -> list[str]:
    """Return a command that runs *command* and ends when this process ends, even if this process is killed."""
    return [sys.executable, "-I", "-S", "-c", _TIE, str(os.getpid()), *command]


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs *module* in another Python, which imports nothing from the working folder.

    ``python -m`` alone searches that folder before the standard library, so a ``pickle.py`` beside the data would run.
    ``PYTHONPATH`` is kept, so that a child finds the modules that its parent found.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def start(
    command: Sequence[str], environment: Mapping[str, str] | None = None, **options: Any
) -> subprocess.Popen[Any]:
    """Start *command* so that it ends with this process.

    *environment* overrides variables of this process; *options* are those of Popen.
    """
    return subprocess.Popen(tied(command), env=child_environment({**os.environ, **(environment or {})}), **options)


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run *command* to its end, started as by :func:`start`, and return its output as text."""
    with start(command, environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        out, err = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def child_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return *variables* without the working folder in ``PYTHONPATH``, where an empty entry means that folder.

    >>> child_environment({"PYTHONPATH": ":/opt/functions", "HOME": "/home/me"})
    {'PYTHONPATH': '/opt/functions', 'HOME': '/home/me'}
    """
    cleaned = dict(variables)
    if "PYTHONPATH" in cleaned:
        entries = [entry for entry in cleaned.pop("PYTHONPATH").split(os.pathsep) if entry]
        cleaned = {"PYTHONPATH": os.pathsep.join(entries), **cleaned} if entries else cleaned
    return cleaned


def wait_for_interrupt() -> None:
    """Wait for Ctrl-C or SIGTERM, and consume the signal."""
    signals = {signal.SIGINT, signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    signal.sigwait(signals)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stop_on_signals(stop: threading.Event) -> None:
    """Set *stop* at SIGTERM or Ctrl-C.

    A thread sets *stop*, not the signal handler. A handler can interrupt the main thread while that holds the lock of
    *stop*, in ``wait`` or in an earlier handler, and would then wait for itself.
    """
    came: queue.SimpleQueue[int] = queue.SimpleQueue()  # its put is reentrant, so a handler may call it anywhere

    def handle(number: int, frame: Any) -> None:
        came.put(number)

    def set_stop() -> None:
        came.get()
        stop.set()

    threading.Thread(target=set_stop, name="stop-on-signals", daemon=True).start()
    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)


def run_program(main: Callable[[], object]) -> NoReturn:
    """Run *main* as the whole program, and end the process with its exit code, without finalising Python's objects.

    As usual, the process waits for threads and runs the functions registered with atexit. It does not finalise every
    object: the finaliser of a gRPC call takes a lock, which a stopped daemon thread of gRPC may still hold. The process
    would then never end (``_MultiThreadedRendezvous.__del__`` in grpc/_channel.py).
    """
    code: object = 1

    def leave() -> None:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, OutputError, ValueError):  # the reader has gone, or the stream is full or closed
                stream.flush()
        os._exit(code if isinstance(code, int) else 1)

    atexit.register(leave)  # atexit calls first what was registered last, so this runs at the very end
    try:
        main()
    except SystemExit as ended:
        code = ended.code or 0
        raise
    code = 0
    sys.exit()
