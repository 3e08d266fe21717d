"""The publishers of ``examples/producers``: each is built, checked against the vectors, and solves the task."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.support.paths import ROOT
from tests.wire.harness import Producer, a_service_of_parcels, assert_solves_the_task

pytestmark = [pytest.mark.emulators, pytest.mark.languages, pytest.mark.timeout(1200)]

FOLDER: Final = ROOT / "examples" / "producers"
SECONDS: Final = 900  # for one step of a build, which may download packages


def needs(*tools: str) -> pytest.MarkDecorator:
    """A mark that skips a test where one of the *tools* is not installed."""
    missing = [each for each in tools if shutil.which(each) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def build(folder: Path, *steps: Sequence[str]) -> None:
    """Run the *steps* that build a publisher and check it against the test vectors."""
    for step in steps:
        done = subprocess.run(step, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode == 0, f"{' '.join(step)} exited with {done.returncode}:\n{done.stdout}{done.stderr}"


@needs("go")
def test_a_publisher_in_go_solves_the_task(project: str, tmp_path: Path) -> None:
    folder, program = FOLDER / "go", tmp_path / "publish"
    build(folder, ["go", "test", "-count=1", "./..."], ["go", "build", "-o", str(program), "."])

    assert_solves_the_task(Producer("go", [str(program)], cwd=folder), a_service_of_parcels(project))


@needs("java", "mvn")
def test_a_publisher_in_java_solves_the_task(project: str) -> None:
    folder = FOLDER / "java"
    build(folder, ["mvn", "-q", "-B", "package"])

    assert_solves_the_task(
        Producer("java", ["java", "-jar", "target/publish.jar"], cwd=folder), a_service_of_parcels(project)
    )


@needs("node", "npm")
def test_a_publisher_in_node_solves_the_task(project: str) -> None:
    folder = FOLDER / "node"
    build(folder, ["npm", "ci", "--ignore-scripts"], ["npm", "test"])

    assert_solves_the_task(Producer("node", ["node", "main.js"], cwd=folder), a_service_of_parcels(project))
