"""The job as a process of its own, for tests that signal it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from headrace.config.key_files import write_key_file
from headrace.runtime.processes import tied
from headrace.schemas.samples import SAMPLES

COMMAND = [sys.executable, "-m", "headrace"]


@contextmanager
def a_running_job(project: str, key: Path, *arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """``headrace run``, past its first line; killed at the end when it still runs. Its journal lies beside *key*."""
    settings = {"contracts": str(SAMPLES), "journal": str(key.parent / "journal"), "log_format": "json", **settings}
    variables = {f"HEADRACE_{name.upper()}": value for name, value in settings.items()}
    with subprocess.Popen(
        tied([*COMMAND, "run", "--project", project, "--masking-key-file", str(key), *arguments]),
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as job:
        try:
            assert job.stderr is not None
            for line in job.stderr:
                if '"event": "running"' in line:
                    break
            yield job
        finally:
            job.kill()


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Wait for a condition, and fail when it does not come."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come"
        pause.wait(0.2)


def get_page(address: str, page: str) -> tuple[int, str]:
    """Status and text of a page with any status."""
    try:
        with urllib.request.urlopen(f"http://{address}{page}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def a_key(folder: Path) -> Path:
    """A masking key in a file."""
    key = folder / "masking.key"
    return key if key.exists() else write_key_file(key, bytes(range(32)))
