"""A bucket of the storage emulator, for tests that read objects."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from google.cloud import storage

from headrace.dev.emulators import _answers, _wait_until, free_ports
from headrace.runtime.processes import tied

VARIABLE = "STORAGE_EMULATOR_HOST"


@contextmanager
def a_bucket(folder: Path, stored: Path | None = None) -> Iterator[storage.Bucket]:
    """An empty bucket; this process and its children find its emulator. *stored*: where the BigQuery emulator looks."""
    (port,) = free_ports(1)
    address, log = f"http://127.0.0.1:{port}", folder / "storage.log"
    data = [] if stored is None else ["--data-dir", str(stored.parent)]
    command = [sys.executable, "-m", "gcp_storage_emulator", *data, "start", "--host", "127.0.0.1", "--port", str(port)]
    kept = [] if stored else ["--in-memory"]
    with log.open("wb") as out, subprocess.Popen(tied([*command, *kept]), stdout=out, stderr=out) as process:
        try:
            _wait_until(lambda: _answers(f"{address}/"), process, log)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv(VARIABLE, address)
                yield storage.Client(project="test").create_bucket("history" if stored is None else f"history-{port}")
        finally:
            process.kill()


def put(bucket: storage.Bucket, path: Path, packed: bool = False) -> str:
    """Put the file at *path* there, *packed* by gzip if wanted; its address."""
    name = f"2026/{path.name}{'.gz' if packed else ''}"
    data = path.read_bytes()
    bucket.blob(name).upload_from_string(gzip.compress(data) if packed else data, "application/octet-stream")
    return f"gs://{bucket.name}/{name}"
