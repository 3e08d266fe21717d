"""What a mutation run has shown, as a page; the survivors that were looked at are explained in a file beside it."""

from __future__ import annotations

import platform
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.mutation.forks import KILLED, NOT_PUT_IN, SURVIVED, TIMED_OUT, UNCOVERED, Result
from tests.support.paths import ROOT

PAGE: Final = ROOT / "docs" / "reports" / "mutation.md"
EXPLAINED: Final = Path(__file__).with_name("survivors.toml")


def killed_share(results: Sequence[Result]) -> float:
    """Of those that could be put in, how many were noticed: a test failed, or took far too long."""
    outcomes = Counter(each.outcome for each in results)
    put_in = len(results) - outcomes[NOT_PUT_IN]
    return (outcomes[KILLED] + outcomes[TIMED_OUT]) / put_in if put_in else 0.0


def summary(results: Sequence[Result]) -> dict[str, Any]:
    """The figures of a run."""
    outcomes = Counter(each.outcome for each in results)
    return {"mutants": len(results), "killed_share": round(killed_share(results), 4), **outcomes}


def explanations() -> dict[str, str]:
    """Why a survivor is none that a test could notice, or none that matters; by its name without the line."""
    return {each["mutant"]: each["why"] for each in tomllib.loads(EXPLAINED.read_text())["survivor"]}


def unnumbered(result: Result) -> str:
    """A mutant's name without its line, which moves with every change above it."""
    return f"{result.mutant.file} {result.mutant.function}: {result.mutant.what}"


def write_report(found: Mapping[str, Any], results: Sequence[Result]) -> None:
    """Write the page."""
    why = explanations()
    survivors = [each for each in results if each.outcome in (SURVIVED, UNCOVERED)]
    by_file: dict[str, list[Result]] = {}
    for each in results:
        by_file.setdefault(each.mutant.file, []).append(each)
    PAGE.write_text(f"""# Mutants that the unit tests notice

`python -m tests.mutation --count {found["mutants"]} --seed {found["seed"]} --report` made this page on
{datetime.now(UTC):%Y-%m-%d} in {found["seconds"]} seconds with Python {platform.python_version()}.

**{found["mutants"]:,} mutants: {found["killed_share"]:.1%} killed by a unit test.** Each is one small change to a
function (a comparison, a bound, an operator, a condition or a statement left out), drawn from the engine, the meaning
of an append's answer, ids, the audit, masks and the SDK. The unit tests that run the changed line, the quickest first,
run against it; a test that fails or takes far too long kills it. Failpoints, log lines and the words of errors are not
changed: other tests hold those.

| file | mutants | killed |
| --- | ---: | ---: |
{chr(10).join(_line(file, each) for file, each in by_file.items())}

## Survivors

{chr(10).join(f"* `{each.mutant.name}` ({each.outcome}): {_why(each, why)}" for each in survivors)}
""")


def _line(file: str, results: Sequence[Result]) -> str:
    return f"| `{file}` | {len(results)} | {killed_share(results):.0%} |"


def _why(survivor: Result, why: Mapping[str, str]) -> str:
    return why.get(unnumbered(survivor), "not explained")
