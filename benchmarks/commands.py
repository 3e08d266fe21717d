"""What commands cost in processor time, and how soon ``headrace run`` has its first row.

``python -m benchmarks commands [--beside PYTHON]``. Each command is a process of its own, and its processor time is
what the kernel counts for it (user and system), without that of a process that does nothing. *PYTHON* is the
interpreter of an environment with another release, whose commands are measured in turn.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

from benchmarks import contracts
from headrace.config.key_files import write_key_file
from headrace.config.secrets import KEY_BYTES
from headrace.config.settings import Settings
from headrace.console.archive_access import open_reader
from headrace.core.message import Message
from headrace.core.resource_names import Names
from headrace.dead_letters.filters import Filter
from headrace.dev.bench.bench_events import FLIGHTS
from headrace.dev.bench.end_to_end import environment
from headrace.dev.bench.figures import spread
from headrace.dev.bench.peers import BenchFailedError, child, last_line, provision, publish
from headrace.dev.bench.run_bench import emulators
from headrace.runtime.google_clients import open_bigquery
from headrace.runtime.processes import python, start
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES

COMMANDS: Final = (
    "audit --nope",
    "--help",
    "audit",
    "dead-letters list",
    "replay --dry-run",
    "cost measure",
)
MISTAKEN: Final = "--nope"
ROUNDS: Final = 9
MESSAGES: Final = 2000
UNREADABLE_EVERY: Final = 100
LOST_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 0.01
_PROJECT: Final = "bench-commands"
_FLIGHTS: Final = Registry.load(SAMPLES).latest(FLIGHTS).options.table


def measure(beside: str | None, say: Callable[[str], None], rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure this release, and the one *beside* it if there is one."""
    pythons = {"now": sys.executable, **({"before": beside} if beside else {})}
    with emulators() as folder:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # until the environment is restored
        variables = _filled(folder)
        figures: dict[str, Any] = {"rounds": rounds, "messages": MESSAGES, "commands": {}, "first_row": {}}
        for command in COMMANDS:
            figures["commands"][command] = _in_turn(pythons, rounds, partial(_cpu, command.split(), variables))
            say(f"  {command}: {figures['commands'][command]}")
        figures["first_row"] = _in_turn(pythons, rounds, partial(_first_row, folder))
        say(f"  first row: {figures['first_row']}")
        return figures


def _in_turn(pythons: Mapping[str, str], rounds: int, once: Callable[[str, str], float]) -> dict[str, Any]:
    """Medians and quartiles of *once* for each of *pythons*; every second round in the opposite order.

    Each runs once before, which is not counted: it compiles what it imports, as an installer does.
    """
    for name, interpreter in pythons.items():
        once(interpreter, f"{name}-first")
    found: dict[str, list[float]] = {name: [] for name in pythons}
    for number in range(rounds):
        for name in list(pythons)[:: 1 if number % 2 else -1]:
            found[name].append(once(pythons[name], f"{name}-{number}"))
    return {
        name: {"seconds": round(spread(each).median, 3), "quartiles": spread(each).rounded(3)}
        for name, each in found.items()
    }


def _command(interpreter: str, *words: str) -> list[str]:
    return [interpreter, *python("headrace", *words)[1:]]


def _cpu(words: Sequence[str], variables: Mapping[str, str], interpreter: str, _: str) -> float:
    """Processor seconds of one command, which must succeed, or be refused for its mistake."""
    code, seconds = _seconds_of(_command(interpreter, *words), variables)
    if code != (2 if MISTAKEN in words else 0):
        raise BenchFailedError(f"headrace {' '.join(words)}: exited with {code}")
    return seconds - _seconds_of(["true"], variables)[1]


def _seconds_of(command: Sequence[str], variables: Mapping[str, str]) -> tuple[int, float]:
    """Run *command*; return its exit code and its processor seconds."""
    process = start(command, variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, used.ru_utime + used.ru_stime


def _filled(folder: Path) -> dict[str, str]:
    """Write flights and letters to tables, as the job does, and return the variables of commands."""
    names = provision(Registry.load(SAMPLES), _PROJECT)
    key = write_key_file(folder / "archive.key", os.urandom(KEY_BYTES))
    variables = {**environment(names.project, folder), "HEADRACE_ARCHIVE_KEY_FILE": str(key)}
    publish(names, [_sometimes_unreadable(*each) for each in enumerate(islice(contracts.flight_messages(), MESSAGES))])
    log, letters = folder / "filling.log", MESSAGES // UNREADABLE_EVERY
    reader = open_reader(Settings(project=names.project, archive_key_file=key))
    with child(python("headrace", "run"), variables, log) as process:
        _wait(lambda: reader.count(Filter()) >= letters, process, log)
    return variables


def _sometimes_unreadable(number: int, message: Message) -> Message:
    return replace(message, data=b"") if number % UNREADABLE_EVERY == 0 else message


def _first_row(folder: Path, interpreter: str, name: str) -> float:
    """Seconds from the start of ``headrace run`` until a query sees the row of an event that was waiting for it."""
    names = provision(Registry.load(SAMPLES), f"{_PROJECT}-{name}")
    publish(names, list(islice(contracts.flight_messages(), 1)))
    log = folder / f"first-row-{name}.log"
    seen = _sees_a_row(names)
    seen()  # the first query of a client takes longer
    began = time.monotonic()
    with child(_command(interpreter, "run"), environment(names.project, folder), log) as process:
        _wait(seen, process, log)
        return time.monotonic() - began


def _sees_a_row(names: Names) -> Callable[[], bool]:
    client = open_bigquery(names.project)
    query = f"SELECT 1 FROM {names.sql(_FLIGHTS)} WHERE _event_time >= TIMESTAMP '0001-01-01' LIMIT 1"
    return lambda: bool(list(client.query_and_wait(query)))


def _wait(holds: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    pause, until = threading.Event(), time.monotonic() + LOST_SECONDS
    while not holds():
        if process.poll() is not None or time.monotonic() > until:
            raise BenchFailedError(f"headrace run did not get there; it said: {last_line(log)}")
        pause.wait(_POLL_SECONDS)
