"""Engines that claim the same subscriptions: by BigQuery's time, regardless of their clocks and of how long they
slept."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest
from google.api_core.exceptions import ServiceUnavailable

from headrace.bigquery.append_result import HaltError
from headrace.engine.claim_keeper import KEPT, ClaimKeeper
from headrace.engine.clock_check import ClockError, boot_seconds
from headrace.engine.journal import Journal
from headrace.engine.journal_lease import FencedError, InUseError
from headrace.engine.retry import RetryPolicy
from headrace.engine.status import SubjectStatus
from headrace.engine.subscription_claims import ClaimsSnapshot, Statement, last_claims
from headrace.errors import Exit
from headrace.runtime.exit_codes import explain
from headrace.schemas.envelope import from_micros, to_micros
from tests.support.jobs import wait_for

START = datetime(2026, 3, 14, 12, tzinfo=UTC)
LEASE = 30.0
LAPSED = timedelta(seconds=LEASE + 1)
TABLES = {"flights": "flight_departed"}
RUNS = count()
CALLS_OF_A_START: Final = 7  # of the service


@dataclass
class Service:
    """The table of claims, BigQuery's time, and the streams that are closed to appends."""

    now: datetime = START
    rows: list[dict[str, Any]] = field(default_factory=list)
    finalised: list[str] = field(default_factory=list)
    made: str = "the table"

    def recreate_table(self) -> None:
        self.rows.clear()
        self.made = f"not {self.made}"

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)

    def finalise(self, stream: str) -> int:
        self.finalised.append(stream)
        return 0


@dataclass
class SubscriptionClaims:
    """As the real ones, on rows in memory."""

    service: Service
    engine: str
    run: str
    subscriptions: list[str]
    looks: int = 0
    tidied: int = 0

    def now(self) -> datetime:
        return self.service.now

    def identity(self) -> str:
        return self.service.made

    def state(self, statement: Statement) -> None:
        row: dict[str, Any] = {"engine": self.engine, "run": self.run, "holder": self.run}
        row |= {"subscriptions": self.subscriptions, "streams": list(statement.streams), "number": statement.number}
        row |= {"stated_at": statement.stated_at, "claimed_until": statement.until}
        self.service.rows.append(row | {"serving": statement.serving, "released": statement.released})

    def look(self) -> ClaimsSnapshot:
        self.looks += 1
        ours = set(self.subscriptions)
        seen = [row for row in self.service.rows if row["engine"] == self.engine or ours & set(row["subscriptions"])]
        every = last_claims(sorted(seen, key=lambda row: row["number"]))
        own = next((each for each in every if each.engine == self.engine), None)
        return ClaimsSnapshot(self.service.now, own, [each for each in every if each.engine != self.engine])

    def forget(self, engines: Collection[str], before: datetime) -> None:
        self.tidied += 1
        self.service.rows = [
            row for row in self.service.rows if row["engine"] not in engines or row["stated_at"] >= before
        ]


class Engine:
    """One process: its journal, its keeper, and a clock that is *off*."""

    def __init__(
        self,
        service: Service,
        folder: Path,
        off: timedelta = timedelta(0),
        tables: dict[str, str] = TABLES,
        existing: str = "",
    ) -> None:
        self.journal = Journal.open(folder)
        self.journal.claim("me", to_micros(service.now), LEASE)
        run = f"run {next(RUNS)}"
        filled_by = {table: tuple(filter(None, (name, existing))) for table, name in tables.items()}
        names = list(dict.fromkeys(name for names in filled_by.values() for name in names))
        self.claims = SubscriptionClaims(service, self.journal.id, run, names)
        self.keeper = ClaimKeeper(
            self.claims,  # type: ignore[arg-type]
            self.journal,
            run=run,
            tables=filled_by,
            streams=service,  # type: ignore[arg-type]
            retry=RetryPolicy("claim", SubjectStatus("claim"), threading.Event()),
            clock=lambda: to_micros(service.now + off),
            lease_seconds=LEASE,
            elapsed=lambda: service.now.timestamp(),
        )

    def serve(self, stream: str = "") -> Engine:
        self.keeper.take()
        if stream:
            self.keeper.announce(stream)
            with self.journal.transaction() as transaction:
                transaction.open_stream("flights", stream)
        return self

    def end(self) -> None:
        self.keeper.release()
        self.journal.close()


