"""Google's client for Node, installed once into the user's cache folder from a lockfile with hashes."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from headrace.runtime.google_clients import PUBSUB
from headrace.runtime.processes import run, start
from tests.conformance.conftest import Pubsub, Target

FOLDER: Final = Path(__file__).parent / "node"
FILES: Final = ("package.json", "package-lock.json")
SECONDS: Final = 120.0
NEEDS_NODE: Final = pytest.mark.skipif(
    shutil.which("node") is None or shutil.which("npm") is None, reason="Node.js and npm are missing"
)


class NodeClient:
    """Runs cases of ``client.js``. *modules* is the folder with the installed packages."""

    def __init__(self, modules: Path) -> None:
        self._modules = modules

    def run(self, pubsub: Pubsub, case: str, **arguments: Any) -> dict[str, Any]:
        """Return the result of a case."""
        with self.running(pubsub, case, **arguments) as process:
            out, errors = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, f"{case} ended with code {process.returncode}: {errors}"
        found: dict[str, Any] = json.loads(out)
        return found

    @contextmanager
    def running(self, pubsub: Pubsub, case: str, **arguments: Any) -> Iterator[subprocess.Popen[str]]:
        """A case under way; it is ended with the block."""
        environment = {"NODE_PATH": str(self._modules)}
        if pubsub.target is not Target.GOOGLE:
            environment[PUBSUB] = pubsub.address
        command = ["node", str(FOLDER / "client.js"), case, json.dumps({"project": pubsub.project, **arguments})]
        with start(command, environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()


def installed() -> Path:
    """Return the folder with the packages of the lockfile; install them if they are not there."""
    key = hashlib.sha256(b"".join((FOLDER / name).read_bytes() for name in FILES)).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headrace" / f"node-client-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            for name in FILES:
                shutil.copy(FOLDER / name, folder)
            done = run(["npm", "ci", "--silent", "--ignore-scripts", "--prefix", str(folder)])
            assert done.returncode == 0, f"npm cannot install Google's client: {done.stderr}"
            (folder / "ready").touch()
    return folder / "node_modules"
