"""A plugin for pytest that runs, in place of the tests, a fork for each mutant: tests are collected once.

In a fork the mutant is put in, and the tests that run its lines follow until one fails. A fork in which one test takes
too long, or that dies, has noticed the mutant too.
"""

from __future__ import annotations

import io
import json
import mmap
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from _pytest.runner import runtestprotocol

from tests.mutation.mutants import Mutant
from tests.mutation.selection import Chosen
from tests.mutation.swap import put_in

KILLED: Final = "killed"
SURVIVED: Final = "survived"
UNCOVERED: Final = "not covered"
TIMED_OUT: Final = "timed out"
NOT_PUT_IN: Final = "not put in"
_EXITS: Final = {0: SURVIVED, 1: KILLED, 2: NOT_PUT_IN}
_GRACE_SECONDS: Final = 20.0  # for one test, beside five times what it takes without a mutant
_POLL: Final = 0.02


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a mutant, and how many tests were there to notice it."""

    mutant: Mutant
    outcome: str
    tests: int
    seconds: float


class Progress:
    """How many tests a fork has begun, in memory that it shares with its parent."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 8)

    @property
    def begun(self) -> int:
        return int.from_bytes(self._shared[:8], sys.byteorder)

    def begin(self, tests: int) -> None:
        """Note in the fork that its test number *tests* begins, counted from one."""
        self._shared[:8] = tests.to_bytes(8, sys.byteorder)


@dataclass(slots=True)
class _Fork:
    mutant: Mutant
    usual: Sequence[float]  # seconds that each test takes without a mutant
    began: float
    progress: Progress
    at: int = 0
    since: float = 0.0

    def hangs(self, now: float) -> bool:
        """Whether the current test takes much longer than it does without a mutant."""
        if self.progress.begun != self.at or not self.since:
            self.at, self.since = self.progress.begun, now
        return now - self.since > _GRACE_SECONDS + 5 * self.usual[max(self.at - 1, 0)]


class Forks:
    """Runs *mutants*, *workers* at a time; *results* is filled as they end, and *say* is called with each."""

    def __init__(
        self, mutants: Sequence[Mutant], selection: Chosen, root: Path, workers: int, tests_seconds: float
    ) -> None:
        self._mutants = mutants
        self._selection = selection
        self._root = root
        self._workers = workers
        self._tests_seconds = tests_seconds
        self._running: dict[int, _Fork] = {}
        self.results: list[Result] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Failed("tests cannot be collected")
        items = {item.nodeid: item for item in session.items}
        for mutant in self._mutants:
            while len(self._running) >= self._workers:
                self._wait_for_one()
            self._start(mutant, items)
        while self._running:
            self._wait_for_one()
        return True

    def _start(self, mutant: Mutant, items: dict[str, pytest.Item]) -> None:
        lines = range(mutant.line, mutant.last_line + 1)
        chosen = list(self._affordable(self._selection.tests(mutant.file, lines, items)))
        if not chosen:
            self._note(Result(mutant, UNCOVERED, 0, 0.0))
            return
        usual = [self._selection.seconds.get(test, 1.0) for test in chosen]  # a second where it was not measured
        progress = Progress()
        pid = os.fork()
        if pid == 0:
            _run(mutant, [items[test] for test in chosen], self._root, progress)
        self._running[pid] = _Fork(mutant, usual, time.monotonic(), progress)

    def _affordable(self, tests: Sequence[str]) -> Iterator[str]:
        """The quickest first, until they take longer together than may be spent on one mutant."""
        spent = 0.0
        for test in tests:
            spent += self._selection.seconds.get(test, 0.0)
            if spent > self._tests_seconds:
                return
            yield test

    def _wait_for_one(self) -> None:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid in self._running:
                fork = self._running.pop(pid)
                code = os.waitstatus_to_exitcode(status)
                outcome = _EXITS.get(code, KILLED)
                self._note(Result(fork.mutant, outcome, len(fork.usual), time.monotonic() - fork.began))
                return
            now = time.monotonic()
            for pid, fork in list(self._running.items()):
                if fork.hangs(now):
                    os.killpg(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                    del self._running[pid]
                    self._note(Result(fork.mutant, TIMED_OUT, len(fork.usual), now - fork.began))
                    return
            time.sleep(_POLL)

    def _note(self, result: Result) -> None:
        self.results.append(result)
        line = {"progress": result.outcome, "tests": result.tests, "s": round(result.seconds, 1)}
        progress = f"{len(self.results)}/{len(self._mutants)} {json.dumps(line)} {result.mutant.name}"
        print(progress, file=sys.__stdout__, flush=True)


def _run(mutant: Mutant, items: Sequence[pytest.Item], root: Path, progress: Progress) -> None:
    """The fork: never returns. It leads a process group of its own, so that what it starts ends with it."""
    os.setpgid(0, 0)
    sys.stdout = sys.stderr = io.StringIO()
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    try:
        put_in(mutant, root)
    except LookupError:
        os._exit(2)
    code = 0
    try:
        for place, item in enumerate(items):
            progress.begin(place + 1)
            following = items[place + 1] if place + 1 < len(items) else None
            if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
                code = 1
                break
    except BaseException:  # any error that a mutant raises outside a test has been noticed
        code = 1
    os._exit(code)
