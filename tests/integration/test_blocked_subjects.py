"""A contract that is refused, or an error of one subject, holds up that subject alone; on the emulators."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from headrace.config.key_files import write_key_file
from headrace.core.message import Message
from headrace.dev.emulators import free_ports
from headrace.engine.prepare import Prepared
from headrace.engine.task_steps import Steps
from headrace.job import Job
from headrace.schemas.envelope import Envelope, SchemaRef
from headrace.schemas.registry import Registry, parse_contract
from tests.integration.test_service import Wire
from tests.support.builders import contract_json, encode
from tests.support.jobs import get_page, wait_for
from tests.support.service import KEY, Service, a_service

pytestmark = [pytest.mark.emulators, pytest.mark.timeout(300)]
GOOD = {"good_thing.v1": contract_json(("n", "int"), table="good")}
BAD = {"bad_thing.v1": contract_json(("n", "int"), table="bad")}
INCOMPATIBLE = {
    "int to string": contract_json(("n", "string"), table="bad"),
    "a new field without default": contract_json(("n", "int"), ("m", "string"), table="bad"),
}


def write(folder: Path, contracts: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    for each in folder.iterdir():
        each.unlink()
    for name, avro in contracts.items():
        (folder / f"{name}.avsc").write_text(json.dumps(avro))


def messages(subject: str, avro: dict[str, Any], count: int) -> list[Wire]:
    contract = parse_contract(SchemaRef(subject, 1), json.dumps(avro))
    now = datetime.now(UTC)
    return [
        (
            encode(contract, {"n": number, "at": now}),
            Envelope(f"{subject}-{number}", contract.ref, now, "/test").to_attributes(),
        )
        for number in range(count)
    ]


def publish_both(service: Service, count: int) -> None:
    service.publish("good_thing", messages("good_thing", GOOD["good_thing.v1"], count))
    service.publish("bad_thing", messages("bad_thing", BAD["bad_thing.v1"], count))


def rows(service: Service, table: str) -> list[int]:
    return sorted(int(row["n"]) for row in service.rows(table, "n"))


@pytest.mark.parametrize("change", INCOMPATIBLE)
def test_a_version_that_cannot_be_read_blocks_its_subject_and_no_other(
    project: str, tmp_path: Path, change: str
) -> None:
    folder = tmp_path / "contracts"
    write(folder, GOOD | BAD)
    service = a_service(project, Registry.load(folder))
    write(folder, GOOD | BAD | {"bad_thing.v2": INCOMPATIBLE[change]})
    blocked = Service(Registry.load_serviceable(folder), service.settings)
    publish_both(service, 20)

    engine = blocked.run_until(acknowledged=20)

    assert rows(service, "good") == list(range(20))
    assert not engine.status.ready
    (message,) = engine.status.subjects["bad_thing"].in_the_way.values()
    assert "events of v1 cannot be read" in message
    assert "stay in Pub/Sub" in message
    assert rows(service, "bad") == []

    service.run_until(acknowledged=20)

    assert rows(service, "bad") == list(range(20))


def test_the_command_runs_beside_a_blocked_subject_and_says_so(project: str, tmp_path: Path) -> None:
    folder, key = tmp_path / "contracts", write_key_file(tmp_path / "masking.key", KEY)
    write(folder, GOOD | BAD)
    service = a_service(project, Registry.load(folder), journal=tmp_path / "journal")
    write(folder, GOOD | BAD | {"bad_thing.v2": INCOMPATIBLE["int to string"]})
    publish_both(service, 5)
    health = f"127.0.0.1:{free_ports(1)[0]}"
    command = [sys.executable, "-m", "headrace", "run", "--project", project, "--contracts", str(folder)]
    command += ["--masking-key-file", str(key), "--journal", str(tmp_path / "journal"), "--health", health]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ.copy()) as job:
        try:
            wait_for(lambda: rows(service, "good") == list(range(5)))
            code, page = get_page(health, "/readyz")
            alive, _ = get_page(health, "/healthz")
        finally:
            job.terminate()
            _, logs = job.communicate(timeout=60)

    assert (code, alive, job.returncode) == (503, 200, 0)
    assert json.loads(page)["subjects"]["bad_thing"]["in_the_way"] == ["contract"]
    assert json.loads(page)["subjects"]["good_thing"]["in_the_way"] == []
    assert "blocked" in logs
    assert "bad_thing.v2.n: events of v1 cannot be read (TYPE_CHANGED): int cannot be read as string" in logs


class Failing:
    """A preparer that raises as often as requested, and hands everything else on."""

    def __init__(self, inner: Any, failures: list[Exception]) -> None:
        self._inner = inner
        self._failures = failures

    def prepare(self, found: Sequence[Message], now: int) -> Prepared:
        if self._failures:
            raise self._failures.pop()
        prepared: Prepared = self._inner.prepare(found, now)
        return prepared

    def run(self, serve: Callable[[], Steps[None]]) -> Steps[None]:
        return self._inner.run(serve)  # type: ignore[no-any-return]


def test_an_unexpected_error_stops_its_subject_until_it_goes_away_and_no_other(project: str, tmp_path: Path) -> None:
    write(tmp_path / "contracts", GOOD | BAD)
    service = a_service(project, Registry.load(tmp_path / "contracts"))
    publish_both(service, 20)
    failures: list[Exception] = [ValueError("ada@example.com"), MemoryError(), KeyError("ada@example.com")]
    engine = service.engine()
    open_source, reported = engine.open_source, set[str]()

    def failing(job: Job, subject: str, *more: Any) -> Any:
        source, preparer = open_source(job, subject, *more)
        return (source, Failing(preparer, failures) if subject == "bad_thing" else preparer)

    def look(_: object) -> None:
        reported.update(engine.status.subjects["bad_thing"].in_the_way.values())
        if engine.progress.acknowledged >= 40:
            engine.stop.set()

    engine.open_source, engine.on_progress = failing, look
    engine.run()

    assert (rows(service, "good"), rows(service, "bad")) == (list(range(20)), list(range(20)))
    assert failures == []
    assert any("ValueError at" in each and "test_blocked_subjects.prepare" in each for each in reported)
    assert not any("ada@" in each for each in reported)
    assert engine.status.subjects["bad_thing"].in_the_way == {}