def test_a_clock_that_is_days_off_is_no_way_past_an_engine_that_serves(tmp_path: Path) -> None:
    service = Service()
    Engine(service, tmp_path / "a").serve()
    before = list(service.rows)
    for days in (-3, 3):
        with pytest.raises(ClockError, match=r"259,200 s (ahead of|behind) BigQuery's; set it"):
            Engine(service, tmp_path / f"b{days}", timedelta(days=days)).keeper.take()
    assert service.rows == before, "nothing was claimed"
    with pytest.raises(InUseError):
        Engine(service, tmp_path / "b", timedelta(seconds=LEASE)).keeper.take()


def test_an_engine_whose_clock_is_set_wrong_while_it_serves_ends(tmp_path: Path) -> None:
    engine = Engine(Service(), tmp_path / "a").serve()
    engine.keeper._clock = lambda: to_micros(START - timedelta(hours=1))
    with pytest.raises(ClockError, match="3,600 s behind"):
        engine.keeper.renew()


def test_an_answer_that_takes_long_says_nothing_of_the_clock(tmp_path: Path) -> None:
    service = Service()
    engine = Engine(service, tmp_path / "a")
    engine.keeper._clock = iter([to_micros(START), to_micros(START + timedelta(minutes=5))] * 9).__next__
    engine.keeper.take()


@pytest.mark.parametrize("slept", [timedelta(minutes=1), timedelta(hours=25), timedelta(days=400)])
def test_an_engine_that_slept_is_fenced_off_before_another_serves(tmp_path: Path, slept: timedelta) -> None:
    service = Service()
    Engine(service, tmp_path / "a").serve("s1")
    service.now += slept
    Engine(service, tmp_path / "b").serve()
    assert service.finalised == ["s1"]


@pytest.mark.parametrize("slept", [timedelta(minutes=1), timedelta(hours=25), timedelta(days=400)])
def test_an_engine_that_slept_ends_although_the_other_has_ended_long_ago(tmp_path: Path, slept: timedelta) -> None:
    service = Service()
    sleeper = Engine(service, tmp_path / "a").serve("s1")
    service.now += LAPSED
    other = Engine(service, tmp_path / "b").serve()
    other.end()
    service.now += slept
    for wakes in (sleeper.keeper.check, sleeper.keeper.renew, lambda: sleeper.keeper.announce("s2")):
        with pytest.raises(FencedError):
            wakes()
    sleeper.journal.close()
    assert Engine(service, tmp_path / "a").serve().journal.is_taken_over("flights"), "it is looked up then"


def test_a_stop_between_reading_the_time_and_the_statement_is_noticed(tmp_path: Path) -> None:
    service = Service()
    sleeper = Engine(service, tmp_path / "a").serve("s1")

    def read_and_sleep() -> datetime:
        now = service.now
        service.now += LAPSED
        Engine(service, tmp_path / "b").serve()
        return now

    sleeper.claims.now = read_and_sleep  # type: ignore[method-assign]
    with pytest.raises(FencedError):
        sleeper.keeper.announce("s2")


def test_an_old_copy_of_a_journal_halts_before_a_claim_is_stated(tmp_path: Path) -> None:
    #  run, end|copy|run, end|the copy again
    service = Service()
    Engine(service, tmp_path / "a").serve("s1").end()
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    Engine(service, tmp_path / "a").serve("s1").end()
    before = list(service.rows)
    with pytest.raises(HaltError, match=r"old copy.*nothing was written"):
        Engine(service, tmp_path / "copy").keeper.take()
    assert service.rows == before
    Engine(service, tmp_path / "a").serve("s1").end()


def test_a_copy_taken_while_its_engine_runs_is_old_at_its_next_word(tmp_path: Path) -> None:
    service = Service()
    engine = Engine(service, tmp_path / "a").serve("s1")
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    engine.end()
    with pytest.raises(HaltError, match="old copy"):
        Engine(service, tmp_path / "copy").keeper.take()


