"""Contracts that change in their folder while `headrace run` goes on: on the broker and the BigQuery emulator."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from headrace.schemas.envelope import Envelope, SchemaRef
from headrace.schemas.registry import Contract, Registry, parse_contract
from headrace.status.ask_engine import engine_report
from tests.integration.test_service import Wire
from tests.support.builders import contract_json, encode
from tests.support.jobs import a_key, a_running_job, wait_for
from tests.support.service import Service, a_service

pytestmark = [pytest.mark.emulators, pytest.mark.timeout(300)]
COUNT = 1000
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

    def reported(self, subject: str) -> Any:
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


@pytest.fixture
def live(project: str, tmp_path: Path) -> Iterator[Live]:
    folder = Folder(tmp_path / "contracts")
    folder.path.mkdir()
    folder.put("thing_happened.v1", FIRST)
    folder.put("other_happened.v1", OTHERS)
    service = a_service(project, Registry.load(folder.path), journal=tmp_path / "journal")
    with a_running_job(project, a_key(tmp_path), contracts=str(folder.path)) as job:
        threading.Thread(target=lambda: [*(job.stderr or ())], daemon=True).start()  # its log must not fill the pipe
        yield Live(service, folder, job)


@contextmanager
def publishing(publish: Callable[[range], None], step: int = 20) -> Iterator[Callable[[], int]]:
    """Publish on and on meanwhile; gives how many it has published."""
    stop, published = threading.Event(), [0]

    def run() -> None:
        while not stop.wait(0.05):
            publish(range(published[0], published[0] + step))
            published[0] += step

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield lambda: published[0]
    finally:
        stop.set()
        thread.join()


def test_versions_are_interleaved_without_a_restart(live: Live) -> None:
    with publishing(lambda numbers: live.publish("thing_happened.v1", numbers)) as first:
        wait_for(lambda: first() >= COUNT // 4)
        live.folder.put("thing_happened.v2", SECOND)
        live.provision()
        wait_for(lambda: live.version("thing_happened") == 2)
        second = range(1_000_000, 1_000_000 + COUNT)
        for start in range(0, COUNT, 100):
            live.publish("thing_happened.v2", second[start : start + 100])
        wait_for(lambda: first() >= COUNT)

    expected = [(number, None) for number in range(first())] + [(number, f"B{number}") for number in second]
    wait_for(lambda: len(live.rows()) >= len(expected))
    assert live.rows() == expected
    assert live.job.poll() is None, "it was never restarted"


def test_a_version_whose_column_is_missing_waits_for_it(live: Live) -> None:
    live.folder.put("thing_happened.v2", SECOND)
    wait_for(lambda: live.version("thing_happened") == 2)
    live.publish("thing_happened.v2", range(10))
    wait_for(lambda: "gate" in " ".join(live.reported("thing_happened").in_the_way.values()))
    live.publish("other_happened.v1", range(5))
    wait_for(lambda: len(live.rows("others")) == 5)

    live.provision()

    wait_for(lambda: len(live.rows()) == 10)
    assert live.rows() == [(number, f"B{number}") for number in range(10)]


def test_the_job_adds_columns_where_the_contract_lets_it(live: Live) -> None:
    live.publish("thing_happened.v1", range(10))
    wait_for(lambda: len(live.rows()) == 10)
    live.folder.put("thing_happened.v2", contract_json(NUMBER, GATE, evolve="automatic"))
    wait_for(lambda: live.version("thing_happened") == 2)
    live.publish("thing_happened.v2", range(10, 20))

    wait_for(lambda: len(live.rows()) == 20)
    assert live.rows() == [(n, None) for n in range(10)] + [(n, f"B{n}") for n in range(10, 20)]


def test_a_version_that_cannot_be_read_holds_its_subject_and_no_other(live: Live) -> None:
    live.publish("thing_happened.v1", range(10))
    wait_for(lambda: len(live.rows()) == 10)
    live.folder.put("thing_happened.v2", INCOMPATIBLE)
    wait_for(
        lambda: "thing_happened.v2.n: events of v1 cannot be read (TYPE_CHANGED)" in live.problem("thing_happened")
    )
    live.publish("thing_happened.v1", range(10, 20))
    live.publish("other_happened.v1", range(500))
    wait_for(lambda: len(live.rows("others")) == 500)
    assert len(live.rows()) == 10

    live.folder.remove("thing_happened.v2")

    wait_for(lambda: len(live.rows()) == 20)
    assert live.rows() == [(number, None) for number in range(20)]
    assert live.problem("thing_happened") == ""
    assert live.job.poll() is None
