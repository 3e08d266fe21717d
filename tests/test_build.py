"""What is written in C is compiled into the wheel; without a compiler the wheel goes without, and says so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HATCHLING = Path(sys.executable).parent / "hatchling"


def build(into: Path, **environment: str) -> tuple[set[str], str]:
    """The files of a wheel built into *into*, and what the build said."""
    command = [HATCHLING, "build", "--target", "wheel", "--directory", into]
    done = subprocess.run(
        command, cwd=ROOT / "schemas", env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = into.iterdir()
    with zipfile.ZipFile(wheel) as archive:
        return {wheel.name, *archive.namelist()}, done.stdout + done.stderr


@pytest.mark.parametrize("environment", [{"CC": "/bin/false"}, {"CC": "no-such-compiler"}, {"PATH": "/nowhere"}])
def test_without_a_compiler_a_wheel_of_pure_python_is_built_and_one_notice_says_so(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    files, said = build(tmp_path, **environment)

    assert "headrace_schemas-0.1.0-py3-none-any.whl" in files
    assert [name for name in files if name.endswith((".so", ".c", ".h"))] == []
    assert said.count("headrace._columns is not compiled") == 1
    assert "Install a C compiler" in said


def test_with_a_compiler_one_wheel_serves_every_python_from_3_11_on(tmp_path: Path) -> None:
    files, said = build(tmp_path)
    if "is not compiled" in said:
        pytest.skip("no C compiler here")

    assert [name for name in files if re.fullmatch(r"headrace_schemas-0.1.0-cp311-abi3-\w+\.whl", name)]
    assert [name for name in files if re.fullmatch(r"headrace/_columns\.\S+", name)]
    assert "warning" not in said
