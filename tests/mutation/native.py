"""``python -m tests.mutation.native``: mutants of what is written in C, and whether a unit test notices each.

Each is one token changed: a comparison, an operator, a number. The source is copied, changed and compiled, and the
tests of the decoder run against it in a process of their own, which may die. A mutant that passes them is compiled with
gcc's sanitizers and tested again, since a wrong bound may read memory that happens to be there. Exits 1 when one
survives without an explanation.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.hatch_build import FLAGS, compile_all
from tests.mutation.report import explanations
from tests.sanitize import SANITIZERS, WITHOUT, sanitized
from tests.sanitize import TESTS as SANITIZED_TESTS
from tests.support.paths import ROOT

FILES: Final = sorted((ROOT / "schemas" / "native" / "columns").glob("*.[ch]"))
TESTS: Final = (
    "tests/steps/decode/test_columns.py",
    "tests/schemas/test_decoder.py",
    "tests/steps/decode/test_decode_messages.py",
    "tests/steps/decode/test_headers.py",
    "tests/schemas/test_hostile.py",
    "tests/steps/decode/test_decoder_differential.py",
)
KILLED: Final = "killed"
SURVIVED: Final = "survived"
UNCOMPILED: Final = "does not compile"
WORKERS: Final = 2
SECONDS: Final = 600.0  # what a mutant that loops for ever may take
_SKIPPED: Final = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|^\s*#[^\n]*', re.DOTALL | re.MULTILINE
)
_TOKEN: Final = re.compile(
    r"->|<<=|>>=|<<|>>|<=|>=|==|!=|&&|\|\||\+\+|--|\+=|-=|<|>|\b0x[0-9A-Fa-f]+\b|\b\d+\b| [+\-] "
)
_CHANGED: Final = {
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "==": ("!=",),
    "!=": ("==",),
    "&&": ("||",),
    "||": ("&&",),
    "+=": ("=", "-="),
    "-=": ("=", "+="),
    " + ": (" - ",),
    " - ": (" + ",),
    "<<": (">>",),
    ">>": ("<<",),
}


@dataclass(frozen=True, slots=True)
class NativeMutant:
    """One token of *file*, from *start* to *end*, changed to *token*."""

    file: str
    line: int
    start: int
    end: int
    token: str
    what: str

    @property
    def name(self) -> str:
        """What it is called in reports."""
        return f"{self.file}:{self.line}: {self.what}"

    @property
    def unnumbered(self) -> str:
        """Its name without the line."""
        return f"{self.file}: {self.what}"


def find(file: Path) -> Iterator[NativeMutant]:
    """Every mutant of one file."""
    source = file.read_text()
    skipped = [each.span() for each in _SKIPPED.finditer(source)]
    for found in _TOKEN.finditer(source):
        if any(start <= found.start() < end for start, end in skipped):
            continue
        number = source.count("\n", 0, found.start()) + 1
        line = source.splitlines()[number - 1].strip()
        for other in _others(found[0]):
            what = f"{line} [{found[0].strip()} -> {other.strip()}]"
            yield NativeMutant(str(file.relative_to(ROOT)), number, *found.span(), other, what)


def _others(token: str) -> tuple[str, ...]:
    if token in _CHANGED:
        return _CHANGED[token]
    return (str(int(token, 0) + 1),) if token[0].isdigit() else ()


def outcome(mutant: NativeMutant) -> str:
    """Compile the mutant, and run the tests against it."""
    with tempfile.TemporaryDirectory() as folder:
        copy, into = Path(folder) / "root", Path(folder) / "built"
        shutil.copytree(ROOT / "schemas" / "native", copy / "schemas" / "native")
        path = copy / mutant.file
        source = path.read_text()
        path.write_text(source[: mutant.start] + mutant.token + source[mutant.end :])
        into.mkdir()
        if not _compile(copy, into, ["-O1", "-w"]):
            return UNCOMPILED
        if not _passes(TESTS, {"PYTHONPATH": f"{into}{os.pathsep}{ROOT}"}):
            return KILLED
        _compile(copy, into, ["-w", *SANITIZERS])
        return SURVIVED if _passes([*SANITIZED_TESTS, "-k", WITHOUT], sanitized(str(into))) else KILLED


def _compile(copy: Path, into: Path, flags: list[str]) -> bool:
    problems: list[str] = []
    compile_all(copy / "schemas", into, problems.append, [*FLAGS, *flags])
    return not problems


def _passes(tests: Sequence[str], variables: Mapping[str, str]) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    try:
        ended = subprocess.run(command, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return ended.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.native")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=26)
    parser.add_argument("--lines", nargs="*", default=[], help="only mutants of these lines, such as text.c:18")
    arguments = parser.parse_args()
    every = [mutant for file in FILES for mutant in find(file)]
    drawn = random.Random(arguments.seed).sample(every, min(arguments.count, len(every)))
    drawn.sort(key=lambda each: (each.file, each.start))
    if arguments.lines:
        drawn = [each for each in drawn if any(f"{each.file}:{each.line}".endswith(f"/{at}") for at in arguments.lines)]
    outcomes: dict[str, int] = {}
    unexplained = []
    with ThreadPoolExecutor(WORKERS) as pool:
        for number, (mutant, found) in enumerate(zip(drawn, pool.map(outcome, drawn), strict=True), 1):
            outcomes[found] = outcomes.get(found, 0) + 1
            if found == SURVIVED and mutant.unnumbered not in explanations():
                unexplained.append(mutant.name)
            print(f"{number}/{len(drawn)} {found}: {mutant.name}", flush=True)
    print(json.dumps({"seed": arguments.seed, "mutants": len(drawn), **outcomes, "unexplained": unexplained}, indent=2))
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
