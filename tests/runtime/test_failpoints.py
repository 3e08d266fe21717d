"""Failpoints: named, listed, and deadly only where the plan says so."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from headrace.runtime.failpoints import NAMES, FailpointError, crashing_at
from tests.support.paths import ROOT

REACH = """
from headrace.runtime.failpoints import reached
for number in range(1, 4):
    reached("committed")
    reached("pulled")
    print(number, flush=True)
"""


def run(plan: str | None) -> subprocess.CompletedProcess[str]:
    environment = {} if plan is None else {"HEADRACE_CRASH_AT": plan}
    return subprocess.run([sys.executable, "-c", REACH], cwd=ROOT, env=environment, capture_output=True, text=True)


def test_a_process_dies_at_the_nth_time() -> None:
    done = run("pulled:2")
    assert (done.returncode, done.stdout) == (-9, "1\n")


def test_no_process_dies_without_a_failpoint() -> None:
    done = run(None)
    assert (done.returncode, done.stdout) == (0, "1\n2\n3\n")


@pytest.mark.parametrize("plan", ["", "pulled", "pulled:0", "pulled:x", "nowhere:1", ":1"])
def test_an_invalid_plan_is_refused_with_the_names_of_the_failpoints(plan: str) -> None:
    with pytest.raises(FailpointError, match="committed"):
        crashing_at(plan)


def test_every_failpoint_is_in_the_code_once_and_in_the_docs() -> None:
    code = "\n".join(path.read_text() for path in (ROOT / "stream").rglob("*.py") if path.name != "failpoints.py")
    listed = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "failpoints.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(NAMES)
    assert len(NAMES) >= 15
    assert {name for name in NAMES if f'"{name}"' not in code} == set()
