"""Wheels of the three distributions, built from the clone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.support.paths import ROOT

HATCHLING: Final = Path(sys.executable).parent / "hatchling"
DISTRIBUTIONS: Final = (".", "schemas", "producers")


def build_wheel(into: Path, distribution: str, **environment: str) -> str:
    """Build the wheel of a distribution, named by its folder, into *into*; the output of the build."""
    command = [str(HATCHLING), "build", "--target", "wheel", "--directory", str(into)]
    variables = {**os.environ, **environment}
    done = subprocess.run(command, cwd=ROOT / distribution, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def build_wheels(into: Path) -> list[Path]:
    """Build all wheels into *into*."""
    for each in DISTRIBUTIONS:
        build_wheel(into, each)
    return sorted(into.glob("*.whl"))
