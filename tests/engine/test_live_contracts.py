"""Contracts that change while the engine runs: only their own subject begins anew, or waits."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import Forbidden

from headrace.config.settings import SettingsError
from headrace.engine.contract_watch import AGAIN_SECONDS, ContractWatch
from headrace.engine.embedded import Embedded
from headrace.engine.live_contracts import LiveContracts
from headrace.engine.status import CONTRACT, SubjectStatus
from headrace.schemas.errors import ContractError
from headrace.schemas.registry import Contract, Registry
from tests.support.builders import a_contract, a_tokenised_contract, contract_json
from tests.support.engines import World, a_message, running
from tests.support.jobs import wait_for

CITY = ("city", "string")
GATE = ("gate", ["null", "string"], {"default": None})
FIRST = a_contract(CITY)
SECOND = a_contract(CITY, GATE, version=2)
OTHERS = a_contract(subject="other_happened", table="others")
ATTRIBUTES = {"kind": "attributes", "id": "message_id"}
REFUSED = ContractError("thing_happened.v3.city", "its type changed", "keep the type")


@pytest.fixture
def two(tmp_path: Path) -> World:
    return World(tmp_path, [FIRST, OTHERS])


def registry(*contracts: Contract, **refused: ContractError) -> Registry:
    return Registry({each.ref: each for each in contracts}, refused)


def publish(world: World, contract: Contract, *messages: dict[str, Any]) -> None:
    """Give messages, and wait until each has its outcome."""
    source = world.source(contract)
    before = len(source.acknowledged)
    source.give(*(a_message(contract, **each) for each in messages))
    wait_for(lambda: len(source.acknowledged) == before + len(messages), 10)


def beginnings(world: World, contract: Contract) -> int:
    return world.source(contract).happened.count("start")


def problem(engine: Embedded, contract: Contract = FIRST) -> str:
    return engine.status.subjects[contract.subject].in_the_way.get(CONTRACT, "")


def test_a_new_version_is_read_without_a_restart(two: World) -> None:
    with running(two.engine()) as run:
        publish(two, FIRST, {"city": "Oslo"})
        assert run.engine.contracts.replace(registry(FIRST, SECOND, OTHERS)) == ["thing_happened"]
        wait_for(lambda: beginnings(two, FIRST) == 2, 10)
        publish(two, SECOND, {"city": "Rome", "gate": "B2"})
        publish(two, FIRST, {"city": "Bern"})
        assert beginnings(two, OTHERS) == 1

    found = {row["city"]: (row.get("gate", ""), row["_schema_version"]) for row in rows(two)}
    assert found == {"Oslo": ("", 1), "Rome": ("B2", 2), "Bern": (None, 1)}


def rows(world: World) -> list[dict[str, Any]]:
    return world.warehouse.rows("things")


AUTOMATIC = a_contract(CITY, GATE, version=2, evolve="automatic")


def columns(world: World) -> list[str]:
    return [each.name for each in world.warehouse.find("p.headrace.things").table.schema]


@pytest.mark.parametrize(("version", "added"), [(SECOND, []), (AUTOMATIC, ["gate"])])
def test_columns_are_added_where_the_contract_lets_the_job_do_so(
    two: World, version: Contract, added: list[str]
) -> None:
    before = columns(two)
    with running(two.engine()) as run:
        publish(two, FIRST, {"city": "Oslo"})
        run.engine.contracts.replace(registry(FIRST, version, OTHERS))
        wait_for(lambda: beginnings(two, FIRST) == 2, 10)

    assert [each for each in columns(two) if each not in before] == added


def test_without_the_permission_to_add_columns_the_subject_waits_and_says_so(two: World) -> None:
    def refuse(asked: str) -> None:
        if asked.startswith("update"):
            raise Forbidden("denied")

    with running(two.engine()) as run:
        publish(two, FIRST, {"city": "Oslo"})
        two.warehouse.in_the_way = refuse
        run.engine.contracts.replace(registry(FIRST, AUTOMATIC, OTHERS))
        status = run.engine.status.subjects["thing_happened"]
        wait_for(lambda: any("bigquery.tables.update" in each for each in status.in_the_way.values()), 10)
        publish(two, OTHERS, {})
        two.warehouse.in_the_way = lambda asked: None
        publish(two, AUTOMATIC, {"city": "Rome", "gate": "B2"})
        assert "gate" in columns(two)


def test_a_refused_contract_holds_only_its_subject_until_it_is_corrected(two: World) -> None:
    with running(two.engine()) as run:
        publish(two, FIRST, {"city": "Oslo"})
        run.engine.contracts.replace(registry(OTHERS, thing_happened=REFUSED))
        wait_for(lambda: "v3.city: its type changed; keep the type" in problem(run.engine), 10)
        assert "stay in Pub/Sub until its contract is accepted" in problem(run.engine)
        two.source(FIRST).give(a_message(FIRST, city="Rome"))
        publish(two, OTHERS, {}, {})
        assert (len(rows(two)), run.engine.status.ready) == (1, False)

        run.engine.contracts.replace(registry(FIRST, OTHERS))
        wait_for(lambda: len(rows(two)) == 2, 10)
        assert problem(run.engine) == ""


def test_an_engine_stops_while_a_subject_is_held(two: World) -> None:
    with running(two.engine()) as run:
        publish(two, FIRST, {"city": "Oslo"})
        run.engine.contracts.replace(registry(OTHERS, thing_happened=REFUSED))
        wait_for(lambda: bool(problem(run.engine)), 10)


def test_contracts_that_change_while_a_subject_waits_for_its_table_let_it_begin_anew(two: World) -> None:
    table = two.warehouse.find("p.headrace.things").table
    two.warehouse.drop("things")
    with running(two.engine()) as run:
        wait_for(
            lambda: "thing_happened" in two.sources and bool(run.engine.status.subjects["thing_happened"].in_the_way),
            10,
        )
        run.engine.contracts.replace(registry(FIRST, SECOND, OTHERS))
        two.warehouse.make(table)
        publish(two, SECOND, {"city": "Rome", "gate": "B2"})
    assert [row["gate"] for row in rows(two)] == ["B2"]


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (registry(OTHERS), "its contract is gone; put it back"),
        (registry(a_contract(CITY, table="cities"), OTHERS), "headrace.table: another table than when the job started"),
        (
            registry(a_contract(CITY, encoding="confluent", envelope=ATTRIBUTES, schema_ids=[7]), OTHERS),
            "schema ids of another kind than when the job started; restart the job to use it",
        ),
    ],
)
def test_what_is_held_for_the_whole_run_does_not_change(two: World, found: Registry, why: str) -> None:
    contracts = LiveContracts(two.job())

    assert contracts.replace(found) == ["thing_happened"]

    assert why in str(contracts.job.registry.blocked["thing_happened"])
    assert contracts.job.registry.subjects == ("other_happened",)


def test_tokens_need_a_key_from_the_start(two: World) -> None:
    contracts = LiveContracts(two.job())
    personal = a_tokenised_contract(CITY)

    assert contracts.replace(registry(personal, OTHERS)) == ["thing_happened"]
    assert contracts.job.registry.latest("thing_happened") == personal


def test_equal_contracts_change_nothing(two: World) -> None:
    contracts = LiveContracts(two.job())
    contracts.on_change = lambda subject: pytest.fail(subject)
    job = contracts.job

    assert contracts.replace(registry(a_contract(CITY), OTHERS)) == []
    assert contracts.job is job


def test_a_new_subject_waits_for_a_restart(two: World) -> None:
    contracts = LiveContracts(two.job())
    new = a_contract(subject="new_happened", table="news")

    assert contracts.replace(registry(FIRST, OTHERS, new)) == []
    assert contracts.not_served(registry(FIRST, OTHERS, new)) == ["new_happened"]
    assert contracts.job.registry.subjects == ("other_happened", "thing_happened")


class Folder:
    """A folder of contracts, and the watch on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.write(1, CITY)
        self.loaded = 0
        self.failure: Exception | None = None
        job = World(path.parent, [FIRST]).job()
        self.contracts, self.status = LiveContracts(job), SubjectStatus("contracts")
        self.now = 0.0
        self.watch = ContractWatch(path, self._load, self.contracts, self.status, lambda: self.now)

    def write(self, version: int, *fields: Any) -> None:
        self.file(version).write_text(json.dumps(contract_json(*fields)))

    def file(self, version: int) -> Path:
        return self.path / f"thing_happened.v{version}.avsc"

    def look(self, times: int = 2) -> None:
        for _ in range(times):
            self.watch.look()

    @property
    def versions(self) -> list[int]:
        return sorted(each.ref.version for each in self.contracts.job.registry)

    def _load(self) -> Registry:
        self.loaded += 1
        if self.failure is not None:
            raise self.failure
        return Registry.load_serviceable(self.path)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "contracts")


