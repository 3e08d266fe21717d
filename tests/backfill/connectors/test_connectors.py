"""Rows of databases and APIs as messages: the same as of files, only what is new, and nothing lost by a kill."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from headrace.backfill.backfill_errors import BackfillError, MappingError
from headrace.backfill.connectors import aside
from headrace.backfill.connectors.connector_config import Pull, read_pull
from headrace.backfill.connectors.connector_errors import PullError, SourceAwayError
from headrace.backfill.connectors.cursor import Cursor, Reached, is_later
from headrace.backfill.connectors.dlt_rows import rows_of
from headrace.backfill.connectors.row_source import CURSOR, PullSource
from headrace.backfill.line_events import LINE, BadLine
from headrace.cli.commands.backfill_from import pull_backfill
from headrace.config.settings import load_settings
from headrace.config.toml_file import line_of, lines_of
from headrace.core.message import Message
from headrace.engine.journal import Journal
from headrace.engine.pulled import Pulled
from headrace.engine.receipts import receipts_for
from headrace.engine.retry import RetryPolicy
from headrace.engine.status import SubjectStatus
from headrace.errors import Exit
from headrace.runtime.exit_codes import explain
from headrace.schemas.envelope import to_micros
from headrace.schemas.identity import derive_event_id
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES
from tests.support.api import FAILED, GONE, OTHER, RATE_LIMITED, TOKEN, Answer, a_served_api
from tests.support.builders import FLIGHT, MOMENT, a_contract, a_decimal, a_flight, decode, encode
from tests.support.databases import FIELDS, HAS_POSTGRESQL, a_postgresql, as_json, execute, insert
from tests.support.paths import ROOT

NOW = to_micros(MOMENT + timedelta(days=30))
REGISTRY = Registry({FLIGHT.ref: FLIGHT})
Variables = pytest.MonkeyPatch


def flights(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [
        a_flight(flight=n % 9000, scheduled_at=MOMENT + timedelta(seconds=n), cancelled=n % 7 == 0)
        for n in range(first, first + count)
    ]


def a_pull(folder: Path, text: str, name: str = "flights.toml") -> Pull:
    path = folder / name
    path.write_text(text)
    return read_pull(path, REGISTRY)


def of_database(folder: Path, cursor: str = 'column = "n"', sql: str = "", fields: str = FIELDS) -> Pull:
    return a_pull(
        folder,
        f"""
        subject = "flight_departed"
        [sql]
        url = {{ env = "FLIGHTS_DATABASE" }}
        table = "departures"
        page_rows = 7
        {sql}
        [cursor]
        {cursor}
        [fields]
        {fields}
        """,
    )


def of_api(folder: Path, url: str, cursor: str = 'column = "n"\nparameter = "since"', more: str = "") -> Pull:
    return a_pull(
        folder,
        f"""
        subject = "flight_departed"
        [api]
        url = "{url}/v1"
        path = "departures"
        records = "data.items"
        paging = {{ type = "page_number", base_page = 1, page_param = "page" }}
        {more}
        [cursor]
        {cursor}
        [fields]
        carrier = "airline.code"
        """,
    )


class Read:
    """What one run takes, round after round."""

    def __init__(self, pull: Pull, journal: Journal | None = None, now: int = NOW) -> None:
        self.stop = threading.Event()
        retry = RetryPolicy("place", SubjectStatus("flight_departed"), self.stop)
        self.source = PullSource(pull, rows=rows_of, journal=journal, retry=retry, stop=self.stop, now=now)
        self.rounds: list[Pulled] = []

    def all(self, at_most: int = 1000, acknowledge: bool = True) -> Read:
        while not self.stop.is_set():
            pulled = self.source.take(at_most, 0)
            self.rounds += pulled
            if acknowledge:
                self.source.acknowledge(pulled)
        return self

    @property
    def messages(self) -> list[Message]:
        return [each for pulled in self.rounds for each in pulled.messages]

    @property
    def payloads(self) -> list[bytes]:
        return [each.data for each in self.messages]

    @property
    def problems(self) -> list[str]:
        return [each.problem for each in self.messages if isinstance(each, BadLine)]


def payloads(events: Sequence[dict[str, Any]]) -> list[bytes]:
    return [encode(FLIGHT, each) for each in events]


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    opened = Journal.open(tmp_path / "journal")
    opened.claim("me", 0, 30)
    return opened


@pytest.fixture
def database(tmp_path: Path, monkeypatch: Variables) -> str:
    url = f"sqlite:///{tmp_path}/flights.db"
    monkeypatch.setenv("FLIGHTS_DATABASE", url)
    return url


def test_a_row_of_a_database_is_the_message_a_producer_would_have_published(tmp_path: Path, database: str) -> None:
    events = flights(30)
    insert(database, events)
    read = Read(of_database(tmp_path)).all()
    assert read.problems == []
    assert read.payloads == payloads(events)
    assert [each.attributes["ce-id"] for each in read.messages] == [derive_event_id(FLIGHT, each) for each in events]
    assert read.messages[0].attributes["ce-source"] == "/backfill/flights.toml"
    assert read.messages[0].published_at == to_micros(events[0]["scheduled_at"]), "nothing is late"


def test_a_dry_run_checks_every_row_and_notes_nothing(
    tmp_path: Path, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    insert(database, flights(30))
    execute(database, "UPDATE departures SET distance_miles = NULL WHERE n = 3")
    of_database(tmp_path)
    settings, journal = load_settings(project="test-project", contracts=SAMPLES), tmp_path / "journal"
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        code = pull_backfill(settings, tmp_path / "flights.toml", journal, "json", dry_run=True)
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
    shown = capsys.readouterr()
    assert code is Exit.FOUND
    (counts,) = json.loads(shown.out)["backfill"]
    assert (counts["lines"], counts["events"], counts["invalid_line"]) == (30, 29, 1)
    assert "flights.toml, line 3: distance_miles: " in shown.err
    assert not journal.exists()


def test_the_examples_in_the_docs_do_what_they_say(tmp_path: Path, database: str, monkeypatch: Variables) -> None:
    monkeypatch.setenv("API_TOKEN", TOKEN)
    page = (ROOT / "docs/sources.md").read_text()
    sql, api = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    insert(database, flights(12))
    assert Read(a_pull(tmp_path, sql)).all().payloads == payloads(flights(12))
    with a_served_api(as_json(flights(12)), page=5) as served:
        pull = a_pull(tmp_path, api.replace("https://api.example.com", served.url))
        assert Read(pull).all().payloads == payloads(flights(12))
        assert served.requests[0] == "/v1/departures?limit=500&page=1"


@pytest.mark.skipif(not HAS_POSTGRESQL, reason="no PostgreSQL server is installed")
def test_postgresql_gives_the_same_and_the_second_run_only_what_is_new(
    tmp_path: Path, journal: Journal, monkeypatch: Variables
) -> None:
    events = flights(40)
    with a_postgresql() as url:
        monkeypatch.setenv("FLIGHTS_DATABASE", url)
        insert(url, events[:30])
        pull = of_database(tmp_path, 'column = "scheduled_at"')
        assert Read(pull, journal).all().payloads == payloads(events[:30])
        insert(url, events[30:], first=31)
        assert Read(pull, journal).all().payloads == payloads(events[29:]), "the last one again, it might have equals"


def test_an_api_that_pages_limits_and_fails_gives_the_same(tmp_path: Path, monkeypatch: Variables) -> None:
    monkeypatch.setenv("API_TOKEN", TOKEN)
    events = flights(45)
    with a_served_api(as_json(events), page=10, moods={2: RATE_LIMITED, 4: FAILED, 5: FAILED}) as api:
        read = Read(of_api(tmp_path, api.url, more='auth = { type = "bearer", token = { env = "API_TOKEN" } }')).all()
        assert read.problems == []
        assert read.payloads == payloads(events)
        pages = [1, 2, 2, 3, 3, 3, 4, 5, 6]
        assert api.requests == [f"/v1/departures?page={page}" for page in pages], "the empty one is the end"
        assert api.tokens == {f"Bearer {TOKEN}"}


@contextmanager
def both(tmp_path: Path, database: str) -> Iterator[list[tuple[Pull, Callable[[int, int], None]]]]:
    with a_served_api([], page=10) as api:

        def serve(count: int, first: int) -> None:
            api.rows += as_json(flights(count, first), first)

        yield [
            (of_database(tmp_path), lambda count, first: insert(database, flights(count, first), first)),
            (of_api(tmp_path, api.url, 'column = "n"\nparameter = "since"\nordered = true'), serve),
        ]


def test_a_second_run_pulls_only_what_is_new(tmp_path: Path, database: str, journal: Journal) -> None:
    with both(tmp_path, database) as sources:
        for pull, add in sources:
            add(25, 0)
            first = Read(pull, journal).all()
            again = Read(pull, journal).all()
            assert [len(first.messages), len(again.messages)] == [25, 1], "the last row, which might have equals"
            assert receipts_for(again.messages[:1]) == receipts_for(first.messages[-1:]), (
                "known, so it is not counted again"
            )
            add(5, 25)
            assert Read(pull, journal).all().payloads == payloads(flights(6, 24))


def test_what_was_not_acknowledged_comes_again_and_nothing_else(
    tmp_path: Path, database: str, journal: Journal
) -> None:
    with both(tmp_path, database) as sources:
        for pull, add in sources:
            add(25, 0)
            killed = Read(pull, journal)
            settled, _ = killed.source.take(10, 0), killed.source.take(10, 0)
            killed.source.acknowledge(settled)
            killed.source.stop()
            assert Read(pull, journal).all(at_most=10).payloads == payloads(flights(16, 9))


def test_an_api_without_order_is_settled_only_at_its_end(tmp_path: Path, journal: Journal) -> None:
    rows = as_json(flights(25))
    with a_served_api(rows, page=10) as api:
        pull = of_api(tmp_path, api.url)
        killed = Read(pull, journal)
        for _ in range(2):
            killed.source.acknowledge(killed.source.take(10, 0))
        killed.source.stop()
        assert len(Read(pull, journal).all().messages) == 25
        assert len(Read(pull, journal).all().messages) == 1


def test_an_api_that_cannot_select_is_read_whole_and_only_what_is_new_is_taken(
    tmp_path: Path, journal: Journal
) -> None:
    with a_served_api(as_json(flights(25)), page=10) as api:
        pull = of_api(tmp_path, api.url, 'column = "scheduled_at"')
        assert len(Read(pull, journal).all().messages) == 25
        api.rows += as_json(flights(3, 25), 26)
        assert Read(pull, journal).all().payloads == payloads(flights(4, 24))


def test_an_api_that_says_it_is_ordered_and_is_not_is_refused(tmp_path: Path) -> None:
    with a_served_api(as_json(flights(5)[::-1])) as api:
        pull = of_api(tmp_path, api.url, 'column = "scheduled_at"\nordered = true')
        with pytest.raises(PullError, match=r"flights.toml: cursor.ordered: rows are not in the order of scheduled_at"):
            Read(pull).all()


def test_an_api_that_goes_away_or_answers_nonsense_ends_the_run_after_what_came(
    tmp_path: Path, journal: Journal
) -> None:
    events = flights(45)
    wrong: dict[str, tuple[dict[int, Answer], type[Exception]]] = {
        "keeps answering 500": (dict.fromkeys((3, 4), FAILED), SourceAwayError),
        "api: refused with 404": ({3: GONE}, PullError),
        "a page has no list at 'data.items'": ({3: OTHER}, PullError),
        "its answer is not JSON": ({3: (200, {}, b"<html>")}, PullError),
        "it points to another host": ({3: (302, {"Location": "http://127.0.0.2:1/"}, b"")}, PullError),
    }
    for number, (expected, (moods, kind)) in enumerate(wrong.items()):
        cursor = f'column = "n"\nordered = true\nparameter = "since"\nfrom = {-number}'
        with a_served_api(as_json(events), page=10, moods=moods) as api:
            pull = of_api(tmp_path, api.url, cursor, more="attempts = 2")
            read = Read(pull, journal)
            with pytest.raises(kind, match=f"flights.toml: .*{expected}"):
                read.all()
            assert read.payloads == payloads(events[:20])
            assert Read(pull, journal).all().payloads == payloads(events[19:]), "it goes on where it was"


def test_a_wait_for_an_api_is_reported_and_can_be_stopped(
    tmp_path: Path, journal: Journal, monkeypatch: Variables, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(aside, "NOTICE_SECONDS", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as black_hole:  # it takes connections, and never says a word
        read = Read(of_api(tmp_path, f"http://127.0.0.1:{black_hole.getsockname()[1]}"), journal)
        messages: list[str] = []

        def note_and_stop(sentence: str) -> None:
            messages.append(sentence)
            read.stop.set()

        monkeypatch.setattr(aside, "say", note_and_stop)
        read.all()
    assert messages == ["waiting for flights.toml: 127.0.0.1 ..."]
    assert (read.messages, read.source.finished) == ([], False)


def test_rows_read_before_a_stop_do_not_finish_the_source(tmp_path: Path, database: str, journal: Journal) -> None:
    insert(database, flights(5))
    read = Read(of_database(tmp_path), journal)
    first = read.source.take(2, 0)
    read.stop.set()

    assert read.source.take(2, 0) == []
    assert (len(first[0].messages), read.source.finished) == (2, False)
    assert Read(of_database(tmp_path), journal).all().payloads == payloads(flights(5))


def test_rows_that_do_not_fit_say_where_they_were_and_are_one_letter(
    tmp_path: Path, database: str, journal: Journal
) -> None:
    events = flights(5)
    insert(database, events)
    execute(database, "UPDATE departures SET distance_miles = NULL WHERE n IN (3, 5)")
    read = Read(of_database(tmp_path), journal).all()
    assert [problem.split(":")[0] for problem in read.problems] == ["flights.toml, line 3", "flights.toml, line 5"]
    assert [each.data for each in read.messages if not isinstance(each, BadLine)] == payloads(
        [events[0], events[1], events[3]]
    )
    letter = read.messages[2]
    assert (letter.attributes[LINE], letter.attributes[CURSOR]) == ("3", "n = 3")
    assert json.loads(letter.data)["airline"] == "UA"
    later = Read(of_database(tmp_path), journal, now=NOW + 1).all()
    assert receipts_for(later.messages) == receipts_for([read.messages[4]])

    with a_served_api([*as_json(events), {"n": 7}]) as api:
        assert Read(of_api(tmp_path, api.url)).all().problems == [
            "flights.toml, line 6: carrier: missing, and it has no default; give it a value"
        ]


def test_rows_without_a_cursor_come_each_time_and_hold_it_up_not(
    tmp_path: Path, database: str, journal: Journal
) -> None:
    insert(database, flights(10))
    execute(database, "UPDATE departures SET departed_at = NULL WHERE n IN (1, 9)")
    execute(database, "UPDATE departures SET departed_at = '2026-03-14 16:00:00' WHERE n = 10")
    pull = of_database(tmp_path, 'column = "departed_at"')
    assert len(Read(pull, journal).all().messages) == 10
    assert len(Read(pull, journal).all().messages) == 3


def test_decimals_of_sqlite_are_its_doubles_as_they_are_printed(tmp_path: Path, database: str) -> None:
    contract = a_contract(("n", "int"), ("price", a_decimal(18, 2)), identity=["n"])
    cells = ["12.5", "0.1", "'12.500'", "123456789012.34", "-0.0", "7", "0.125", "12.50000000004", "'NaN'", "9e999"]
    execute(database, "CREATE TABLE prices (n INTEGER, price NUMERIC, at TIMESTAMP)")
    for number, cell in enumerate(cells):
        execute(database, f"INSERT INTO prices VALUES ({number}, {cell}, '2026-03-14 15:09:26.000000')")
    path = tmp_path / "prices.toml"
    path.write_text(
        'subject = "thing_happened"\n[sql]\nurl = { env = "FLIGHTS_DATABASE" }\ntable = "prices"\n'
        '[fields]\nat = { column = "at", zone = "UTC" }\n'
    )

    read = Read(read_pull(path, Registry({contract.ref: contract}))).all()

    prices = [decode(contract, each.data)["price"] for each in read.messages if not isinstance(each, BadLine)]
    assert list(map(str, prices)) == ["12.50", "0.10", "12.50", "123456789012.34", "0.00", "7.00"]
    assert [each.partition(": price: ")[2].partition(";")[0] for each in read.problems] == [
        "not a value of this field (got Decimal)",
        "not a value of this field (got Decimal)",
        "text that is not a value of this field",
        "no number (got float)",
    ]


def test_numbers_of_sqlite_may_be_a_cursor(tmp_path: Path, database: str, journal: Journal) -> None:
    insert(database, flights(3))
    execute(database, "UPDATE departures SET distance_miles = n + 0.1")
    pull = of_database(tmp_path, 'column = "distance_miles"', fields=FIELDS + "distance_miles = { value = 1 }\n")
    assert len(Read(pull, journal).all().messages) == 3
    assert len(Read(pull, journal).all().messages) == 1, "the last one, again"


def test_times_of_sqlite_without_fractions_are_not_missed(tmp_path: Path, database: str, journal: Journal) -> None:
    insert(database, flights(3))
    execute(database, "UPDATE departures SET departed_at = '2026-03-14 16:00:00'")
    pull = of_database(tmp_path, 'column = "departed_at"')
    Read(pull, journal).all()
    insert(database, flights(1, 3), first=4)
    execute(database, "UPDATE departures SET departed_at = '2026-03-14 16:00:00' WHERE n = 4")
    assert len(Read(pull, journal).all().messages) == 4


def test_a_lag_pulls_again_what_might_have_been_seen_late(tmp_path: Path, database: str, journal: Journal) -> None:
    insert(database, flights(100))
    pull = of_database(tmp_path, 'column = "n"\nlag = 10')
    Read(pull, journal).all()
    assert len(Read(pull, journal).all().messages) == 11
    assert len(Read(pull, journal).all().messages) == 11, "it does not go back further each time"
    times = of_database(tmp_path, 'column = "scheduled_at"\nlag = "10s"')
    Read(times, journal).all()
    assert len(Read(times, journal).all().messages) == 12, "a second more, for SQLite's texts"
    assert Cursor("at", lag=timedelta(minutes=5)).begin("2026-01-01T00:00:00Z") == "2025-12-31T23:55:00Z"
    with pytest.raises(PullError, match=r"cursor.lag: cannot be taken from the int of n"):
        Cursor("n", lag=timedelta(minutes=5)).begin(7)


def test_how_rows_are_mapped_may_change_and_what_is_pulled_may_not(
    tmp_path: Path, database: str, journal: Journal, monkeypatch: Variables
) -> None:
    insert(database, flights(5))
    Read(of_database(tmp_path), journal).all()
    assert len(Read(of_database(tmp_path, fields=FIELDS + 'origin = { value = "JFK" }'), journal).all().messages) == 1
    assert len(Read(of_database(tmp_path, 'column = "scheduled_at"'), journal).all().messages) == 5
    monkeypatch.setenv("FLIGHTS_DATABASE", database.replace("flights.db", "other.db"))
    insert(database.replace("flights.db", "other.db"), flights(5))
    assert len(Read(of_database(tmp_path), journal).all().messages) == 5


@pytest.mark.parametrize(
    ("sql", "cursor", "expected"),
    [
        ('table = "flihgts"', 'column = "n"', r"flights.toml: sql.table: no such table or view"),
        (
            'table = "departures"',
            'column = "nn"',
            r"flights.toml: cursor.column: .* no column nn; its columns are n, air",
        ),
    ],
)
def test_tables_and_columns_that_are_not_there_are_named(
    tmp_path: Path, database: str, sql: str, cursor: str, expected: str
) -> None:
    insert(database, flights(1))
    of_database(tmp_path, cursor)
    text = (tmp_path / "flights.toml").read_text()
    with pytest.raises(PullError, match=expected):
        Read(a_pull(tmp_path, text.replace('table = "departures"', sql))).all()


def test_columns_that_no_field_finds_are_refused_before_the_first_row(tmp_path: Path, database: str) -> None:
    insert(database, flights(3))
    with pytest.raises(BackfillError, match=r"flights.toml: no column 'carrier' for the field carrier"):
        Read(of_database(tmp_path, fields="")).all()


def test_an_unreachable_database_is_reported_without_its_address(tmp_path: Path, monkeypatch: Variables) -> None:
    monkeypatch.setenv("FLIGHTS_DATABASE", "postgresql+psycopg://ada:hunter2@127.0.0.1:1/flights")
    with pytest.raises(SourceAwayError, match=r"the database does not answer \(.*refused") as refused:
        Read(of_database(tmp_path)).all()
    assert "hunter2" not in str(refused.value)
    assert explain(refused.value)[0] is Exit.UNREACHABLE
    monkeypatch.setenv("FLIGHTS_DATABASE", "oracle+oracledb://ada:hunter2@127.0.0.1:1/flights")
    with pytest.raises(PullError, match="it needs the driver oracledb; pip install oracledb"):
        Read(of_database(tmp_path)).all()


SQL = '[sql]\nurl = { env = "FLIGHTS_DATABASE" }\ntable = "departures"\n'
API = '[api]\nurl = "http://127.0.0.1"\npath = "x"\nrecords = "$"\npaging = { type = "single_page" }\n'
HEAD = 'subject = "flight_departed"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("subject =", "not TOML"),
        ('subject = "flihgt"\n' + SQL, r"line 1: subject: no contract has this subject; known are flight_departed"),
        (HEAD, "a database or an API, and one of them"),
        (HEAD + SQL + API, "a database or an API, and one of them"),
        (HEAD + 'sorce = "/x"\n' + SQL, r"line 2: sorce: no such key; did you mean source"),
        (
            HEAD + SQL + "[fields]\nflihgt = 'x'",
            r"line 6: fields.flihgt: the contract has no such field; did you mean flight",
        ),
        (
            HEAD + SQL + "[fields]\nflight = { column = 'x', zone = 'Mars' }",
            r"line 6: fields.flight.zone: an unknown time zone",
        ),
        (HEAD + 'identity = ["n"]\n' + SQL, r"line 2: identity: the contract declares it already"),
        (HEAD + SQL.replace('{ env = "FLIGHTS_DATABASE" }', '"postgresql://me:pw@db/x"'), r"line 3: sql.url: a secret"),
        (
            HEAD + SQL.replace("FLIGHTS", "FLIHGTS"),
            r"line 3: sql.url.env: no environment variable FLIHGTS_DATABASE; set",
        ),
        (HEAD + SQL.replace("env =", "enw ="), r"line 3: sql.url.enw: no such key; did you mean env"),
        (
            HEAD + SQL.replace('env = "FLIGHTS_DATABASE"', 'file = "/nowhere"'),
            r"line 3: sql.url.file: /nowhere: cannot",
        ),
        (
            HEAD + SQL.replace("table", "tabel"),
            r"line 4: sql.tabel: no such key; did you mean table",
        ),
        (
            HEAD + SQL + "page_rows = 0",
            r"line 5: sql.page_rows: must be greater than or equal to 1; write page_rows = 5000",
        ),
        (
            HEAD + SQL + '[cursor]\ncolumn = "n"\nordered = true',
            r"line 7: cursor.ordered: no such key; .*column, from, lag",
        ),
        (HEAD + SQL + "[cursor]\nlag = 5", r"line 5: cursor.column: missing; write column ="),
        (HEAD + SQL + '[cursor]\ncolumn = "n"\nlag = "soon"', r'line 7: cursor.lag: not a duration; write lag = "10m"'),
        (HEAD + API.replace("http:", "ftp:"), r"line 3: api.url: not the address of an API"),
        (HEAD + API.replace("//127", "//me:pw@127"), r"line 3: api.url: more than an address"),
        (HEAD + API.replace('records = "$"\n', ""), r"line 2: api.records: missing"),
        (
            HEAD + API.replace("single_page", "auto"),
            r"line 6: api.paging.type: no such type; write one of 'single_page', 'page_number'",
        ),
        (HEAD + API.replace("single_page", "offset"), r"line 6: api.paging.limit: missing; write limit = 100"),
        (HEAD + API.replace("single_page", "json_link"), r"line 6: api.paging.next_url_path: missing"),
        (HEAD + API.replace('page" }', 'page", size = 5 }'), r"line 6: api.paging.size: no such key"),
        (
            HEAD + API + 'auth = { type = "bearer", token = "x" }',
            r"line 7: api.auth.token: a secret must not be in this",
        ),
        (HEAD + API + 'auth = { type = "magic" }', r"line 7: api.auth.type: no such type; write one of 'bearer'"),
        (HEAD + API + "auth = { token = 'x' }", r"line 7: api.auth.type: missing; write type = "),
        (HEAD + API + "auth = 'x'", r"line 7: api.auth: not a table"),
        (HEAD + API + "[api.parameters]\nx = [5]", r"line 8: api.parameters.x: not a plain value"),
        (HEAD + API.replace('"http://127.0.0.1"', "5"), r"line 3: api.url: a secret must not be in this file"),
        (HEAD + "sql = 5", r"line 2: sql: not a table; write \[sql\] with url, table"),
        (HEAD + API + "[api.headers]\nx = 5", r"line 8: api.headers.x: not text"),
    ],
)
def test_a_wrong_description_names_key_file_line_and_remedy(
    tmp_path: Path, database: str, text: str, expected: str
) -> None:
    with pytest.raises(MappingError, match=f"flights.toml.*{expected}") as refused:
        a_pull(tmp_path, text)
    assert "; " in str(refused.value)
    assert "pw" not in str(refused.value)


def test_no_repr_contains_a_secret(tmp_path: Path, monkeypatch: Variables) -> None:
    monkeypatch.setenv("FLIGHTS_DATABASE", "postgresql://ada:hunter2@db/flights")
    secret = tmp_path / "token"
    secret.write_text("hunter2\n")
    api = of_api(tmp_path, "http://127.0.0.1", more=f'auth = {{ type = "bearer", token = {{ file = "{secret}" }} }}')
    assert api.source.auth["token"] == "hunter2"  # type: ignore[union-attr]
    assert "hunter2" not in f"{api} {of_database(tmp_path)}"
    monkeypatch.setenv("FLIGHTS_DATABASE", "postgresql://ada:other@db/flights")
    rotated = of_database(tmp_path).key
    monkeypatch.setenv("FLIGHTS_DATABASE", "postgresql://ada:hunter2@db/flights")
    assert of_database(tmp_path).key == rotated, "another password is the same database"


@pytest.mark.parametrize(
    "value", [7, Decimal("1.50"), "x", MOMENT, MOMENT.replace(tzinfo=None), date(2026, 3, 14), None]
)
def test_what_a_cursor_reached_is_kept_with_its_type(value: Any) -> None:
    reached = Reached(5, value)
    kept = Reached.of(reached.kept())
    assert kept == reached
    assert type(kept.last) is type(value)


@pytest.mark.parametrize(
    ("last", "begins"),
    [
        (datetime(2025, 11, 2, 1, 50), datetime(2025, 11, 2, 0, 50)),
        ("2025-11-02 01:50:00", "2025-11-02 00:50:00"),
        ("2025-11-02T01:50:00", "2025-11-02T00:50:00"),
        ("2025-11-02T01:50:00Z", "2025-11-02T01:50:00Z"),
        (datetime(2025, 11, 2, 2, 0), datetime(2025, 11, 2, 2, 0)),
        (datetime(2025, 11, 2, 1, 50, tzinfo=UTC), datetime(2025, 11, 2, 1, 50, tzinfo=UTC)),
        (datetime(2025, 3, 9, 2, 30), datetime(2025, 3, 9, 2, 30)),
        (7, 7),
        ("x", "x"),
    ],
)
def test_an_hour_that_clocks_show_twice_is_pulled_again_as_a_whole(last: Any, begins: Any) -> None:
    assert Cursor("n").begin(last, ZoneInfo("America/New_York")) == begins
    assert Cursor("n").begin(last) == last


def test_rows_of_the_second_such_hour_are_not_missed(tmp_path: Path, database: str, journal: Journal) -> None:
    fields = FIELDS.replace('zone = "UTC" }', 'zone = "America/New_York", ambiguous = "later" }', 1)
    pull = of_database(tmp_path, 'column = "scheduled_at"', fields=fields)
    insert(database, [a_flight(flight=1, scheduled_at=datetime(2025, 11, 2, 1, 50, tzinfo=UTC))])
    assert len(Read(pull, journal).all().messages) == 1
    insert(database, [a_flight(flight=2, scheduled_at=datetime(2025, 11, 2, 1, 10, tzinfo=UTC))], first=2)

    second = Read(pull, journal).all()

    assert second.problems == []
    assert sorted(each.attributes["ce-time"] for each in second.messages) == [
        "2025-11-02T06:10:00Z",
        "2025-11-02T06:50:00Z",
    ]


def test_cursors_are_compared_as_their_source_does() -> None:
    assert is_later("10", "9")
    assert is_later("2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00Z")
    assert is_later("2026-01-01T00:00:00Z", "2026-01-01T00:30:00+01:00")
    assert not is_later(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1))
    for one, other in [(7, "2026-01-01"), (True, 1), ([1], [2]), (1.5, 1.5)]:
        with pytest.raises(PullError, match=r"cursor.column: .*; name "):
            is_later(one, other)


def test_the_line_of_a_key_is_found_in_tables_inline_and_dotted() -> None:
    text = 'a = 1\n# a = 2\n[api.auth]  # x\ntype = "x"\n[ api . "paging" ]\nb.c = { d = 1 }\n'
    names = ("a", "api.auth.type", "api.paging.b.c.d", "api.auth.no", "z")
    assert [line_of(lines_of(text), tuple(name.split("."))) for name in names] == [1, 4, 6, 3, None]


def test_nothing_but_a_pull_imports_dlt() -> None:
    code = "import sys, headrace.cli.app\n"
    code += "from headrace.cli.commands import backfill, backfill_from, run\n"
    code += "assert not {'dlt', 'sqlalchemy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_dlt_sends_no_telemetry(tmp_path: Path, database: str) -> None:
    insert(database, flights(3))
    Read(of_database(tmp_path)).all()
    from dlt.common.configuration import resolve_configuration
    from dlt.common.configuration.specs import RuntimeConfiguration
    from dlt.common.runtime import anon_tracker

    assert resolve_configuration(RuntimeConfiguration()).dlthub_telemetry is False
    assert anon_tracker._ANON_TRACKER_ENDPOINT is None


def test_a_pull_without_a_cursor_gives_all_each_time(tmp_path: Path, database: str, journal: Journal) -> None:
    insert(database, flights(5))
    pull = replace(of_database(tmp_path), cursor=None)
    assert [len(Read(pull, journal).all().messages) for _ in range(2)] == [5, 5]
