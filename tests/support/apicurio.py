"""Apicurio's registry in memory, as Maven has it: a restart gives the same ids to other schemas."""

from __future__ import annotations

import functools
import http.client
import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from headrace.dev.emulators import free_ports
from headrace.schema_registry.registry_access import RegistryAccess
from tests.support.registry_answers import CCOMPAT, NATIVE

VERSION: Final = "2.6.13.Final"
START_SECONDS: Final = 180.0  # six alone, half a minute beside other tests
_ARTIFACT: Final = "apicurio-registry-app"
_ARCHIVE: Final = Path.home() / f".m2/repository/io/apicurio/{_ARTIFACT}/{VERSION}/{_ARTIFACT}-{VERSION}-all.tar.gz"


@dataclass
class Apicurio:
    """A registry that can be stopped, started empty again, and made to hang."""

    folder: Path
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def access(self) -> RegistryAccess:
        """How to call it."""
        base = f"http://127.0.0.1:{self.port}"
        return RegistryAccess(f"{base}{CCOMPAT}", f"{base}{NATIVE}")

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        options = [f"-Dquarkus.http.port={self.port}", "-Dquarkus.http.host=127.0.0.1", "-Xmx384m"]
        jar = f"{_ARTIFACT}-{VERSION}-runner.jar"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(["java", *options, "-jar", jar], cwd=self.folder, stdout=log, stderr=log)
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self.process.poll() is None, f"it has ended; see {self.log}"
            assert time.monotonic() < end, f"it did not answer in {START_SECONDS:g} s; see {self.log}"
            time.sleep(0.2)

    def stop(self) -> None:
        """Kill it: everything in it is lost."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Let it accept connections and answer nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def register(
        self, subject: str, schema: Any, kind: str | None = None, references: Sequence[dict[str, Any]] = ()
    ) -> int:
        """Register a schema, a text or JSON, as the next version of *subject*; return its content id."""
        text = schema if isinstance(schema, str) else json.dumps(schema)
        body = {"schema": text, "references": list(references)} | ({"schemaType": kind} if kind else {})
        request = urllib.request.Request(
            f"{self.access.url}/subjects/{subject}/versions",
            json.dumps(body).encode(),
            {"Content-Type": "application/vnd.schemaregistry.v1+json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            number: int = json.load(response)["id"]
            return number

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.access.url}/schemas/types", timeout=2):
                return True
        except (OSError, http.client.HTTPException):
            return False


@contextmanager
def running_apicurio(folder: Path) -> Iterator[Apicurio]:
    """Run a registry that logs into *folder*; skip the test where it cannot run here."""
    installed = _installed()
    if isinstance(installed, str):
        pytest.skip(installed)
    (port,) = free_ports(1)
    registry = Apicurio(installed, port, folder / "apicurio.log")
    registry.start()
    try:
        yield registry
    finally:
        registry.stop()


@functools.cache
def _installed() -> Path | str:
    """Return the folder of the program, fetched by Maven once, or why there is none."""
    if shutil.which("java") is None or shutil.which("mvn") is None:
        return "Java or Maven is missing, which Apicurio's registry needs"
    if not _ARCHIVE.exists():
        artifact = f"-Dartifact=io.apicurio:{_ARTIFACT}:{VERSION}:tar.gz:all"
        command = ["mvn", "-q", "-B", "dependency:get", artifact, "-Dtransitive=false"]
        if subprocess.run(command, capture_output=True, timeout=600, check=False).returncode or not _ARCHIVE.exists():
            return "Maven does not find Apicurio's registry"
    return _unpacked()


def _unpacked() -> Path:
    place = Path(tempfile.gettempdir()) / f"headrace-apicurio-{VERSION}-{os.getuid()}"
    if not place.exists():
        beside = Path(tempfile.mkdtemp(dir=place.parent, prefix=f"{place.name}."))
        with tarfile.open(_ARCHIVE) as archive:
            archive.extractall(beside, filter="data")
        try:
            beside.rename(place)
        except OSError:  # another test was faster
            shutil.rmtree(beside)
    return place
