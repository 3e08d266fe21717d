"""The engine as a whole, on BigQuery in memory: what it claims, runs, says, waits for and leaves behind."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import Forbidden

from headrace.bigquery.append_result import HaltError
from headrace.core.resource_names import Names
from headrace.engine import subject_tasks, table_watch, tally_loop
from headrace.engine.embedded import Embedded, Progress
from headrace.engine.journal import Journal
from headrace.engine.journal_errors import JournalError
from headrace.engine.journal_lease import FencedError, InUseError
from headrace.runtime.clock import now_micros
from headrace.schemas.errors import ContractError
from tests.support.builders import a_contract, a_tokenised_contract
from tests.support.engines import Running, World, a_message, running, what_ends
from tests.support.jobs import wait_for

THINGS = a_contract(("city", "string"))
OTHERS = a_contract(subject="other_happened", table="others")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, [THINGS])


@pytest.fixture
def two(tmp_path: Path) -> World:
    return World(tmp_path, [THINGS, OTHERS])


@pytest.fixture
def counts_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tallies are appended when an engine is drained, and not before."""
    monkeypatch.setattr(tally_loop, "FLUSH_SECONDS", 3600.0)


class Stop(threading.Event):
    """Notes for how long it was waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: set[float | None] = set()

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.add(timeout)
        return super().wait(timeout)


def acknowledge(world: World, *cities: str) -> None:
    source = world.source(THINGS)
    before = len(source.acknowledged)
    source.give(*(a_message(THINGS, city=city) for city in cities))
    wait_for(lambda: len(source.acknowledged) == before + len(cities), 10)


def cities(world: World) -> list[str]:
    return sorted(row["city"] for row in world.warehouse.rows("things"))


def counted(world: World, outcome: str) -> int:
    return sum(row["events"] for row in world.warehouse.rows("headrace_tallies") if row["outcome"] == outcome)


def test_events_are_written_acknowledged_counted_and_reported_as_progress(world: World) -> None:
    engine, reports = world.engine(), list[Progress]()
    engine.on_progress = reports.append
    assert engine.progress == Progress(0, 0)
    with running(engine):
        acknowledge(world, "Oslo", "Rome")
        wait_for(lambda: bool(reports) and reports[-1] == Progress(2, 2), 10)
    assert cities(world) == ["Oslo", "Rome"]
    assert counted(world, "written") == 2


def test_an_engine_is_ready_once_every_part_of_it_is(world: World) -> None:
    engine = world.engine()
    assert not engine.status.ready
    with running(engine):
        wait_for(lambda: engine.status.ready and engine.status.subjects[THINGS.subject].resources_right, 10)
    assert engine.stop.is_set()


def test_a_stopped_engine_drains_its_sources_and_leaves_nothing_open(world: World) -> None:
    with running(world.engine()):
        acknowledge(world, "Oslo")
    assert world.sources[THINGS.subject].happened == ["start", "wind down", "stop"]
    assert (world.streams.connected, world.claim_streams.connected) == (set(), set())
    assert world.claims()[-1]["released"]
    journal = Journal.open(world.folder / "journal")
    journal.claim("the next", now_micros(), 30.0)
    journal.close()


def test_counts_are_appended_while_an_engine_runs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally_loop, "FLUSH_SECONDS", 0.01)
    with running(world.engine()):
        acknowledge(world, "Oslo")
        wait_for(lambda: counted(world, "written") == 1, 10)


@pytest.mark.usefixtures("counts_at_the_end")
def test_what_is_not_counted_yet_is_when_an_engine_is_drained(world: World) -> None:
    with running(world.engine()):
        acknowledge(world, "Oslo")
        assert counted(world, "written") == 0
    assert counted(world, "written") == 1


def test_counts_go_to_a_table_of_tallies_that_is_recreated_just_before_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    #  a counted|b written, the table of tallies recreated, stopped at once: b is counted in the new one
    monkeypatch.setattr(tally_loop, "FLUSH_SECONDS", 0.01)
    stop = Stop()
    engine = world.engine(look_seconds=0.001, stop=stop)
    with running(engine):
        acknowledge(world, "a")
        wait_for(lambda: counted(world, "written") == 1, 10)
        monkeypatch.setattr(tally_loop, "FLUSH_SECONDS", 3600.0)
        wait_for(lambda: 3600.0 in stop.waited, 10)

        def recreate_and_stop() -> None:
            world.warehouse.make(world.warehouse.find("p.headrace.headrace_tallies").table)
            engine.stop.set()

        source = world.source(THINGS)
        source.on_acknowledge = recreate_and_stop
        source.give(a_message(THINGS, city="b"))
        wait_for(engine.stop.is_set, 10)
    assert counted(world, "written") == 1


@pytest.mark.usefixtures("counts_at_the_end")
def test_an_engine_that_halts_counts_nothing_more(world: World) -> None:
    run = Running(world.engine())
    acknowledge(world, "Oslo")
    world.failures[THINGS.subject].append(HaltError("rows are not what was committed"))
    world.source(THINGS).give(a_message(THINGS, city="Rome"))
    assert run.has_ended()
    assert isinstance(run.error, HaltError)
    assert world.warehouse.rows("headrace_tallies") == []


@pytest.mark.usefixtures("counts_at_the_end")
def test_counts_wait_for_the_next_engine_when_their_table_could_not_be_looked_at(world: World) -> None:
    def forbid(asked: str) -> None:
        if asked.endswith("headrace_tallies"):
            raise Forbidden("bigquery.tables.get")

    world.warehouse.in_the_way = forbid
    engine = world.engine()
    with running(engine):
        acknowledge(world, "Oslo")
        wait_for(lambda: "tallies" in engine.status.subjects["tallies"].in_the_way, 10)
    assert world.warehouse.rows("headrace_tallies") == []


def test_a_subject_whose_contract_is_refused_is_named_and_the_others_run(tmp_path: Path) -> None:
    refusal = ContractError("other_happened.v2", "events of v1 cannot be read", "go back")
    world = World(tmp_path, [THINGS, OTHERS], {OTHERS.subject: refusal})
    engine = world.engine()
    with running(engine):
        acknowledge(world, "Oslo")
        assert not engine.status.ready
    message = engine.status.subjects[OTHERS.subject].in_the_way["contract"]
    assert message.startswith(str(refusal))
    assert "stay in Pub/Sub" in message
    assert OTHERS.subject not in world.sources


def test_a_journal_of_one_dataset_is_not_used_for_another(world: World) -> None:
    with running(world.engine()):
        acknowledge(world, "Oslo")
    other = World(world.folder, [THINGS], names=Names("p", "elsewhere"))
    error = what_ends(other.engine())
    assert isinstance(error, JournalError)
    assert re.search("the journal of projects/p/datasets/headrace, .*/datasets/elsewhere", str(error))
    assert other.claims() == []


def test_a_project_of_a_domain_is_known_again(tmp_path: Path) -> None:
    world = World(tmp_path, [THINGS], names=Names("example.com:p"))
    for city in ("Oslo", "Rome"):
        with running(world.engine()):
            acknowledge(world, city)
    assert cities(world) == ["Oslo", "Rome"]


def test_a_second_engine_ends_without_a_word_in_the_claim_of_the_first(world: World) -> None:
    with running(world.engine()):
        acknowledge(world, "Oslo")
        second = world.engine("another journal")
        second.on_progress = lambda _: second.stop.set()  # were it to begin
        error = what_ends(second)
        assert isinstance(error, InUseError)
        assert "the engine of journal" in str(error)
        assert second.stop.is_set(), "who waits for its end need not wait"
        own = [row for row in world.claims() if row["holder"] == "the engine of another journal"]
        assert [(row["serving"], row["released"]) for row in own] == [(False, False), (False, True)]
        acknowledge(world, "Rome")


def test_an_engine_whose_claim_is_taken_over_knows_when_it_checks(world: World) -> None:
    with running(world.engine()):
        acknowledge(world, "Oslo")
    engine = world.engine()
    run = Running(engine)
    acknowledge(world, "Rome")
    engine.check_claim()
    statements = world.warehouse.find("p.headrace.headrace_engines").rows
    statements.append(statements[-1] | {"engine": "another", "holder": "somebody else"})
    with pytest.raises(FencedError, match="somebody else"):
        engine.check_claim()
    engine.stop.set()
    assert run.has_ended()


def test_what_halts_one_subject_ends_the_engine_which_keeps_its_claim(two: World) -> None:
    run = Running(two.engine())
    two.source(OTHERS)
    acknowledge(two, "Oslo")
    two.failures[THINGS.subject].append(HaltError("rows are not what was committed"))
    two.source(THINGS).give(a_message(THINGS, city="Rome"))
    assert run.has_ended(), "the other subject had nothing to do, and ends too"
    assert isinstance(run.error, HaltError)
    assert not run.engine.status.alive
    assert not any(row["released"] for row in two.claims())
    assert two.sources[OTHERS.subject].happened[-1] == "stop"


def test_the_first_error_is_the_one_that_is_raised(world: World) -> None:
    engine = world.engine()

    def fail_too(progress: Progress) -> None:
        if engine.status.failure is not None:
            raise RuntimeError("the screen is gone")

    engine.on_progress = fail_too
    run = Running(engine)
    world.source(THINGS)
    world.failures[THINGS.subject].append(HaltError("rows are not what was committed"))
    world.source(THINGS).give(a_message(THINGS, city="Rome"))
    assert run.has_ended()
    assert isinstance(run.error, HaltError)


def test_an_error_in_the_progress_callback_ends_the_engine_in_good_order(world: World) -> None:
    engine = world.engine()

    def fail(progress: Progress) -> None:
        if progress.acknowledged:
            raise RuntimeError("the screen is gone")

    engine.on_progress = fail
    run = Running(engine)
    acknowledge(world, "Oslo")
    assert run.has_ended()
    assert isinstance(run.error, RuntimeError)
    assert world.claims()[-1]["released"]


def test_an_error_of_one_subject_is_reported_and_the_subject_starts_again(two: World) -> None:
    engine = two.engine()
    with running(engine):
        source = two.source(THINGS)
        two.failures[THINGS.subject] += [ValueError("ada@example.com")]
        status, messages = engine.status.subjects[THINGS.subject], set[str]()
        block = status.block

        def keep(where: str, sentence: str) -> bool:
            messages.add(sentence)
            return block(where, sentence)

        status.block = keep  # type: ignore[method-assign]
        source.give(a_message(THINGS, city="Oslo"))
        wait_for(lambda: source.happened.count("start") == 2, 10)
        acknowledge(two, "Rome")
    assert two.ready_at_begin == [False, False, False], "a subject that starts again is not ready before"
    assert any(each.startswith("ValueError at") for each in messages)
    assert "ada@example.com" not in "".join(messages)
    assert cities(two) == ["Rome"]


def test_any_error_ends_an_engine_that_runs_once(world: World) -> None:
    run = Running(world.engine(once=True))
    world.source(THINGS)
    world.failures[THINGS.subject] += [ValueError("no line")]
    world.source(THINGS).give(a_message(THINGS, city="Oslo"))
    assert run.has_ended()
    assert isinstance(run.error, ValueError)


def test_tables_are_looked_at_in_the_order_of_subjects_as_there_is_time(
    two: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    #  the first at once|the second in 1,000 s, or with its first message; until then nothing else looks at its table
    monkeypatch.setattr(subject_tasks, "BEGINNINGS_A_SECOND", 0.001)
    monkeypatch.setattr(table_watch, "LOOKS_A_SECOND", 1000.0)
    engine = two.engine(look_seconds=0.001)
    looks: list[str] = []
    two.warehouse.in_the_way = looks.append
    with running(engine):
        wait_for(lambda: engine.status.ready and engine.journal.identity("others") is not None, 10)
        wait_for(lambda: looks.count("table p.headrace.headrace_tallies") > 20, 10)
        assert engine.journal.identity("things") is None
        assert "table" not in engine.status.subjects[THINGS.subject].in_the_way
        acknowledge(two, "Oslo")
        assert engine.journal.identity("things") is not None


def test_many_tables_are_looked_at_as_fast_as_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject_tasks, "BEGINNINGS_A_SECOND", 1000.0)
    contracts = [a_contract(subject=f"thing_{number}", table=f"things_{number}") for number in range(8)]
    engine = World(tmp_path, contracts).engine()
    with running(engine):
        wait_for(lambda: len(engine.journal.identities()) == 9, 5)


def test_a_table_whose_tokens_are_of_another_key_is_named(tmp_path: Path) -> None:
    contract = a_tokenised_contract()
    world = World(tmp_path, [contract], masking_key_version="1")
    world.warehouse.find("p.headrace.things").table.description = "Tokens: t2_ since 2026-03-14."
    engine = world.engine()
    with running(engine):
        message = engine.status.subjects[contract.subject].in_the_way
        wait_for(lambda: "resources" in message, 10)
        assert "tokens begin with t2_, and this job makes t1_" in message["resources"]


def test_an_engine_states_its_claim_again_before_it_has_run_out(world: World) -> None:
    engine, idle = world.engine(lease_seconds=1.5), threading.Event()
    world.streams.idle_closed = idle.set
    with running(engine):
        wait_for(lambda: len(world.claims()) >= 5, 15)
        assert idle.is_set()
        other = Journal.open(world.folder / "journal")
        with pytest.raises(InUseError):
            other.claim("another", now_micros(), 1.5)
        other._connection.close()
    stated = world.claims()
    assert all(row["serving"] for row in stated[1:]), "never so late that another may have come"


@pytest.mark.parametrize("slow", ["lease", "resources"])
def test_threads_that_renew_the_claim_or_check_resources_end_before_the_journal_is_closed(
    world: World, slow: str
) -> None:
    ended, at_work = threading.Event(), set[str]()

    def work() -> list[str]:
        name = threading.current_thread().name
        at_work.add(name)
        engine.stop.wait(10)
        ended.wait(0.5 if name == slow else 0.0)
        at_work.discard(name)
        return []

    engine: Embedded = world.engine(lease_seconds=1.5)
    letters: Any = {"letters": work}
    engine.clients = type(engine.clients)(**{name: getattr(engine.clients, name) for name in _CLIENTS} | letters)
    world.streams.idle_closed = work  # type: ignore[assignment]
    with running(engine):
        wait_for(lambda: at_work == {"lease", "resources"}, 10)
    left = set(at_work)
    ended.set()
    assert left == set()


_CLIENTS = ("open_publisher", "bigquery", "streams", "claim_streams")