def test_files_that_stay_the_same_from_look_to_look_are_read_once(folder: Folder) -> None:
    folder.look(5)
    assert (folder.loaded, folder.versions) == (1, [1])

    folder.write(2, CITY, GATE)
    folder.look(1)
    assert folder.loaded == 1, "it may be written still"
    folder.look(3)
    assert (folder.loaded, folder.versions) == (2, [1, 2])


def test_a_file_of_equal_size_that_replaces_another_is_noticed(folder: Folder) -> None:
    folder.look()
    new = folder.path / "new"
    new.write_text(folder.file(1).read_text().replace("30d", "31d"))
    os.utime(new, ns=(folder.file(1).stat().st_atime_ns, folder.file(1).stat().st_mtime_ns))
    new.rename(folder.file(1))

    folder.look()

    assert folder.contracts.job.registry.latest("thing_happened").options.late_after.days == 31


def test_the_only_subject_may_be_refused_and_corrected(folder: Folder) -> None:
    folder.look()
    folder.write(2, ("city", "int"))
    folder.look()

    (fault,) = folder.contracts.job.registry.blocked["thing_happened"].faults
    assert (fault.where, fault.source.partition(":")[0]) == ("thing_happened.v2.city", "thing_happened.v2.avsc")

    folder.file(2).unlink()
    folder.look()
    assert (folder.versions, dict(folder.contracts.job.registry.blocked)) == ([1], {})