def test_of_two_processes_with_copies_of_one_journal_the_later_halts(tmp_path: Path) -> None:
    #  both look|a claims|b claims, and looks
    service = Service()
    Engine(service, tmp_path / "a").serve("s1").end()
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    first, second = Engine(service, tmp_path / "a"), Engine(service, tmp_path / "b")
    look = second.claims.look

    def look_before() -> ClaimsSnapshot:
        seen = look()
        second.claims.look = look  # type: ignore[method-assign]
        first.serve()
        return seen

    second.claims.look = look_before  # type: ignore[method-assign]
    with pytest.raises(HaltError, match="another process runs with a copy"):
        second.keeper.take()


def test_an_engine_whose_journal_was_copied_and_used_ends(tmp_path: Path) -> None:
    service = Service()
    engine = Engine(service, tmp_path / "a").serve("s1")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    Engine(service, tmp_path / "b").serve()
    with pytest.raises(HaltError, match="another process runs with a copy"):
        engine.keeper.check()


def test_an_engine_that_died_is_started_again_at_once(tmp_path: Path) -> None:
    service = Service()
    Engine(service, tmp_path / "a").serve("s1").journal.close()
    service.pass_(seconds=1)
    again = Engine(service, tmp_path / "a").serve()
    again.keeper.check()
    assert not again.journal.is_taken_over("flights")
    assert service.finalised == [], "its own streams are for it to settle"


@pytest.mark.parametrize("slept", [timedelta(minutes=1), timedelta(days=400)])
def test_a_returning_engine_knows_that_another_has_served(tmp_path: Path, slept: timedelta) -> None:
    service = Service()
    Engine(service, tmp_path / "a").serve("s1").end()
    service.now += slept
    Engine(service, tmp_path / "b").serve("s2").end()
    service.now += slept
    again = Engine(service, tmp_path / "a").serve()
    assert again.journal.is_taken_over("flights")


@pytest.mark.parametrize("call", range(CALLS_OF_A_START))
def test_an_engine_that_sleeps_while_it_starts_knows_that_another_has_served(tmp_path: Path, call: int) -> None:
    #  a: served, ended | starts ... sleeps before one of its calls | b: served, ended | a: goes on
    service = Service()
    Engine(service, tmp_path / "a").serve("s1").end()
    service.pass_(seconds=1)
    starting, calls = Engine(service, tmp_path / "a"), count()

    def another_serves(method: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any) -> Any:
            if next(calls) == call:
                service.now += LAPSED
                Engine(service, tmp_path / "b").serve("s2").end()
                service.pass_(seconds=1)
            return method(*arguments)

        return called

    for name in ("identity", "now", "look", "state"):
        setattr(starting.claims, name, another_serves(getattr(starting.claims, name)))
    try:
        starting.keeper.take()
    except FencedError:
        return
    assert starting.journal.is_taken_over("flights")
    assert next(calls) == CALLS_OF_A_START


def test_an_engine_that_served_an_empty_table_also_knows_that_another_has_served(tmp_path: Path) -> None:
    #  no stream was opened, and the ids are complete from the first message on
    service = Service()
    engine = Engine(service, tmp_path / "a").serve()
    with engine.journal.transaction() as transaction:
        transaction.remember_since("flights", 0)
    engine.end()
    service.pass_(seconds=1)
    Engine(service, tmp_path / "b").serve("s2").end()
    service.pass_(seconds=1)
    assert Engine(service, tmp_path / "a").serve().journal.is_taken_over("flights")


def test_streams_that_are_announced_while_the_claim_is_stated_are_stated_together(tmp_path: Path) -> None:
    service = Service()
    engine = Engine(service, tmp_path / "a").serve()
    before = len(service.rows)
    names = [f"s{number}" for number in range(20)]
    with ThreadPoolExecutor(len(names)) as pool:
        with engine.keeper._lock:  # as long as another statement is made
            announced = [pool.submit(engine.keeper.announce, name) for name in names]
            wait_for(lambda: engine.keeper._to_announce.qsize() == len(names))
        for each in announced:
            each.result()
    assert [set(row["streams"]) for row in service.rows[before:]] == [set(names)]


