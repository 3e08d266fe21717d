"""``python -m tests.mutation``: mutants of the modules that must not be wrong, and whether a unit test notices each.

``--count 1000 --seed 26`` draws them; ``--only stream/headrace/steps/window.py`` takes all of one file, and ``--tests
tests/steps/test_window.py`` measures nothing and runs the tests of that file alone; ``--report`` writes
``docs/reports/mutation.md``. Exits 1 when fewer than 95 % are killed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.mutation.forks import Forks, Result
from tests.mutation.mutants import Mutant, find
from tests.mutation.report import killed_share, summary, write_report
from tests.mutation.scope import SCOPE
from tests.mutation.selection import UNIT, EveryTest, measure
from tests.support.paths import ROOT

AIM = 0.95
WORKERS = 2
TESTS_SECONDS = 60.0


def draw(seed: int, count: int, only: list[str]) -> list[Mutant]:
    """*count* mutants of the scope, or of the files in *only*, drawn with *seed*, in the order of files."""
    files = [ROOT / each for each in only] or sorted({file for pattern in SCOPE for file in ROOT.glob(pattern)})
    every = [mutant for file in files for mutant in find(file, ROOT)]
    drawn = random.Random(seed).sample(every, min(count, len(every)))
    return sorted(drawn, key=lambda mutant: (mutant.file, mutant.place))


def run(mutants: list[Mutant], folder: Path, workers: int, tests: list[str]) -> list[Result]:
    """Run them all in forks of one pytest: by the tests in the files *tests*, or else by those that run their lines."""
    selection = EveryTest() if tests else measure(ROOT, folder)
    forks = Forks(mutants, selection, ROOT, workers, TESTS_SECONDS)
    with contextlib.chdir(ROOT):  # without a path pytest collects what pyproject.toml names, as `make check` does
        pytest.main(["-q", "-m", UNIT, "-p", "no:cacheprovider", "-s", *tests], plugins=[forks])
    return forks.results


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=26)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument(
        "--tests", action="append", default=[], help="a file of tests that are to notice; again for more"
    )
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--folder", type=Path, help="keep the coverage of the unit tests there, and use it again")
    parser.add_argument("--json", type=Path, help="write every result there")
    arguments = parser.parse_args()
    began = time.monotonic()
    mutants = draw(arguments.seed, arguments.count, arguments.only)
    with tempfile.TemporaryDirectory() as temporary:
        results = run(mutants, arguments.folder or Path(temporary), arguments.workers, arguments.tests)
    found = summary(results) | {"seed": arguments.seed, "seconds": round(time.monotonic() - began)}
    print(json.dumps(found, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps([[each.outcome, each.mutant.name] for each in results], indent=1))
    if arguments.report:
        write_report(found, results)
    return 0 if killed_share(results) >= AIM else 1


if __name__ == "__main__":
    sys.exit(main())
