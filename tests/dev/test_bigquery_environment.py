"""The BigQuery emulator is installed once, from a list of packages with hashes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from uv import find_uv_bin

from headrace.dev import bigquery_environment
from headrace.dev.bigquery_environment import EnvironmentFailedError, emulator_files, emulator_python
from headrace.dev.pubsub_services import EmulatorMissingError
from tests.support.paths import ROOT


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An empty cache folder, and a uv that installs nothing; the commands that it got."""
    commands: list[str] = []

    def run(command: list[str]) -> None:
        commands.append(" ".join(command[1:3]))
        if command[1] == "venv":
            Path(command[-1]).mkdir(parents=True)
        threading.Event().wait(0.05)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(bigquery_environment, "_run", run)
    return commands


def silent(_: str) -> None:
    """Report to nobody."""


def test_it_is_installed_once(installed: list[str]) -> None:
    reports: list[str] = []
    first = emulator_python(reports.append)
    assert emulator_python(reports.append) == first
    assert installed == ["venv --quiet", "pip install"]
    assert len(reports) == 1


def test_of_several_processes_one_installs(installed: list[str]) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = set(threads.map(emulator_python, [silent] * 4))
    assert (len(found), len(installed)) == (1, 2)


def test_an_installation_that_failed_is_repeated(installed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(command: list[str]) -> None:
        raise EnvironmentFailedError("no index")

    with monkeypatch.context() as patch:
        patch.setattr(bigquery_environment, "_run", fail)
        with pytest.raises(EnvironmentFailedError):
            emulator_python(silent)
    emulator_python(silent)
    assert len(installed) == 2


def test_too_little_space_is_named_before_anything_is_installed(
    installed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 500_000_000))
    with pytest.raises(EmulatorMissingError, match="500 MB are free; the BigQuery emulator needs 1 GB"):
        emulator_python(silent)
    assert installed == []


def test_a_cache_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(EmulatorMissingError, match=r"file/headrace: cannot be written .*set XDG_CACHE_HOME"):
        emulator_python(silent)


def test_an_index_that_does_not_answer_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in [
        ("XDG_CACHE_HOME", str(tmp_path)),
        ("UV_CACHE_DIR", str(tmp_path / "uv")),
        ("UV_INDEX_URL", "http://127.0.0.1:1/simple"),
        ("UV_HTTP_RETRIES", "0"),
    ]:
        monkeypatch.setenv(name, value)
    with pytest.raises(EnvironmentFailedError, match="UV_DEFAULT_INDEX to your package index"):
        emulator_python(silent)
    assert "127.0.0.1:1" in capfd.readouterr().err


def test_the_list_of_packages_is_the_lock() -> None:
    folder = ROOT / "docker" / "bigquery-emulator"
    command = [find_uv_bin(), "export", "--locked", "--offline", "--no-emit-project", "--no-header"]
    done = subprocess.run(
        [*command, "--python", sys.executable], cwd=folder, capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.stdout == (folder / "requirements.txt").read_text(), done.stderr[-500:]
    assert emulator_files() == folder
