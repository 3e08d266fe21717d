"""An engine with many subjects: threads come and go with what there is to do, and nothing is decided too early."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import psutil
import pytest

from benchmarks import contracts
from headrace.core.message import Message
from headrace.dev.emulators import free_ports
from headrace.engine import subject_tasks
from headrace.engine.workers import SOURCES_AT_ONCE, SUBJECTS_AT_ONCE
from headrace.schemas.registry import Registry
from tests.integration.test_service import Wire
from tests.support.jobs import a_key, a_running_job, get_page, wait_for
from tests.support.service import Service, a_service

pytestmark = [pytest.mark.emulators, pytest.mark.timeout(600)]
FEW, MANY = 2, 50
SHARED_THREADS = SUBJECTS_AT_ONCE + SOURCES_AT_ONCE  # however many subjects there are; some rest for a while
MOST_THREADS = 200


@dataclass
class Running:
    """A running job, seen from outside."""

    process: psutil.Process
    address: str

    def is_ready(self) -> bool:
        try:
            return get_page(self.address, "/readyz")[0] == 200
        except OSError:
            return False

    def acknowledged(self) -> int:
        subjects = json.loads(get_page(self.address, "/readyz")[1])["subjects"]
        return sum(int(each.get("acknowledged", 0)) for each in subjects.values())

    @property
    def threads(self) -> int:
        return int(self.process.num_threads())


@contextmanager
def running(service: Service, folder: Path) -> Iterator[Running]:
    avro = folder / "contracts"
    avro.mkdir(exist_ok=True)
    for contract in service.registry:
        (avro / f"{contract.subject}.v1.avsc").write_text(contract.json)
    address = f"127.0.0.1:{free_ports(1)[0]}"
    project = service.settings.project
    with a_running_job(project, a_key(folder), "--contracts", str(avro), health=address) as job:
        found = Running(psutil.Process(job.pid), address)
        wait_for(found.is_ready)
        yield found


def idle_threads(job: Running) -> int:
    """How many are left when those that rest have ended."""
    fewest: list[int] = []

    def stays_the_same() -> bool:
        fewest.append(job.threads)
        return len(fewest) > 150 and min(fewest) == min(fewest[:-100])

    wait_for(stays_the_same)
    return min(fewest)


def wire(messages: Sequence[Message]) -> list[Wire]:
    return [(message.data, dict(message.attributes)) for message in messages]


def test_subjects_that_have_nothing_to_do_keep_no_threads_and_busy_ones_share_them(
    project: str, tmp_path: Path
) -> None:
    few, many = (contracts.many_flights(count)[0] for count in (FEW, MANY))
    (tmp_path / "few").mkdir()
    with running(a_service(f"{project}-few", few), tmp_path / "few") as job:
        with_few = idle_threads(job)

    service = a_service(project, many)
    _, subjects, messages = contracts.many_flights(MANY)
    (tmp_path / "many").mkdir()
    with running(service, tmp_path / "many") as job:
        assert idle_threads(job) - with_few <= SHARED_THREADS < MANY - FEW
        for subject in subjects:
            service.publish(subject, wire(list(islice(messages[subject], 20))))
        most: list[int] = []

        def all_acknowledged() -> bool:
            most.append(job.threads)
            return job.acknowledged() == 20 * MANY

        wait_for(all_acknowledged)
        assert max(most) < MOST_THREADS
    assert [len(service.rows(subject, "_event_id")) for subject in subjects] == [20] * MANY


def test_what_a_table_holds_is_known_before_its_first_messages_are_decided_on(
    project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    #  journal a: both tables written|journal b, which knows nothing yet of the second: all comes again
    monkeypatch.setattr(subject_tasks, "BEGINNINGS_A_SECOND", 0.001)
    registry, subjects, messages = contracts.many_flights(2)
    first, again = (_with_journal(project, registry, tmp_path / name) for name in ("a", "b"))
    events = {subject: wire(list(islice(messages[subject], 30))) for subject in subjects}
    for service in (first, again):
        for subject in subjects:
            service.publish(subject, events[subject])
        engine = service.run_until(acknowledged=60)
    assert [engine.status.subjects[subject].counts["duplicate"] for subject in subjects] == [30, 30]
    assert [len(first.rows(subject, "_event_id")) for subject in subjects] == [30, 30]


def _with_journal(project: str, registry: Registry, folder: Path) -> Service:
    return a_service(project, registry, journal=folder)
