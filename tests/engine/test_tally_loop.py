"""Counts from the journal to the table of tallies, also when that table is replaced meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pyarrow as pa
import pytest

from headrace.bigquery.append_result import HaltError
from headrace.bigquery.service_tables import tallies_table
from headrace.bigquery.write_streams import WriteStreams
from headrace.config.secrets import HeldKey
from headrace.core.arrivals import tally_arrivals
from headrace.core.message import Message
from headrace.core.micro_batch import to_ipc
from headrace.core.resource_names import TALLIES, Names
from headrace.core.tally import COUNTS
from headrace.engine import tally_loop
from headrace.engine.clients import Clients
from headrace.engine.journal import Journal
from headrace.engine.retry import StoppedError
from headrace.engine.status import SubjectStatus
from headrace.engine.tally_loop import REPEAT_MICROS, TallyLoop
from headrace.job import Job
from headrace.schemas.envelope import to_micros
from headrace.schemas.registry import Registry
from headrace.steps import tally_lines as tally_lines_module
from tests.faults import scripted_answers as answers
from tests.faults.scripted_memory import a_scripted_memory
from tests.faults.scripted_streams import Rule
from tests.support.asked_tables import NOW, AskedTable, AskedTables
from tests.support.builders import a_contract
from tests.support.jobs import wait_for

TABLE = Names("p", "d").table(TALLIES)
WINDOW = timedelta(minutes=1)
START = datetime(2026, 3, 14, 11, 58, tzinfo=NOW.tzinfo)


class Engine:
    """A journal, a table of tallies and the loop between them; two subjects, each with a table of its own."""

    def __init__(self, journal: Journal, server: Any, streams: Any, client: Any) -> None:
        self.journal, self.server, self.streams = journal, server, streams
        self.table = AskedTable(lambda: streams.rows(TALLIES), tallies_table("p", "d").schema)
        self.bigquery: Any = AskedTables(NOW, **{TALLIES: self.table})
        self.clients = Clients(None, self.bigquery, WriteStreams(client, 5.0))  # type: ignore[arg-type] # nothing is published
        self.complete: dict[str, int] = {}
        self.now = to_micros(NOW)
        self.stop = threading.Event()
        self.loop = self.another_process()

    def is_ready(self) -> bool:
        return self.status.ready

    def sees_a_change(self) -> bool:
        return self.loop.watch.is_change_open

    def another_process(self) -> TallyLoop:
        """The loop of the next process, on the same journal; not recovered."""
        contracts = [a_contract(subject=each, table=f"{each}_table") for each in ("things", "others")]
        job = Job(
            registry=Registry({each.ref: each for each in contracts}),
            project="p",
            tables={},
            tallies_table=TABLE,
            dead_letter_topic="",
            name="headrace",
            window=WINDOW,
            shards=1,
            ids_remembered=1,
            clock=lambda: self.now,
            masking_key=HeldKey(bytes(32)),
            masking_key_version="1",
        )
        self.status = SubjectStatus("tallies")
        return TallyLoop(
            job,
            Names("p", "d"),
            journal=self.journal,
            clients=self.clients,
            status=self.status,
            stop=self.stop,
            fence=self,
            complete_until=lambda: self.complete,
        )

    def check(self) -> None:
        """No engine takes over."""

    def announce(self, stream: str) -> None:
        """No other process is there to see it."""

    def count(self, events: int, outcome: str = "received", subject: str = "things", start: datetime = START) -> None:
        """Count so many events in the journal, as the settlement does."""
        row = {"subject": subject, "outcome": outcome, "reason": None, "window_start": to_micros(start)}
        hashes = {"id_hash": 3 * events, "content_hash": 5 * events}
        counts = pa.RecordBatch.from_pylist([row | hashes | {"events": events}], schema=COUNTS)
        with self.journal.transaction() as transaction:
            transaction.tally(to_ipc(counts))

    def write(self, events: int, subject: str = "things") -> None:
        """Store so many rows in a subject's table."""
        with self.journal.transaction() as transaction:
            transaction.open_stream(f"{subject}_table", "a stream")
            transaction.advance(f"{subject}_table", events)

    def lose(self, subject: str = "things") -> int:
        """Recreate a subject's table; how many of its rows no table of tallies counts."""
        with self.journal.transaction() as transaction:
            return transaction.replace_table(f"{subject}_table", "another")

    def recreate_table(self, *, with_its_rows: bool = False) -> None:
        """Let there be another table of tallies. What streams to the former one hold, they still count."""
        self.table.created += timedelta(milliseconds=1)
        former = [each for each in self.streams.streams.values() if each.table == TABLE]
        for stream in former:
            stream.table = TABLE if with_its_rows else "projects/p/datasets/d/tables/former"

    def flush(self) -> None:
        """Flush, with a look at the table before."""
        self.loop.watch.look_seconds = -1.0
        self.loop.flush()

    def leave_open(self) -> None:
        """Flush, lose the answer, and end the process before it asks again."""
        self.server.script.add(answers.lose_answer, times=1)
        self.stop.set()
        with pytest.raises(StoppedError):
            self.loop.flush()
        self.stop.clear()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What the table of tallies holds."""
        return self.streams.rows(TALLIES)  # type: ignore[no-any-return]

    @property
    def sums(self) -> list[tuple[str, str, int]]:
        """The same in short."""
        return [(line["subject"], line["outcome"], line["events"]) for line in self.lines]


@pytest.fixture
def engine_to_be(tmp_path: Path) -> Iterator[Engine]:
    """One whose journal knows nothing yet."""
    journal = Journal.open(tmp_path / "journal")
    journal.claim("a test", 0, 3600)
    with a_scripted_memory() as (server, streams, client):
        made = Engine(journal, server, streams, client)
        yield made
        made.clients.streams.close_all()
    journal.close()


@pytest.fixture
def engine(engine_to_be: Engine) -> Engine:
    """One that has recovered, with nothing to settle."""
    engine_to_be.loop.recover()
    return engine_to_be


def test_counts_are_added_up_and_appended_once(engine: Engine) -> None:
    engine.count(2)
    engine.count(3)
    engine.count(4, start=START + WINDOW)
    engine.loop.flush()
    engine.loop.flush()
    (line,) = engine.lines
    assert (line["subject"], line["outcome"], line["events"], line["tallied_at"]) == ("things", "received", 9, NOW)
    assert line["complete_until"] is None
    assert sorted(line["windows"], key=lambda each: each["window_start"]) == [
        {"window_start": START, "events": 5, "id_hash": 15, "content_hash": 25},
        {"window_start": START + WINDOW, "events": 4, "id_hash": 12, "content_hash": 20},
    ]
    assert engine.journal.tallies() == (0, [])


def test_each_line_has_a_name_that_no_other_has(engine: Engine) -> None:
    for _ in range(2):
        engine.count(1)
        engine.count(1, "written")
        engine.loop.flush()
    assert len({line["tally_id"] for line in engine.lines}) == len(engine.lines) == 4


def test_nothing_is_appended_when_there_is_nothing_to_say(engine: Engine) -> None:
    engine.loop.flush()
    assert engine.streams.streams == {}


def test_counts_are_appended_until_the_engine_is_stopped(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally_loop, "FLUSH_SECONDS", 0.01)
    running = threading.Thread(target=engine.loop.run, daemon=True)
    engine.count(1)
    running.start()
    try:
        wait_for(lambda: len(engine.lines) == 1 or not running.is_alive(), 20)
        engine.count(2)
        wait_for(lambda: len(engine.lines) == 2 or not running.is_alive(), 20)
    finally:
        engine.stop.set()
        running.join(20)
    assert not running.is_alive()
    assert [line["events"] for line in engine.lines] == [1, 2]


@pytest.mark.parametrize(("moment", "reported"), [(REPEAT_MICROS - 1, False), (REPEAT_MICROS, True)])
def test_a_subject_without_events_is_reported_complete_from_the_first_minute_on(
    engine: Engine, moment: int, reported: bool
) -> None:
    engine.complete = {"things": moment}
    engine.loop.flush()
    assert bool(engine.lines) == reported


def test_a_subject_without_events_is_reported_complete_by_a_line_of_no_events(engine: Engine) -> None:
    engine.complete = {"things": to_micros(START)}
    engine.loop.flush()
    (line,) = engine.lines
    assert (line["subject"], line["outcome"], line["reason"], line["events"]) == ("things", "received", None, 0)
    assert line["complete_until"] == START
    assert line["windows"] == [{"window_start": NOW, "events": 0, "id_hash": 0, "content_hash": 0}]


def test_a_subject_is_reported_complete_again_after_a_minute_independently_of_others(engine: Engine) -> None:
    #  things|others|neither is due|things again
    first = to_micros(START)
    for complete in (
        {"things": first},
        {"things": first + REPEAT_MICROS - 1, "others": first},
        {"things": first + REPEAT_MICROS - 1, "others": first + 1},
        {"things": first + REPEAT_MICROS, "others": first + 2},
    ):
        engine.complete = complete
        engine.loop.flush()
    lines = [(line["subject"], to_micros(line["complete_until"]) - first) for line in engine.lines]
    assert lines == [("things", 0), ("others", 0), ("things", REPEAT_MICROS)]


def test_counts_say_of_a_subject_that_it_is_complete_and_others_get_a_line_of_their_own(engine: Engine) -> None:
    engine.complete = {"things": to_micros(START), "others": to_micros(START + WINDOW)}
    engine.count(2)
    engine.loop.flush()
    lines = {line["subject"]: (line["events"], line["complete_until"]) for line in engine.lines}
    assert lines == {"things": (2, START), "others": (0, START + WINDOW)}
    assert len(engine.lines) == 2


def test_the_first_table_is_noted_and_the_loop_is_ready(engine_to_be: Engine) -> None:
    assert not engine_to_be.is_ready()
    engine_to_be.loop.recover()
    assert engine_to_be.is_ready()
    assert engine_to_be.journal.identity(TALLIES) == engine_to_be.loop.watch.identity
    assert (engine_to_be.status.in_the_way, engine_to_be.status.notices) == ({}, {})


def test_a_first_table_is_no_reason_to_state_a_loss(engine_to_be: Engine) -> None:
    #  5 things written|their table is recreated|a table of tallies is seen for the first time
    engine_to_be.write(5)
    engine_to_be.lose()
    engine_to_be.loop.recover()
    assert engine_to_be.journal.tallies() == (0, [])


def test_the_table_is_looked_at_when_that_is_overdue_and_not_with_each_flush(engine: Engine) -> None:
    looks = engine.bigquery.looks
    for _ in range(3):
        engine.loop.flush()
    assert engine.bigquery.looks == looks
    engine.flush()
    assert engine.bigquery.looks > looks


def test_counts_continue_in_a_recreated_table(engine: Engine) -> None:
    engine.count(1)
    engine.flush()
    engine.recreate_table()
    engine.count(2)
    engine.flush()
    assert engine.sums == [("things", "received", 2)]
    assert len(engine.streams.streams) == 2
    assert engine.journal.identity(TALLIES) == engine.loop.watch.identity
    assert not engine.loop.watch.is_change_open
    assert engine.status.in_the_way == {}
    assert "recreated" in engine.status.notices["table"]


def test_a_table_that_is_restored_before_the_change_is_handled_is_the_same(engine: Engine) -> None:
    engine.count(1)
    engine.flush()
    engine.table.created += timedelta(milliseconds=1)
    engine.loop.watch.watch()
    assert engine.sees_a_change()
    engine.table.created -= timedelta(milliseconds=1)
    engine.count(2)
    engine.loop.flush()
    assert engine.sums == [("things", "received", 1), ("things", "received", 2)]
    assert len(engine.streams.streams) == 1
    assert not engine.sees_a_change()
    assert (engine.status.in_the_way, engine.status.notices) == ({}, {})


def test_rows_that_are_gone_with_their_tallies_are_stated_as_lost(engine: Engine) -> None:
    #  5 things written and counted|their table is recreated|the table of tallies too
    engine.write(5)
    engine.write(4, "others")
    engine.lose()
    engine.recreate_table()
    engine.now = to_micros(NOW + timedelta(seconds=59))
    engine.flush()
    (line,) = engine.lines
    assert (line["subject"], line["outcome"], line["reason"], line["events"]) == ("things", "lost", None, 5)
    assert [each["window_start"] for each in line["windows"]] == [NOW]


def test_rows_whose_counts_still_wait_are_counted_in_the_new_table_of_tallies(engine: Engine) -> None:
    #  10 written, of which 3 were counted in the journal alone|the table of tallies is recreated|that of things too
    engine.write(10)
    engine.write(8, "others")
    engine.count(1, "written")
    engine.count(2, "written", start=START + WINDOW)
    engine.count(100)
    engine.count(7, "duplicate")
    engine.count(8, "written", "others")
    engine.recreate_table()
    engine.flush()
    assert (engine.lose(), engine.lose("others")) == (7, 0)
    assert sorted(engine.sums) == [
        ("others", "written", 8),
        ("things", "duplicate", 7),
        ("things", "received", 100),
        ("things", "written", 3),
    ]


def test_counts_whose_fate_is_open_wait_too(engine: Engine) -> None:
    #  10 written, 3 of them counted in a line whose answer is lost|process ends|the table of tallies is recreated
    engine.write(10)
    engine.count(3, "written")
    engine.leave_open()
    engine.recreate_table()
    engine.another_process().recover()
    assert engine.sums == [("things", "written", 3)]
    assert engine.lose() == 7


@pytest.mark.parametrize("rule", [answers.lose_answer, answers.abort(grpc.StatusCode.UNAVAILABLE)])
def test_lines_left_open_by_an_earlier_process_are_settled_before_anything_else(engine: Engine, rule: Rule) -> None:
    engine.count(1)
    engine.server.script.add(rule, times=1)
    engine.stop.set()
    with pytest.raises(StoppedError):
        engine.loop.flush()
    engine.stop.clear()
    engine.another_process().recover()
    assert engine.sums == [("things", "received", 1)]


def test_open_lines_that_a_restored_table_holds_are_not_appended_again(engine: Engine) -> None:
    engine.count(1)
    engine.leave_open()
    engine.recreate_table(with_its_rows=True)
    engine.another_process().recover()
    assert engine.sums == [("things", "received", 1)]


def test_a_start_opens_no_stream_to_the_table_it_knows(engine: Engine) -> None:
    engine.count(1)
    engine.loop.flush()
    engine.another_process().recover()
    assert len(engine.streams.streams) == 1


@pytest.mark.parametrize(("recreated", "streams"), [(True, 2), (False, 1)])
def test_a_denied_append_checks_whether_the_table_was_replaced(engine: Engine, recreated: bool, streams: int) -> None:
    engine.count(1)
    engine.loop.flush()
    if recreated:
        engine.recreate_table(with_its_rows=True)
    engine.server.script.add(answers.answer(grpc.StatusCode.PERMISSION_DENIED), times=1)
    engine.count(2)
    engine.loop.flush()
    assert engine.sums == [("things", "received", 1), ("things", "received", 2)]
    assert len(engine.streams.streams) == streams


def test_tallies_that_bigquery_refuses_end_the_engine(engine: Engine) -> None:
    engine.count(1)
    engine.server.script.add(answers.refuse_rows(lambda _: True), times=1)
    with pytest.raises(HaltError, match="BigQuery refuses tallies"):
        engine.loop.flush()


def test_tallies_are_not_blamed_when_their_table_lacks_a_column(engine: Engine) -> None:
    whole, engine.table.columns = engine.table.columns, engine.table.columns[:-1]
    messages: list[str] = []

    def block(where: str, sentence: str) -> bool:
        messages.append(sentence)
        engine.table.columns = whole
        return True

    engine.status.block = block  # type: ignore[method-assign]
    engine.server.script.add(answers.refuse_batch(lambda _: True), times=1)
    engine.count(1)
    engine.loop.flush()
    assert "the table has no column sequences" in messages[0]
    assert engine.sums == [("things", "received", 1)]


def arrive(engine: Engine, *numbers: int, source: str = "/checkout") -> None:
    """Note numbers in the journal, as the settlement does."""
    messages = [
        Message("things", b"", {"ce-source": source, "ce-sequence": f"a1-{number}"}, "m", to_micros(START))
        for number in numbers
    ]
    with engine.journal.transaction() as transaction:
        for tally in tally_arrivals(messages, WINDOW):
            transaction.tally(to_ipc(tally.counts))


def arrived(engine: Engine) -> list[tuple[str, int, int]]:
    return [
        (each["source"], each["first_number"], each["last_number"])
        for line in engine.lines
        for each in line["sequences"]
    ]


def test_numbers_that_arrived_are_appended_with_the_counts(engine: Engine) -> None:
    engine.count(3)
    arrive(engine, 1, 2)
    arrive(engine, 3, 9)
    engine.loop.flush()
    assert engine.sums == [("things", "received", 3), ("things", "arrived", 0)]
    assert arrived(engine) == [("/checkout", 1, 3), ("/checkout", 9, 9)]
    assert engine.journal.tallies() == (0, [])


def test_very_many_sources_take_several_requests_and_counts_are_appended_once_through_a_kill(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally_lines_module, "LINE_BYTES", 500)
    monkeypatch.setattr(tally_lines_module, "MAX_REQUEST_BYTES", 2_000)
    sources = [f"/{number:_>50}" for number in range(40)]
    engine.count(5)
    for source in sources:
        arrive(engine, 1, source=source)
    engine.leave_open()
    engine.now += 1
    engine.loop = engine.another_process()
    engine.loop.recover()
    engine.loop.flush()
    assert [each for each in engine.sums if each[1] == "received"] == [("things", "received", 5)]
    assert {source for source, *_ in arrived(engine)} == set(sources)
    assert len({line["tally_id"] for line in engine.lines}) == len(engine.lines) > 5
