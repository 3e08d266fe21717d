"""A service whose job runs as a process of its own, and a folder of contracts that changes meanwhile."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from headrace.core.engine_report import SubjectReport
from headrace.schemas.envelope import Envelope, SchemaRef
from headrace.schemas.registry import Contract, Registry, parse_contract
from headrace.status.ask_engine import engine_report
from tests.support.builders import contract_json, encode
from tests.support.jobs import a_key, a_running_job
from tests.support.service import Service, a_service

Wire = tuple[bytes, dict[str, str]]
NUMBER = ("n", "int")
GATE = ("gate", ["null", "string"], {"default": None})
FIRST, SECOND = contract_json(NUMBER), contract_json(NUMBER, GATE)
INCOMPATIBLE = contract_json(("n", "string"), GATE)
OTHERS = contract_json(NUMBER, table="others")


@dataclass
class Folder:
    """A folder of contracts, which a test changes while the job runs."""

    path: Path
    parsed: dict[str, Contract] = field(default_factory=dict)

    def put(self, name: str, avro: dict[str, Any]) -> None:
        subject, version = name.split(".v")
        self.parsed[name] = parse_contract(SchemaRef(subject, int(version)), json.dumps(avro))
        (self.path / f"{name}.avsc").write_text(json.dumps(avro))

    def remove(self, name: str) -> None:
        (self.path / f"{name}.avsc").unlink()


@dataclass
class Live:
    """A service with its running job."""

    service: Service
    folder: Folder
    job: subprocess.Popen[str]

    def publish(self, name: str, numbers: range) -> None:
        """Publish an event of this contract for each number, with an id of its own."""
        contract = self.folder.parsed[name]
        self.service.publish(contract.subject, [_message(contract, number) for number in numbers])

    def problem(self, subject: str) -> str:
        return str(self.reported(subject).in_the_way.get("contract", ""))

    def version(self, subject: str) -> int:
        return int(self.reported(subject).contract_version)

    def reported(self, subject: str) -> SubjectReport:
        report = engine_report(self.service.settings.journal)
        assert report is not None
        return next(each for each in report.subjects if each.subject == subject)

    def provision(self) -> None:
        """Provision the contracts of now, as a deployment does before it adds a version."""
        Service(Registry.load(self.folder.path), self.service.settings).provision()

    def rows(self, table: str = "things") -> list[tuple[int, str | None]]:
        found = self.service.rows(table)
        return sorted((int(row["n"]), row.get("gate")) for row in found)


def _message(contract: Contract, number: int) -> Wire:
    now = datetime.now(UTC)
    gate = {"gate": f"B{number}"} if contract.ref.version > 1 else {}
    payload = encode(contract, {"n": number, "at": now} | gate)
    return payload, Envelope(f"{contract.subject}-{number}", contract.ref, now, "/test").to_attributes()


@contextmanager
def a_live_job(project: str, folder: Path) -> Iterator[Live]:
    """A running job with one version of two subjects, ``thing_happened`` and ``other_happened``."""
    contracts = Folder(folder / "contracts")
    contracts.path.mkdir()
    contracts.put("thing_happened.v1", FIRST)
    contracts.put("other_happened.v1", OTHERS)
    service = a_service(project, Registry.load(contracts.path), journal=folder / "journal")
    with a_running_job(project, a_key(folder), contracts=str(contracts.path)) as job:
        threading.Thread(target=lambda: [*(job.stderr or ())], daemon=True).start()  # its log must not fill the pipe
        yield Live(service, contracts, job)


@contextmanager
def publishing(publish: Callable[[range], None], step: int, every: float) -> Iterator[Callable[[], int]]:
    """Publish *step* events *every* so many seconds, numbered on; gives how many there are so far."""
    stop, published = threading.Event(), [0]

    def run() -> None:
        due = time.monotonic() + every
        while not stop.wait(max(0.0, due - time.monotonic())):
            publish(range(published[0], published[0] + step))
            published[0] += step
            due += every

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield lambda: published[0]
    finally:
        stop.set()
        thread.join()
