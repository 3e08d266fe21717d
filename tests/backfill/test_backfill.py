"""Lines of files as messages: read, mapped, named and placed."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.backfill.backfill_errors import BackfillError, MappingError
from headrace.backfill.day_of_rows import day_of
from headrace.backfill.file_rounds import Task, rounds
from headrace.backfill.file_source import FileSource
from headrace.backfill.files import look_at
from headrace.backfill.line_events import FILE, LINE, BadLine
from headrace.backfill.mapping import read_mapping
from headrace.core.message import Message
from headrace.engine.journal import Journal
from headrace.engine.retry import RetryPolicy
from headrace.engine.status import SubjectStatus
from headrace.schemas.envelope import Envelope, to_micros
from headrace.schemas.identity import derive_event_id
from headrace.schemas.registry import Contract
from tests.support.builders import BOOKING, FLIGHT, MOMENT, a_booking, a_contract, a_flight, decode, encode
from tests.support.files import WRITERS, as_avro, as_csv, as_ndjson, as_parquet
from tests.support.paths import ROOT

NOW = to_micros(MOMENT + timedelta(days=30))
FLIGHTS = [a_flight(flight=number, scheduled_at=MOMENT + timedelta(minutes=number)) for number in range(5)]
FLIGHTS[3] |= {"departed_at": None, "tail_number": None, "cancelled": True}


class Read:
    """What became of the lines of some files."""

    def __init__(
        self,
        contract: Contract,
        paths: Sequence[Path],
        mapping: Path | None = None,
        journal: Journal | None = None,
        now: int = NOW,
        at_most: int = 1000,
        taken: list[int] | None = None,
    ) -> None:
        read, stop = read_mapping(mapping, contract), threading.Event()
        retry = RetryPolicy("place", SubjectStatus(contract.subject), stop)
        task = Task(contract, read, look_at(paths, contract, read), now, at_most)
        self.source = FileSource(task, rounds, journal, retry, stop)
        self.rounds = []
        while not stop.is_set():
            self.rounds += self.source.take(at_most, 0)
            if taken is not None:
                taken.append(len(self.rounds[-1].messages))

    @property
    def messages(self) -> list[Message]:
        return [each for pulled in self.rounds for each in pulled.messages]

    @property
    def problems(self) -> list[str]:
        return [each.problem for each in self.messages if isinstance(each, BadLine)]


def a_file(folder: Path, text: str | bytes, name: str = "flights.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def a_mapping(folder: Path, text: str) -> Path:
    return a_file(folder, text, "mapping.toml")


@pytest.mark.parametrize("format_", WRITERS)
def test_a_line_is_the_message_a_producer_would_have_published(tmp_path: Path, format_: str) -> None:
    read = Read(FLIGHT, [WRITERS[format_](tmp_path / f"flights.{format_}", FLIGHT, FLIGHTS)])
    assert read.problems == []
    assert [each.data for each in read.messages] == [encode(FLIGHT, each) for each in FLIGHTS]
    for event, message in zip(FLIGHTS, read.messages, strict=True):
        envelope = Envelope(
            str(derive_event_id(FLIGHT, event)), FLIGHT.ref, event["scheduled_at"], f"/backfill/flights.{format_}"
        )
        assert {name: message.attributes[name] for name in envelope.to_attributes()} == envelope.to_attributes()
        assert message.published_at == to_micros(event["scheduled_at"]), "nothing is late"


def test_every_type_is_read_from_avro_and_a_missing_identity_is_made_of_columns(tmp_path: Path) -> None:
    path = as_avro(tmp_path / "bookings.avro", BOOKING, [a_booking()])
    read = Read(BOOKING, [path], a_mapping(tmp_path, 'identity = ["booking_id"]'))
    assert read.problems == []
    assert [each.data for each in read.messages] == [encode(BOOKING, a_booking())]


def test_ids_of_columns_are_the_same_in_every_format(tmp_path: Path) -> None:
    contract = a_contract(("n", "int"), ("s", ["null", "string"], {"default": None}))
    events: list[dict[str, Any]] = [{"n": 7, "s": None, "at": MOMENT}, {"n": 8, "s": "x", "at": MOMENT}]
    mapping = a_mapping(tmp_path, 'identity = ["n", "s", "at"]')
    ids = set()
    for write in (as_avro, as_parquet):
        path = write(tmp_path / f"things.{write.__name__.removeprefix('as_')}", contract, events)
        ids.add(tuple(each.attributes["ce-id"] for each in Read(contract, [path], mapping).messages))
    assert len(ids) == 1
    assert len(set(*ids)) == 2


def test_a_subject_whose_events_have_no_identity_is_refused() -> None:
    with pytest.raises(MappingError, match=r"booking_created: lines have no identity.* identity = "):
        read_mapping(None, BOOKING)


def test_a_mapping_says_columns_constants_formats_and_zones(tmp_path: Path) -> None:
    mapping = a_mapping(
        tmp_path,
        """
        source = "/archive"
        null = ["", "NA"]
        delimiter = ";"
        [fields]
        carrier = { value = "UA" }
        flight = "no"
        destination = "dest"
        scheduled_at = { column = "when", format = "%d.%m.%Y %H:%M", zone = "America/New_York" }
        departed_at = { column = "left", format = "unix" }
        distance_miles = "miles"
        """,
    )
    text = "no;origin;dest;when;left;miles;cancelled;unused\n1545;EWR;IAH;01.07.2025 05:15;1751361720;NA;TRUE;x\n"
    bad = Read(FLIGHT, [a_file(tmp_path, text)], mapping).problems
    assert bad == ["flights.csv, line 2: distance_miles: not a value of this field (got NoneType); give an int"]

    (message,) = Read(FLIGHT, [a_file(tmp_path, text.replace("NA", "1400"))], mapping).messages
    fields = decode(FLIGHT, message.data)
    assert fields["carrier"] == "UA"
    assert fields["scheduled_at"] == to_micros(datetime(2025, 7, 1, 9, 15, tzinfo=UTC))
    assert fields["departed_at"] == to_micros(datetime(2025, 7, 1, 9, 22, tzinfo=UTC))
    assert (fields["tail_number"], fields["cancelled"]) == (None, True)
    assert message.attributes["ce-source"] == "/archive"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("field = 1", "line 1: field: no such key; did you mean fields"),
        ("[fields]\nflihgt = 'x'", "line 2: fields.flihgt: the contract has no such field; did you mean flight"),
        ("[fields]\nflight = { colum = 'x' }", "fields.flight.colum: no such key; did you mean column"),
        ("[fields]\nflight = 7", "neither a column nor a table"),
        ("[fields]\nflight = { column = 'x', value = 1 }", "one of them"),
        ("[fields]\nscheduled_at = { column = 'x', zone = 'Mars/Crater' }", "an unknown time zone"),
        (
            "[fields]\nscheduled_at = { column = 'x', zone = 'UTC', gap = 'skip' }",
            "scheduled_at.gap: must be .*refuse, shift",
        ),
        ("[fields]\nscheduled_at = { column = 'x', ambiguous = 'later' }", "gap and ambiguous need a zone"),
        ("[fields]\nscheduled_at = { column = 'x', format = '%H:%M %Z' }", "%Z reads other names"),
        ("identity = ['x']", "the contract declares it already"),
        ("delimiter = 'ab'", "not one character"),
        ("source =", "not TOML"),
    ],
)
def test_a_wrong_mapping_is_refused_before_anything_is_read(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(MappingError, match=expected):
        read_mapping(a_mapping(tmp_path, text), FLIGHT)


@pytest.mark.parametrize("format_", WRITERS)
def test_a_local_time_that_no_clock_shows_is_a_bad_line_unless_the_mapping_has_a_rule(
    tmp_path: Path, format_: str
) -> None:
    contract = a_contract(("n", "int"), identity=["n"])
    times = [datetime(2026, 3, 8, 2, 30), datetime(2026, 3, 8, 3, 30), datetime(2025, 11, 2, 1, 30)]
    local = a_contract(("n", "int"), ("local", {"type": "long", "logicalType": "local-timestamp-micros"}))
    events = [{"n": number, "local": each, "at": MOMENT} for number, each in enumerate(times)]
    path = WRITERS[format_](tmp_path / f"things.{format_}", local, events)
    rules = 'gap = "shift", ambiguous = "later"'

    refused = Read(contract, [path], a_mapping(tmp_path, _local_times("")))
    ruled = Read(contract, [path], a_mapping(tmp_path, _local_times(rules)))

    assert [each.split(": ", 1)[1].split(";")[0] for each in refused.problems] == [
        "at: a local time that no clock in America/New_York shows",
        "at: a local time that clocks in America/New_York show twice",
    ]
    assert ruled.problems == []
    assert [decode(contract, each.data)["at"] for each in ruled.messages] == [
        to_micros(datetime(2026, 3, 8, 7, 30, tzinfo=UTC)),
        to_micros(datetime(2026, 3, 8, 7, 30, tzinfo=UTC)),
        to_micros(datetime(2025, 11, 2, 6, 30, tzinfo=UTC)),
    ]


def _local_times(rules: str) -> str:
    return f'[fields]\nat = {{ column = "local", zone = "America/New_York"{", " if rules else ""}{rules} }}'


@pytest.mark.parametrize("name", ["things.csv", "things.ndjson"])
@pytest.mark.parametrize(
    ("format_", "text", "micros"),
    [
        ("unix", "1795152900.789", 1_795_152_900_789_000),
        ("unix", "1.7951529e9", 1_795_152_900_000_000),
        ("unix_ms", "1795152900789.5", 1_795_152_900_789_500),
        ("unix_us", "1795152900789000", 1_795_152_900_789_000),
        ("unix", "1795152900.0000001", None),
        ("unix_us", "0.5", None),
        ("unix", "true", None),
        ("unix", "1e400", None),
        ("unix", "1e-99999", None),
    ],
)
def test_units_of_time_lose_no_digit(tmp_path: Path, name: str, format_: str, text: str, micros: int | None) -> None:
    contract = a_contract(("n", "int"), identity=["n"])
    line = f"n,at\n1,{text}\n" if name.endswith("csv") else f'{{"n": 1, "at": {text}}}\n'
    mapping = a_mapping(tmp_path, f'[fields]\nat = {{ column = "at", format = "{format_}" }}')
    read = Read(contract, [a_file(tmp_path, line, name)], mapping, now=1_795_152_999_000_000)
    assert [decode(contract, each.data)["at"] for each in read.messages if not read.problems] == [micros] * (
        micros is not None
    )
    assert len(read.problems) == (micros is None)


def test_numbers_of_ndjson_keep_every_digit_or_are_refused(tmp_path: Path) -> None:
    decimal = {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 19}
    contract = a_contract(("n", "int"), ("exact", decimal), ("near", "double"), identity=["n"])
    lines = [
        '{"n": 1, "exact": 0.1234567890123456789, "near": 1.5, "at": "2026-03-14T15:09:26Z"}',
        '{"n": "2", "exact": "0.5", "near": "-Infinity", "at": "2026-03-14 15:09:26.5 UTC"}',
        '{"n": 3, "exact": 1, "near": 1e400, "at": "2026-03-14T15:09:26Z"}',
        '{"n": 4, "exact": 1, "near": NaN, "at": "2026-03-14T15:09:26Z"}',
        '{"n": 5, "n": 6, "exact": 1, "near": 1, "at": "2026-03-14T15:09:26Z"}',
        '{"n": 7.5, "exact": 1, "near": 1, "at": "2026-03-14T15:09:26Z"}',
    ]
    read = Read(contract, [a_file(tmp_path, "\n".join(lines), "things.ndjson")])
    first, second = (decode(contract, each.data) for each in read.messages[:2])
    assert (first["exact"], first["near"]) == (Decimal("0.1234567890123456789"), 1.5)
    assert (second["n"], second["near"]) == (2, float("-inf"))
    assert [each.split(": ", 1)[1] for each in read.problems] == [
        "near: a number beyond a double; use a decimal in the contract",
        "the line: not JSON (it has no NaN and no infinities; write them as text); correct the file",
        "the line: JSON with the same key twice in one object; correct the file",
        "n: a number that is not whole; write a whole number",
    ]


def test_bad_lines_of_a_csv_say_where_and_their_neighbours_are_read(tmp_path: Path) -> None:
    path = as_csv(tmp_path / "flights.csv", FLIGHT, FLIGHTS)
    head, *lines = path.read_bytes().splitlines(keepends=True)
    bad = [b"UA,12\r\n", b'"UA"x,12\r\n', lines[0].replace(b"UA", b"\xff"), lines[0].replace(b",0,", b",zero,", 1)]
    path.write_bytes(head + lines[0] + bad[0] + lines[1] + bad[1] + lines[2] + bad[2] + lines[3] + bad[3] + lines[4])
    read = Read(FLIGHT, [path])
    good = [each.data for each in read.messages if not isinstance(each, BadLine)]
    assert good == [encode(FLIGHT, each) for each in FLIGHTS]
    letters = [each for each in read.messages if isinstance(each, BadLine)]
    assert [each.data for each in letters] == bad
    assert [(each.attributes[FILE], each.attributes[LINE]) for each in letters] == [
        ("flights.csv", line) for line in "3579"
    ]
    for line, each in zip("3579", letters, strict=True):
        assert each.problem.startswith(f"flights.csv, line {line}: ")
    assert "zero" not in letters[3].problem


def test_lines_are_counted_as_an_editor_does_across_quoted_breaks(tmp_path: Path) -> None:
    contract = a_contract(("s", "string"), identity=["s", "at"])
    text = 's,at\n"a\nb",2026-03-14T00:00:00Z\n\nx,never\n'
    read = Read(contract, [a_file(tmp_path, text, "things.csv")])
    assert [each.attributes[LINE] for each in read.messages] == ["2", "5"]
    assert read.problems == [
        "things.csv, line 5: at: text that is not a value of this field; write a time as 2026-01-31T13:45:00Z"
    ]


def test_bad_lines_of_ndjson_and_parquet_are_refused_alone(tmp_path: Path) -> None:
    path = as_ndjson(tmp_path / "flights.ndjson", FLIGHT, FLIGHTS[:2])
    path.write_bytes(path.read_bytes() + b'{"carrier": \n[1]\n\xff\n{"carrier": "UA"}\n')
    read = Read(FLIGHT, [path])
    assert [isinstance(each, BadLine) for each in read.messages] == [False, False, True, True, True, True]

    table = pa.Table.from_pylist(FLIGHTS).set_column(1, "flight", pa.array([1, 2, None, 4, 2**40]))
    pq.write_table(table, tmp_path / "flights.parquet")
    read = Read(FLIGHT, [tmp_path / "flights.parquet"])
    assert [each.attributes[LINE] for each in read.messages if isinstance(each, BadLine)] == ["3", "5"]


def test_events_that_no_table_takes_any_more_are_refused_with_file_and_line(tmp_path: Path) -> None:
    path = as_csv(tmp_path / "flights.csv", FLIGHT, [a_flight(), a_flight(scheduled_at=MOMENT - timedelta(days=900))])
    with pytest.raises(BackfillError, match=r"flights.csv, line 3: .* older than the 800 days"):
        Read(FLIGHT, [path])
    contract = a_contract(("n", "int"), identity=["n"])
    old = as_avro(tmp_path / "things.avro", contract, [{"n": 1, "at": MOMENT - timedelta(days=1800)}])
    with pytest.raises(BackfillError, match=r"things.avro, line 1: .* older than 1,825 days"):
        Read(contract, [old])


@pytest.mark.parametrize("name", ["flights.xlsx", "missing.csv"])
def test_files_that_cannot_be_read_are_refused_before_any_is(tmp_path: Path, name: str) -> None:
    if name == "flights.xlsx":
        a_file(tmp_path, "", name)
    with pytest.raises(BackfillError, match=name):
        look_at([tmp_path / name], FLIGHT, read_mapping(None, FLIGHT))


def test_a_file_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = as_ndjson(tmp_path / "flights.ndjson", FLIGHT, FLIGHTS)
    cut = as_avro(tmp_path / "flights.avro", FLIGHT, FLIGHTS * 2_000)
    cut.write_bytes(cut.read_bytes()[:-40])
    taken: list[int] = []
    with pytest.raises(BackfillError, match=r"flights.avro: cannot be read any further"):
        Read(FLIGHT, [path, cut], at_most=100_000, taken=taken)
    assert taken[0] == 5
    assert 0 < taken[1] < 10_000


def test_a_file_without_the_columns_that_are_wanted_is_refused_before_its_first_line(tmp_path: Path) -> None:
    path = as_csv(tmp_path / "flights.csv", FLIGHT, FLIGHTS)
    text = path.read_text().replace("cancelled", "cancelled,gate").replace("False", "False,7").replace("True", "True,7")
    with pytest.raises(
        BackfillError,
        match=r"flights.csv: no column 'no' for the field flight; of its 12 columns these are .*: carrier,",
    ):
        Read(FLIGHT, [path], a_mapping(tmp_path, '[fields]\nflight = "no"'))
    with pytest.raises(BackfillError, match=r"no column 'origin' for the field origin"):
        Read(FLIGHT, [a_file(tmp_path, "carrier,flight\nUA,1\n")])
    with pytest.raises(BackfillError, match="no field takes the columns 13 of 13"):
        Read(FLIGHT, [a_file(tmp_path, text)])
    assert Read(FLIGHT, [a_file(tmp_path, text)], a_mapping(tmp_path, "")).problems == []


def test_what_is_acknowledged_is_not_read_again_unless_file_or_mapping_change(tmp_path: Path) -> None:
    path = as_csv(tmp_path / "flights.csv", FLIGHT, FLIGHTS)
    journal = Journal.open(tmp_path / "journal")
    journal.claim("me", 0, 30)
    first = Read(FLIGHT, [path], journal=journal, at_most=2)
    assert [len(each.messages) for each in first.rounds] == [2, 2, 1]
    first.source.acknowledge(first.rounds[:1])

    again = Read(FLIGHT, [path], journal=journal)
    assert [keys(each) for each in again.messages] == [keys(each) for each in first.messages[2:]]
    assert again.source.settled_before == 2
    assert len(Read(FLIGHT, [path], a_mapping(tmp_path, 'source = "/x"'), journal).messages) == 5
    path.write_bytes(path.read_bytes() + b"\r\n")
    assert len(Read(FLIGHT, [path], journal=journal).messages) == 5


def keys(message: Message) -> tuple[Any, ...]:
    return message.message_id, message.published_at, message.data


def test_the_example_in_the_docs_does_what_it_says(tmp_path: Path) -> None:
    text = (ROOT / "docs/backfill.md").read_text()
    blocks = dict(re.findall(r"```(csv|toml)\n(.*?)```", text, re.DOTALL))
    path = a_file(tmp_path, blocks["csv"], "january.csv")
    read = Read(FLIGHT, [path], a_mapping(tmp_path, blocks["toml"]))
    assert len(read.messages) == 3
    (problem,) = read.problems
    assert f"`{problem}`" in text
    assert decode(FLIGHT, read.messages[0].data)["scheduled_at"] == to_micros(datetime(2026, 1, 2, 10, 15, tzinfo=UTC))


def test_a_day_that_is_loaded_may_be_older_than_what_is_streamed(tmp_path: Path) -> None:
    contract = a_contract(("n", "int"), identity=["n"])
    path = as_avro(tmp_path / "things.avro", contract, [{"n": 1, "at": MOMENT - timedelta(days=2_000)}])
    mapping = read_mapping(None, contract)
    task = Task(contract, mapping, look_at([path], contract, mapping), NOW)
    with pytest.raises(BackfillError, match=r"line 1: .* older than 1,825 days: .* \(--replace-partition\)"):
        list(rounds(task))
    (_, read, *_) = rounds(replace(task, loaded=True))
    assert len(read.messages) == 1


@pytest.mark.parametrize(
    ("text", "expected"), [("31.01.2026", "write it as 2026-01-31"), ("2019-01-31", "forgets a row after 800 days")]
)
def test_a_day_that_the_table_cannot_have_is_refused(text: str, expected: str) -> None:
    with pytest.raises(BackfillError, match=expected):
        day_of(text, FLIGHT, NOW)
    assert day_of(f"{MOMENT:%Y-%m-%d}", FLIGHT, NOW).begin <= to_micros(MOMENT)
