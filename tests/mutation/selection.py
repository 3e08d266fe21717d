"""Which unit tests run which lines, and how long each takes: from one run of them all under coverage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

from coverage import CoverageData

UNIT: Final = "not emulators"
_DURATIONS: Final = "durations.json"
_SHOWN: Final = 2_000  # characters of what pytest printed last


class Chosen(Protocol):
    """Which tests are to notice a mutant."""

    @property
    def seconds(self) -> Mapping[str, float]:
        """What each test takes."""

    def tests(self, file: str, lines: Sequence[int], collected: Iterable[str]) -> list[str]:
        """Those of *collected* that are to notice a change of *lines*, in the order in which they run."""


class EveryTest:
    """All tests that are collected."""

    seconds: Mapping[str, float] = MappingProxyType({})

    def tests(self, file: str, lines: Sequence[int], collected: Iterable[str]) -> list[str]:
        """All, as they come."""
        return list(collected)


@dataclass(frozen=True, slots=True)
class Selection:
    """By file and line: the ids of the tests that run it. And the seconds that each test takes."""

    by_line: dict[str, dict[int, list[str]]]
    seconds: Mapping[str, float]

    def tests(self, file: str, lines: Sequence[int], collected: Iterable[str]) -> list[str]:
        """The tests that run any of *lines*, those first that take the least time."""
        covered = self.by_line.get(file, {})
        found = {test for line in lines for test in covered.get(line, ())} & set(collected)
        return sorted(found, key=lambda test: (self.seconds.get(test, 0.0), test))


def measure(root: Path, folder: Path) -> Selection:
    """Run all unit tests once. RuntimeError when one fails: a mutant could not be distinguished from it."""
    data = folder / "coverage"
    if not data.exists():
        command = [sys.executable, "-m", "pytest", "-q", "-m", UNIT, "-n", "2", "--dist", "worksteal"]
        command += ["-p", "tests.mutation.timing", "--cov-context=test", "--cov-report="]
        command += ["--cov=headrace"]
        environment = {**os.environ, "COVERAGE_FILE": str(data), "MUTATION_DURATIONS": str(folder / _DURATIONS)}
        ended = subprocess.run(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True)
        if ended.returncode:
            data.unlink(missing_ok=True)
            raise RuntimeError(f"unit tests fail without any mutant:\n{ended.stdout[-_SHOWN:]}")
    return read(root, data, folder / _DURATIONS)


def read(root: Path, data: Path, durations: Path) -> Selection:
    """What a run has left."""
    coverage = CoverageData(str(data))
    coverage.read()
    by_line = {}
    for file in coverage.measured_files():
        contexts = coverage.contexts_by_lineno(file)
        by_line[str(Path(file).relative_to(root))] = {
            line: sorted({each.partition("|")[0] for each in found if "|" in each}) for line, found in contexts.items()
        }
    return Selection(by_line, json.loads(durations.read_text()))