@pytest.mark.parametrize(
    "failure", [ContractError("thing_happened.v1", "cannot be read", "wait"), SettingsError("topics: wrong")]
)
def test_a_fault_that_goes_without_a_change_of_the_files_is_noticed(folder: Folder, failure: Exception) -> None:
    folder.failure = failure
    folder.look()
    assert folder.loaded == 1
    folder.failure = None
    folder.look(5)
    assert folder.loaded == 1, "not at each look"

    folder.now += AGAIN_SECONDS
    folder.look(3)

    assert (folder.loaded, folder.versions, folder.status.in_the_way) == (2, [1], {})


def empty(folder: Folder) -> None:
    folder.file(1).rename(folder.path / "kept")


def remove(folder: Folder) -> None:
    folder.path.rename(folder.path.with_name("moved"))


def fail(folder: Folder) -> None:
    folder.failure = SettingsError("topics: wrong")
    folder.write(2, CITY, GATE)


@pytest.mark.parametrize(("make", "why"), [(empty, "no contract"), (remove, "cannot be read"), (fail, "topics: wrong")])
def test_the_job_goes_on_without_a_folder_that_can_be_used(
    folder: Folder, make: Callable[[Folder], None], why: str
) -> None:
    folder.look()
    make(folder)
    folder.look(3)

    assert folder.versions == [1]
    (said,) = folder.status.in_the_way.values()
    assert why in said
    assert said.endswith("the job goes on with the contracts that it has")


def test_a_folder_that_is_back_is_used(folder: Folder) -> None:
    folder.look()
    empty(folder)
    folder.look(3)
    (folder.path / "kept").rename(folder.file(1))
    folder.write(2, CITY, GATE)
    folder.look()

    assert (folder.versions, folder.status.in_the_way) == ([1, 2], {})


@pytest.mark.parametrize("lose", [empty, remove])
def test_a_folder_that_is_back_as_it_was_is_no_problem_any_more(folder: Folder, lose: Callable[[Folder], None]) -> None:
    folder.look()
    lose(folder)
    folder.look()
    assert folder.status.in_the_way != {}
    if lose is empty:
        (folder.path / "kept").rename(folder.file(1))
    else:
        folder.path.with_name("moved").rename(folder.path)
    folder.look()

    assert (folder.versions, folder.status.in_the_way) == ([1], {})


def test_new_subjects_are_a_notice(folder: Folder) -> None:
    (folder.path / "new_happened.v1.avsc").write_text(json.dumps(contract_json(table="news")))
    folder.look()

    assert [*folder.status.notices.values()] == ["new_happened: new subjects; restart the job to serve them"]


def test_the_watch_ends_with_the_engine(folder: Folder) -> None:
    stop = threading.Event()
    folder.watch.look_seconds = 0.01
    thread = threading.Thread(target=folder.watch.run, args=(stop,))
    thread.start()
    wait_for(lambda: folder.loaded == 1, 10)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