def test_a_stream_counts_as_announced_once_the_statement_has_succeeded(tmp_path: Path) -> None:
    service = Service()
    engine = Engine(service, tmp_path / "a").serve()
    state = engine.claims.state

    def fail(statement: Statement) -> None:
        engine.claims.state = state  # type: ignore[method-assign]
        raise ServiceUnavailable("no")

    engine.claims.state = fail  # type: ignore[method-assign]
    with pytest.raises(ServiceUnavailable):
        engine.keeper.announce("s1")
    engine.keeper.announce("s1")
    assert "s1" in service.rows[-1]["streams"]


def test_that_another_served_one_of_several_subscriptions_is_noticed_after_a_run_without_it(tmp_path: Path) -> None:
    #  a: both|b: bookings|a: flights|a: both
    service, both = Service(), TABLES | {"bookings": "booking_created"}
    engine = Engine(service, tmp_path / "a", tables=both).serve("s1")
    with engine.journal.transaction() as transaction:
        transaction.open_stream("bookings", "s2")
    engine.end()
    for name, tables in (("b", {"bookings": "booking_created"}), ("a", TABLES)):
        service.pass_(seconds=9)
        Engine(service, tmp_path / name, tables=tables).serve().end()
    service.pass_(seconds=9)
    again = Engine(service, tmp_path / "a", tables=both).serve()
    assert [again.journal.is_taken_over(each) for each in ("flights", "bookings")] == [False, True]


def test_another_that_served_one_of_the_subscriptions_of_a_table_has_taken_the_table_over(tmp_path: Path) -> None:
    #  a: flights from two|b: the existing one of them alone|a
    service = Service()
    Engine(service, tmp_path / "a", existing="flights-to-bq").serve("s1").end()
    service.pass_(seconds=1)
    Engine(service, tmp_path / "b", tables={"others": "other"}, existing="flights-to-bq").serve("s2").end()
    service.pass_(seconds=1)
    assert Engine(service, tmp_path / "a", existing="flights-to-bq").serve().journal.is_taken_over("flights")


def test_a_subscription_that_is_read_for_the_first_time_makes_its_table_look_up_older_events(tmp_path: Path) -> None:
    service = Service()
    Engine(service, tmp_path / "a").serve("s1").end()
    service.pass_(seconds=1)
    assert Engine(service, tmp_path / "a", existing="flights-to-bq").serve().journal.is_taken_over("flights")


def test_one_that_was_stopped_before_it_served_does_not_say_that_it_did(tmp_path: Path) -> None:
    service = Service()
    Engine(service, tmp_path / "a").serve("s1").end()
    service.pass_(seconds=1)
    Engine(service, tmp_path / "b").serve("s2").end()
    service.pass_(seconds=1)
    stopped = Engine(service, tmp_path / "a")
    stopped.end()  # while it waited for BigQuery
    assert Engine(service, tmp_path / "a").serve().journal.is_taken_over("flights")


def test_an_engine_that_slept_and_is_stopped_when_it_wakes_does_not_hide_the_one_that_served(tmp_path: Path) -> None:
    service = Service()
    sleeper = Engine(service, tmp_path / "a").serve("s1")
    service.now += LAPSED
    Engine(service, tmp_path / "b").serve("s2").end()
    service.now += LAPSED
    sleeper.end()
    assert Engine(service, tmp_path / "a").serve().journal.is_taken_over("flights")


def test_a_wrong_clock_is_a_matter_of_configuration() -> None:
    assert explain(ClockError("set it"))[0] is Exit.CONFIGURATION


def test_old_statements_are_deleted_and_what_counts_stays(tmp_path: Path) -> None:
    service = Service()
    Engine(service, tmp_path / "gone").serve("s1").journal.close()
    service.now += LAPSED
    engine = Engine(service, tmp_path / "a").serve("s2")
    for _ in range(9):
        service.now += KEPT / 2
        engine.keeper.renew()
    assert {row["engine"] for row in service.rows} == {engine.journal.id}
    assert min(row["stated_at"] for row in service.rows) >= service.now - KEPT
    assert from_micros(to_micros(service.now)) == engine.keeper._stated_at
    engine.end()
    assert Engine(service, tmp_path / "gone").serve().journal.is_taken_over("flights")


