"""An environment with `headrace[engine]` and nothing else: no Beam, less than half of what Beam takes, and it works."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from headrace.errors import Exit
from tests.support.paths import ROOT

MAX_BYTES: Final = 869_000_000 // 2  # with Beam it was 869 MB
UV: Final = shutil.which("uv") or ROOT / ".uv" / "bin" / "uv"
IMPORTS: Final = """
import headrace.backfill.buckets, headrace.cli.commands.backfill, headrace.cli.commands.run, headrace.engine.embedded
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an environment, installed from the lock."""
    if not Path(UV).exists():
        pytest.skip("no uv here")
    folder = tmp_path_factory.mktemp("engine") / "environment"
    command = [UV, "sync", "--quiet", "--locked", "--no-dev", "--extra", "engine", "--no-editable"]
    variables = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(folder)}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def run(environment: Path, *command: str) -> subprocess.CompletedProcess[str]:
    variables = {"PATH": os.environ["PATH"]}
    called = [str(environment / "bin" / command[0]), *command[1:]]
    return subprocess.run(called, cwd=environment, env=variables, capture_output=True, text=True, timeout=120)


def test_it_takes_less_than_half_of_what_beam_takes(environment: Path) -> None:
    packages = next(environment.glob("lib/python*/site-packages"))
    assert not (packages / "apache_beam").exists()
    assert sum(each.lstat().st_size for each in environment.rglob("*")) < MAX_BYTES


def test_the_program_and_the_engine_work(environment: Path) -> None:
    for program in (["headrace"], ["python", "-m", "headrace"]):
        shown = run(environment, *program, "--help")
        assert (shown.returncode, shown.stderr) == (Exit.DONE, "")
        assert "dead-letters" in shown.stdout
    done = run(environment, "python", "-c", IMPORTS)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_command_that_needs_more_names_its_extra(environment: Path) -> None:
    for extra, arguments in (("local", ["demo"]), ("beam", ["deploy", "plan", "--project", "a-project"])):
        shown = run(environment, "headrace", *arguments)
        assert (shown.returncode, shown.stdout) == (Exit.CONFIGURATION, "")
        assert shown.stderr.endswith(f"is not installed; run pip install 'headrace[{extra}]'\n")
