"""The environment of the BigQuery emulator, whose dependencies do not fit beside those of the job.

It is made once for each version of the emulator and of Python, in the user's cache folder, from a list of packages with
hashes: ``docker/bigquery-emulator/requirements.txt``, which is in the wheel too.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from headrace.dev.pubsub_services import EmulatorMissingError
from headrace.errors import Exit, HeadraceError
from headrace.runtime.file_locks import is_locked
from headrace.runtime.processes import start
from headrace.util.output import say

_IN_WHEEL: Final = Path(__file__).parent / "bigquery_emulator"
_IN_CLONE: Final = Path(__file__).parents[3] / "docker" / "bigquery-emulator"
_NEEDED_BYTES: Final = 1_000_000_000


class EnvironmentFailedError(HeadraceError, RuntimeError, error_code="HR-917", exit_code=Exit.UNREACHABLE):
    """The emulator's packages cannot be installed. The message names the remedy."""


def emulator_files() -> Path:
    """Return the folder with the emulator's launcher and its list of packages."""
    return _IN_WHEEL if _IN_WHEEL.exists() else _IN_CLONE


def emulator_python(report: Callable[[str], None] = say) -> Path:
    """Return the Python that runs the emulator; install it first if it is not there, and *report* that.

    Raises:
        EmulatorMissingError: there is too little space, or the cache folder cannot be written.
        EnvironmentFailedError: a package cannot be installed.
    """
    requirements = emulator_files() / "requirements.txt"
    folder = _cache() / f"bigquery-emulator-{_key(requirements)}"
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if ready.exists():
        return python
    with _locked(folder.with_suffix(".lock"), report):
        if not ready.exists():
            _install(folder, requirements, report)
            ready.touch()
    return python


def environments() -> list[Path]:
    """Return the folders of all environments in the user's cache folder, also those of earlier versions."""
    return sorted(each for each in _cache().glob("bigquery-emulator-*") if each.is_dir())


def is_being_installed(environment: Path) -> bool:
    """Return whether a process installs into this folder now."""
    return is_locked(environment.with_suffix(".lock"))


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "headrace"


def _key(requirements: Path) -> str:
    made_of = [requirements.read_bytes(), platform.python_version().encode(), sys.base_prefix.encode()]
    return hashlib.blake2b(b"\0".join(made_of), digest_size=6).hexdigest()


@contextmanager
def _locked(path: Path, report: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock, so that one process installs and others wait for it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise EmulatorMissingError(
            f"{path.parent}: cannot be written ({error.strerror}); set XDG_CACHE_HOME to a folder of yours"
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("another process installs the BigQuery emulator; waiting for it ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _install(folder: Path, requirements: Path, report: Callable[[str], None]) -> None:
    """Install with uv, which shows its own progress."""
    from uv import find_uv_bin

    shutil.rmtree(folder, ignore_errors=True)
    free = shutil.disk_usage(folder.parent).free
    if free < _NEEDED_BYTES:
        raise EmulatorMissingError(
            f"{folder.parent}: {free // 1_000_000} MB are free; the BigQuery emulator needs 1 GB"
        )
    report(f"installing the BigQuery emulator, once, about 500 MB, into {folder}")
    uv = find_uv_bin()
    _run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)])
    options = ["--python", str(folder), "--require-hashes", "--no-deps"]
    _run([uv, "pip", "install", *options, "--requirement", str(requirements)])


def _run(command: Sequence[str]) -> None:
    """Run a command of uv, which writes to stderr only."""
    with start(command) as process:
        process.wait()
    if process.returncode:
        raise EnvironmentFailedError(
            f"the BigQuery emulator cannot be installed: uv ended with code {process.returncode}, as it says above; "
            "set UV_DEFAULT_INDEX to your package index, or UV_SYSTEM_CERTS=1 behind a proxy, and run this again"
        )


if __name__ == "__main__":
    emulator_python()