def test_an_engine_that_took_the_subscriptions_while_their_table_was_recreated_is_found(tmp_path: Path) -> None:
    service = Service()
    first = Engine(service, tmp_path / "a").serve()
    service.recreate_table()
    Engine(service, tmp_path / "b").serve()
    with pytest.raises(FencedError):
        first.keeper.renew()


def test_a_claim_is_stated_again_in_a_recreated_table(tmp_path: Path) -> None:
    service = Service()
    first = Engine(service, tmp_path / "a").serve()
    service.recreate_table()
    first.keeper.renew()
    with pytest.raises(InUseError):
        Engine(service, tmp_path / "b").keeper.take()
    first.keeper.renew()


class StopError(Exception):
    """An engine is stopped in the middle of what it does."""


def stopped_before_it_looks_again(engine: Engine) -> Engine:
    """*engine*, which has stated that it starts, and no more."""
    look = engine.claims.look

    def look_once() -> ClaimsSnapshot:
        engine.claims.look = stop  # type: ignore[method-assign]
        return look()

    def stop() -> ClaimsSnapshot:
        raise StopError

    engine.claims.look = look_once  # type: ignore[method-assign]
    with pytest.raises(StopError):
        engine.keeper.take()
    return engine


def stated(service: Service, engine: Engine) -> list[tuple[bool, bool]]:
    """Of each statement of *engine*: whether it serves, and whether it has given its claim back."""
    return [(row["serving"], row["released"]) for row in service.rows if row["engine"] == engine.journal.id]


def test_the_boot_clock_never_goes_back() -> None:
    first = boot_seconds()
    assert boot_seconds() >= first > 0


def test_an_engine_says_that_it_comes_before_it_looks_for_others_and_that_it_serves_after(tmp_path: Path) -> None:
    service = Service()
    engine = stopped_before_it_looks_again(Engine(service, tmp_path / "a"))
    assert stated(service, engine) == [(False, False)]
    engine.journal.close()
    assert stated(service, Engine(service, tmp_path / "a").serve()) == [(False, False), (False, False), (True, False)]


def test_a_claim_names_the_streams_of_an_earlier_process_and_a_withdrawal_names_none(tmp_path: Path) -> None:
    service = Service()
    Engine(service, tmp_path / "a").serve("s1").journal.close()
    service.pass_(seconds=1)
    first = len(service.rows)
    Engine(service, tmp_path / "a").serve().end()
    assert [row["streams"] for row in service.rows[first : first + 2]] == [["s1"], ["s1"]]
    other = Engine(service, tmp_path / "b").serve()
    with pytest.raises(InUseError):
        Engine(service, tmp_path / "a").keeper.take()
    assert [row["streams"] for row in service.rows[-2:]] == [["s1"], []]
    other.keeper.check()


def test_an_engine_that_only_looks_fences_off_one_that_slept(tmp_path: Path) -> None:
    service = Service()
    sleeper = Engine(service, tmp_path / "a").serve("s1")
    service.now += LAPSED
    stopped_before_it_looks_again(Engine(service, tmp_path / "b"))
    with pytest.raises(FencedError):
        sleeper.keeper.check()


def test_a_claim_that_is_stated_again_in_time_takes_one_statement_and_no_look(tmp_path: Path) -> None:
    service = Service()
    engine = Engine(service, tmp_path / "a").serve()
    statements, looks = len(service.rows), engine.claims.looks
    for _ in range(3):
        service.pass_(seconds=10)
        engine.keeper.renew()
    assert (len(service.rows) - statements, engine.claims.looks - looks) == (3, 0)
    assert all(row["claimed_until"] == row["stated_at"] + timedelta(seconds=LEASE) for row in service.rows)


def test_an_expired_claim_is_stated_and_checked_before_it_serves_again(tmp_path: Path) -> None:
    service = Service()
    engine = Engine(service, tmp_path / "a").serve()
    statements, looks = len(service.rows), engine.claims.looks
    service.now += LAPSED
    engine.keeper.renew()
    assert stated(service, engine)[statements:] == [(False, False), (True, False)]
    assert engine.claims.looks - looks == 1
    service.now += LAPSED
    Engine(service, tmp_path / "b").serve().end()
    with pytest.raises(FencedError):
        engine.keeper.renew()
    assert stated(service, engine)[-1] == (False, False)


