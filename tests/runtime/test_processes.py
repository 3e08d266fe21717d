"""A program ends when its work is done, with its exit code, even if something hinders Python's shutdown."""

from __future__ import annotations

import subprocess
import sys

import pytest

# As a call of gRPC does when the thread that held its lock is no more.
_STUCK = """
class Stuck:
    def __del__(self, acquire=threading.Lock().acquire):
        acquire()
        acquire()
stuck = Stuck()
"""


def run(body: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """A program whose main is *body*."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    program = f"import atexit, sys, threading\nfrom headrace.runtime.processes import run_program\n{before}\n"
    program += f"def main():\n{lines}\nrun_program(main)\n"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)


def test_an_object_that_cannot_be_collected_does_not_hold_up_the_end() -> None:
    assert run("print('done'); sys.exit(3)", before=_STUCK).returncode == 3


def test_python_alone_would_wait_for_it() -> None:
    program = f"import threading\n{_STUCK}"
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-c", program], timeout=3)


def test_threads_are_waited_for_and_what_is_registered_is_done() -> None:
    ended = run(
        "atexit.register(print, 'registered')\n"
        "threading.Timer(0.2, print, ['thread']).start()\n"
        "print('main')\n"
        "print('error', end='', file=sys.stderr)"
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "main\nthread\nregistered\n", "error")


@pytest.mark.parametrize(
    ("body", "code"), [("pass", 0), ("sys.exit()", 0), ("sys.exit(6)", 6), ("sys.exit('no')", 1), ("1 / 0", 1)]
)
def test_the_exit_code_is_that_of_main(body: str, code: int) -> None:
    ended = run(body)
    assert ended.returncode == code
    assert ("ZeroDivisionError" in ended.stderr) == (body == "1 / 0")


def test_a_signal_stops_a_program_that_holds_the_lock_of_its_event() -> None:
    """As it does for moments whenever it waits, and while it handles the signal before."""
    program = (
        "import os, signal, threading\n"
        "from headrace.runtime.processes import stop_on_signals\n"
        "stop = threading.Event()\n"
        "stop_on_signals(stop)\n"
        "with stop._cond:\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "assert stop.wait(30)"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0


def test_a_reader_that_has_gone_is_no_failure() -> None:
    program = "from headrace.runtime.processes import run_program; run_program(lambda: print('x' * 100))"
    command = [sys.executable, "-E", "-c", program]  # buffered, so that what is left is written at the end
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0