def test_a_recreated_table_is_checked_once(tmp_path: Path) -> None:
    service = Service()
    engine = Engine(service, tmp_path / "a").serve()
    service.recreate_table()
    looks = engine.claims.looks
    for _ in range(3):
        engine.keeper.renew()
    assert engine.claims.looks - looks == 1


def test_an_engine_that_ends_in_time_states_that_it_served_until_then_and_is_not_fenced_off(tmp_path: Path) -> None:
    service = Service()
    engine = Engine(service, tmp_path / "a").serve("s1")
    service.pass_(seconds=9)
    engine.keeper.release()
    assert stated(service, engine)[-1] == (True, True)
    Engine(service, tmp_path / "b").serve()
    assert service.finalised == []


def test_an_engine_that_ends_with_rows_whose_fate_is_open_is_fenced_off(tmp_path: Path) -> None:
    service = Service()
    engine = Engine(service, tmp_path / "a").serve("s1")
    with engine.journal.transaction() as transaction:
        transaction.add_pending("flights", 2, b"schema", b"rows", b"notes")
    service.pass_(seconds=9)
    engine.end()
    assert not service.rows[-1]["released"]
    Engine(service, tmp_path / "b").serve()
    assert service.finalised == ["s1"]


def test_one_that_was_stopped_while_it_looked_does_not_say_that_it_served(tmp_path: Path) -> None:
    service = Service()
    Engine(service, tmp_path / "a").serve("s1").end()
    service.pass_(seconds=1)
    Engine(service, tmp_path / "b").serve("s2").end()
    service.pass_(seconds=1)
    stopped = stopped_before_it_looks_again(Engine(service, tmp_path / "a"))
    stopped.keeper.release()
    assert stated(service, stopped)[-1] == (False, True)


def test_one_whose_clock_is_wrong_notes_nothing_in_its_journal(tmp_path: Path) -> None:
    service = Service()
    engine = Engine(service, tmp_path / "a", timedelta(days=3))
    with pytest.raises(ClockError):
        engine.keeper.take()
    assert not engine.journal.is_taken_over("flights")


def test_an_answer_that_comes_late_by_both_clocks_says_nothing_of_this_one(tmp_path: Path) -> None:
    service = Service()
    engine = Engine(service, tmp_path / "a").serve()

    def answer_late() -> datetime:
        service.pass_(minutes=5)
        return service.now

    engine.claims.now = answer_late  # type: ignore[method-assign]
    engine.keeper.announce("s1")


def test_a_clock_that_is_put_right_while_bigquery_is_asked_is_right(tmp_path: Path) -> None:
    service = Service()
    engine = Engine(service, tmp_path / "a").serve()
    engine.keeper._clock = iter([to_micros(START), to_micros(START - timedelta(minutes=5))]).__next__
    engine.keeper.announce("s1")


def test_a_starting_process_with_a_copy_of_the_journal_is_detected(tmp_path: Path) -> None:
    #  both look|a says that it comes|b says so, and looks
    service = Service()
    Engine(service, tmp_path / "a").serve("s1").end()
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    first, second = Engine(service, tmp_path / "a"), Engine(service, tmp_path / "b")
    look = second.claims.look

    def look_before() -> ClaimsSnapshot:
        seen = look()
        second.claims.look = look  # type: ignore[method-assign]
        stopped_before_it_looks_again(first)
        return seen

    second.claims.look = look_before  # type: ignore[method-assign]
    with pytest.raises(HaltError, match="another process runs with a copy"):
        second.keeper.take()


def test_statements_are_tidied_now_and_then_and_those_that_are_young_stay(tmp_path: Path) -> None:
    service = Service()
    engine = Engine(service, tmp_path / "a").serve()
    tidied = []
    for pause in (timedelta(0), KEPT / 2 - timedelta(seconds=1), timedelta(seconds=1), timedelta(seconds=1)):
        service.now += pause
        engine.keeper.renew()
        tidied.append(engine.claims.tidied)
    assert tidied == [1, 1, 2, 2]
    assert service.rows[0]["stated_at"] == START
