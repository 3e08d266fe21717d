"""The audit over tables in memory: what was tallied held against what the tables have, in the queries it asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pyarrow as pa
import pytest
from google.cloud import bigquery

from headrace.audit.queries import Statement, signed, statements, stored_windows, tallied_windows
from headrace.audit.read_back import read_back, readable_columns
from headrace.audit.reconcile import SubjectAudit, audit, count_subjects
from headrace.audit.scope import Scope
from headrace.audit.windows import Hashes, ReadBack, Stored, Tallied
from headrace.bigquery.event_table import row_schema, table_for
from headrace.bigquery.service_tables import TALLY_SCHEMA, tallies_table
from headrace.core.micro_batch import NOTES, MicroBatch
from headrace.core.outcome import Outcome
from headrace.core.resource_names import Names
from headrace.core.tally import Tally, gap_tally, tally_lost, tally_rows, tally_written
from headrace.schemas.envelope import to_micros
from headrace.schemas.registry import Contract, Registry
from headrace.steps.decode.decode_messages import event_keys
from headrace.steps.tally_lines import tally_lines
from tests.support.builders import a_contract
from tests.support.warehouse import Warehouse

NAMES = Names("my-project")
MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)  # day 20,526 since 1970: a window of two days would begin with it
NOW = NOON + timedelta(days=5)
OPTIONAL_TEXT = ["null", "string"]
THING = a_contract(("name", "string"))
THING_SQL = NAMES.sql("things")
A, B, C = ("a", NOON), ("b", NOON + timedelta(seconds=59)), ("c", NOON + MINUTE)

Event = tuple[str, datetime]


class Books:
    """What a job would have tallied and written, put down by a test; *warehouse* makes tables of it."""

    def __init__(self, *contracts: Contract) -> None:
        self.contracts = contracts or (THING,)
        self._ids = count()
        self._lines: list[pa.RecordBatch] = []
        self._rows: dict[str, list[pa.Table]] = {}

    def tally(
        self,
        outcome: Outcome,
        *events: Event,
        reason: str | None = None,
        at: datetime = NOON,
        until: datetime | None = None,
        batch: MicroBatch | None = None,
    ) -> None:
        """Count *events* in one line, or those of *batch*."""
        batch = batch or a_batch(*events)
        written = outcome is Outcome.WRITTEN
        self.put_down(
            tally_written(batch, MINUTE) if written else tally_rows(batch, outcome, MINUTE, reason), at, until
        )

    def put_down(self, tally: Tally, at: datetime = NOON, until: datetime | None = None) -> None:
        complete = {name: to_micros(until) for name in tally.counts["subject"].to_pylist()} if until else {}
        self._lines.append(tally_lines(tally, to_micros(at), lambda: f"line-{next(self._ids)}", complete))

    def copy_last_line(self) -> None:
        self._lines.append(self._lines[-1])

    def write(self, *events: Event, batch: MicroBatch | None = None, **columns: Any) -> None:
        """Store rows; *columns* have other values than they were tallied with."""
        batch = batch or a_batch(*events)
        rows = pa.Table.from_batches([batch.rows])
        for name, value in columns.items():
            values = pa.array([value] * len(rows), rows.schema.field(name).type if name in rows.schema.names else None)
            rows = rows.drop_columns([each for each in [name] if each in rows.schema.names]).append_column(name, values)
        self._rows.setdefault(batch.subject, []).append(rows)

    def settle(self, *events: Event, at: datetime = NOON) -> None:
        """Receive, write and tally."""
        self.tally(Outcome.RECEIVED, *events, at=at)
        self.tally(Outcome.WRITTEN, *events, at=at)
        self.write(*events)

    def warehouse(self, expire_after_days: int | None = None, **own: pa.DataType) -> Warehouse:
        """The tables; *own* columns are people's."""
        found = Warehouse(NAMES)
        found.put(tallies_table(NAMES.project, NAMES.dataset), pa.Table.from_batches(self._lines, TALLY_SCHEMA))
        for contract in {each.options.table: each for each in self.contracts}.values():
            versions = [row_schema(each) for each in self.contracts if each.subject == contract.subject]
            schema = pa.unify_schemas([*versions, pa.schema(list(own.items()))])
            rows = [each.cast(pa.schema([schema.field(n) for n in each.schema.names])) for each in self.rows(contract)]
            table = table_for(contract, NAMES.project, NAMES.dataset)
            table.schema = [bigquery.SchemaField(name, "STRING") for name in schema.names]
            if expire_after_days:
                table.time_partitioning.expiration_ms = expire_after_days * 86_400_000
            stored = pa.concat_tables([schema.empty_table(), *rows], promote_options="default")
            found.put(table, stored)
        return found

    def rows(self, contract: Contract) -> list[pa.Table]:
        return self._rows.get(contract.subject, [])

    def registry(self) -> Registry:
        return Registry({each.ref: each for each in self.contracts})

    def audit(self, warehouse: Warehouse | None = None, **scope: Any) -> list[SubjectAudit]:
        return audit(self.registry(), NAMES, warehouse or self.warehouse(), a_scope(**scope))  # type: ignore[arg-type]

    def found(self, warehouse: Warehouse | None = None, **scope: Any) -> list[tuple[str, int | None, int | None]]:
        """Every finding: kind, minutes after noon, how many."""
        return [
            (str(each.kind), None if each.start is None else (each.start - to_micros(NOON)) // 60_000_000, each.events)
            for subject in self.audit(warehouse, **scope)
            for each in subject.findings
        ]


def a_scope(window: timedelta = MINUTE, **more: Any) -> Scope:
    return Scope(to_micros(NOW), window, **more)


def a_batch(*events: Event, contract: Contract = THING, **columns: Any) -> MicroBatch:
    """Events by id and time, each named by its id unless *columns* say otherwise."""
    schema = row_schema(contract)
    rows = [
        {"name": id_, "at": at, "_event_id": id_, "_event_time": at, "_ingested_at": at, "_schema_version": 1}
        | {"_source": "/test"}
        | columns
        for id_, at in events
    ]
    notes = {
        "event_key": event_keys(id_ for id_, _ in events),
        "content_hash": [7] * len(events),
        "event_time": [to_micros(at) for _, at in events],
    }
    arrays = [pa.array(notes.get(each.name, [0] * len(events)), each.type) for each in NOTES]
    return MicroBatch(
        contract.subject,
        pa.RecordBatch.from_pylist(rows, schema=schema),
        pa.RecordBatch.from_arrays(arrays, schema=NOTES),
        b"",
    )


def minutes_later(minutes: int, id_: str = "z") -> Event:
    return id_, NOON + minutes * MINUTE


def test_every_outcome_of_every_window_is_added_up_and_reconciles() -> None:
    books = Books()
    for minute in (0, 1):
        ids = [minutes_later(minute, f"{letter}{minute}") for letter in "abcdef"]
        books.tally(Outcome.RECEIVED, *ids)
        books.tally(Outcome.WRITTEN, *ids[:2])
        books.tally(Outcome.DUPLICATE, ids[2])
        books.tally(Outcome.DROPPED, ids[3])
        books.tally(Outcome.DEAD_LETTERED, *ids[4:], reason="late")
        books.write(*ids[:2])
    books.write(minutes_later(1, "a1"))

    (found,) = books.audit()

    assert (found.subject, found.table, found.complete_until) == ("thing_happened", "things", None)
    assert (found.received, found.written, found.duplicates, found.dropped) == (12, 4, 2, 2)
    assert (found.dead_lettered, found.rows, found.distinct_event_ids) == ({"late": 4}, 5, 4)
    assert found.differences == ["doubled: 1 in 1 window (rows with the id of an earlier row)"]
    assert found.excused == []


def test_a_table_without_rows_and_tallies_reconciles() -> None:
    (found,) = Books().audit(contents=True)
    assert (found.rows, found.received, found.findings, found.gaps) == (0, 0, [], ())


def test_rows_that_are_missing_doubled_or_foreign_are_named_with_their_window() -> None:
    books = Books()
    books.settle(B)
    books.write(B)
    books.tally(Outcome.RECEIVED, C)
    books.tally(Outcome.WRITTEN, C)
    books.write(minutes_later(2))

    assert books.found() == [("doubled", 0, 1), ("lost", 1, 1), ("unexplained", 2, 1)]


def test_a_repeated_tally_line_is_counted_once_and_reported() -> None:
    books = Books()
    books.tally(Outcome.RECEIVED, A)
    books.tally(Outcome.DROPPED, A)
    books.copy_last_line()
    books.copy_last_line()

    (found,) = books.audit()

    assert (found.received, found.dropped) == (1, 1)
    assert found.differences == ["copied: 2 in 1 window (tally lines that were appended again; each is counted once)"]


def test_each_open_gap_is_reported_once_and_a_settled_one_is_not() -> None:
    books = Books()
    for reason in ("from 3 to 4", "from 1 to 2", "from 3 to 4", "settled: from 5 to 6"):
        books.put_down(gap_tally("thing_happened", 1, 2, reason))

    (found,) = books.audit()

    assert found.gaps == ("from 1 to 2", "from 3 to 4")
    assert [(str(each.kind), each.start, each.events) for each in found.findings] == [("gap", None, None)] * 2
    assert found.events.total() == 0
    assert found.differences[0].startswith("gap: in 2 windows (")
    assert books.audit(since=NOON + MINUTE)[0].gaps == ()


def test_what_is_on_its_way_is_excused_until_the_subject_is_complete() -> None:
    books = Books()
    books.tally(Outcome.RECEIVED, A, at=NOW)
    books.write(C)
    lately = timedelta(days=6)

    (found,) = books.audit(grace=lately)

    assert [(str(kind), events) for kind, events in found.events.items()] == [("in_flight", 2)]
    assert found.differences == []
    assert found.excused == ["in_flight: 2 in 2 windows (received without an outcome, or rows without a tally, so far)"]
    books.tally(Outcome.RECEIVED, C, until=NOW)
    books.tally(Outcome.DROPPED, C)
    (found,) = books.audit(grace=lately)
    assert found.complete_until == NOW
    assert [str(kind) for kind in found.events] == ["unsettled", "unexplained"]


def test_outcomes_without_a_receipt_are_excused_only_while_they_are_new() -> None:
    books = Books()
    books.tally(Outcome.DROPPED, A, at=NOW)
    books.tally(Outcome.DUPLICATE, C)

    assert books.found() == [("in_flight", 0, 1), ("unreceived", 1, 1)]


def test_rows_of_partitions_that_expired_are_excused() -> None:
    books = Books()
    books.tally(Outcome.RECEIVED, A, ("n", NOW))
    books.tally(Outcome.WRITTEN, A, ("n", NOW))

    (found,) = books.audit(books.warehouse(expire_after_days=3))

    assert found.excused == ["expired: 1 in 1 window (tallied as written, in a partition that may have expired)"]
    assert found.differences == ["lost: 1 in 1 window (tallied as written, but without a row)"]


def test_only_what_lies_since_a_time_and_belongs_to_the_subjects_is_looked_at() -> None:
    other = a_contract(("name", "string"), subject="other_happened", table="others")
    books = Books(THING, other)
    books.tally(Outcome.RECEIVED, A, C)
    books.tally(Outcome.RECEIVED, batch=a_batch(A, contract=other))

    assert [(each.subject, each.received) for each in books.audit()] == [("other_happened", 1), ("thing_happened", 2)]
    (found,) = books.audit(since=NOON + MINUTE, subjects=["thing_happened"])
    assert (found.subject, found.received) == ("thing_happened", 1)


def test_contents_are_read_back_only_when_asked_for_and_only_where_counts_agree() -> None:
    books = Books()
    books.tally(Outcome.RECEIVED, A, C, minutes_later(2))
    books.tally(Outcome.WRITTEN, A, C, minutes_later(2))
    books.write(A, name="another")
    books.write(("other", C[1]))

    assert books.found() == [("lost", 2, 1)]
    assert books.found(contents=True) == [("lost", 2, 1), ("changed", 0, None), ("replaced", 1, None)]


def test_the_rows_of_a_day_are_read_back_at_once_whole_windows_of_them() -> None:
    books = Books()
    books.settle(A, B, C, minutes_later(2), minutes_later(5, "y"), ("tomorrow", NOON + timedelta(days=1)))
    books.tally(Outcome.RECEIVED, ("alone", NOON + timedelta(days=2)))
    warehouse = books.warehouse()

    found = books.found(warehouse, contents=True)

    assert found == [("unsettled", 2880, 1)]
    assert [(asked["begin"], asked["until"]) for asked in warehouse.asked if "begin" in asked] == [
        (NOON, NOON + 6 * MINUTE),
        (NOON + timedelta(days=1), NOON + timedelta(days=1) + MINUTE),
    ]


def test_a_row_of_an_older_version_is_compared_with_the_columns_that_the_newest_has_dropped() -> None:
    first = a_contract(("name", "string"), ("dropped", OPTIONAL_TEXT, {"default": None}))
    second = a_contract(("name", "string"), version=2)
    books = Books(first, second)
    batch = a_batch(A, contract=first, dropped="still there")
    books.tally(Outcome.RECEIVED, batch=batch)
    books.tally(Outcome.WRITTEN, batch=batch)
    books.write(batch=batch)

    assert books.found(contents=True) == []


@pytest.mark.parametrize("other", ["another_happened", "zone_entered"])
def test_columns_that_people_added_are_theirs_though_another_contract_has_such_a_name(other: str) -> None:
    stranger = a_contract(("note", "string"), subject=other, table="strangers")
    books = Books(THING, stranger)
    books.tally(Outcome.RECEIVED, A)
    books.tally(Outcome.WRITTEN, A)
    books.write(A, note="mine")

    assert books.found(books.warehouse(note=pa.string()), contents=True) == []


def test_totals_are_counted_by_days_and_nothing_is_excused() -> None:
    books = Books()
    books.tally(Outcome.RECEIVED, A, ("tomorrow", NOON + timedelta(days=1)), at=NOW - timedelta(microseconds=1))
    warehouse: Any = books.warehouse()

    (found,) = count_subjects(books.registry(), NAMES, warehouse, clock=lambda: to_micros(NOW))

    assert (found.received, found.excused) == (2, [])
    assert found.differences == ["unsettled: 2 in 2 windows (received, but still without an outcome)"]


def windows(books: Books, settled: datetime = NOON, **scope: Any) -> list[tuple[int, Tallied]]:
    client: Any = books.warehouse()
    return list(tallied_windows("thing_happened", settled, a_scope(**scope), NAMES, client))


@pytest.mark.parametrize(
    ("outcome", "counted"),
    [
        (Outcome.RECEIVED, {"received": 3, "recent_received": 3}),
        (Outcome.DUPLICATE, {"duplicates": 3, "recent_settled": 3}),
        (Outcome.DROPPED, {"dropped": 3, "recent_settled": 3}),
        (Outcome.DEAD_LETTERED, {"dead_lettered": {"": 2, "late": 1}, "recent_settled": 3}),
        (Outcome.LOST, {"lost": 3}),
    ],
)
def test_an_outcome_is_added_up_over_its_reasons(outcome: Outcome, counted: dict[str, Any]) -> None:
    books = Books()
    books.tally(outcome, A, B, at=NOW)
    books.tally(outcome, A, reason="late", at=NOW)

    assert windows(books) == [(to_micros(NOON), Tallied(**counted))]


def test_written_rows_have_their_hashes_added_up_modulo_two_to_the_64th() -> None:
    books = Books()
    many = [minutes_later(0, f"id-{number}") for number in range(20)]
    books.tally(Outcome.WRITTEN, *many[:7])
    books.tally(Outcome.WRITTEN, *many[7:])

    ((_, found),) = windows(books)

    (whole,) = tally_written(a_batch(*many), MINUTE).counts.to_pylist()
    assert (found.written, found.recent_settled) == (20, 0)
    assert found.hashes == Hashes(whole["id_hash"], whole["content_hash"])


def test_windows_come_in_order_before_1970_too_and_lost_rows_where_they_were_noticed() -> None:
    books = Books()
    books.put_down(tally_lost("thing_happened", 4, to_micros(C[1]) + 5, MINUTE))
    books.tally(Outcome.RECEIVED, A, ("old", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)))

    assert windows(books) == [
        (-60_000_000, Tallied(received=1)),
        (to_micros(NOON), Tallied(received=1)),
        (to_micros(C[1]), Tallied(lost=4)),
    ]


def test_what_a_table_holds_is_counted_by_window_with_what_came_lately() -> None:
    books = Books()
    books.write(A, B)
    books.write(A, _ingested_at=NOON + timedelta(hours=1))
    books.write(C, _ingested_at=NOON + timedelta(hours=1))
    client: Any = books.warehouse()

    found = list(stored_windows(THING_SQL, NOON + MINUTE, a_scope(), client))

    assert found == [(to_micros(NOON), Stored(2, 1, 0)), (to_micros(C[1]), Stored(1, 0, 1))]


def test_a_statement_is_made_of_every_subject_that_was_tallied() -> None:
    books = Books()
    books.tally(Outcome.RECEIVED, A, until=NOON)
    books.tally(Outcome.RECEIVED, B, until=NOW)
    books.copy_last_line()
    books.put_down(gap_tally("elsewhere", 1, 2, "why"))
    client: Any = books.warehouse()

    assert statements(NAMES, client, a_scope()) == {
        "thing_happened": Statement(NOW, 1, ()),
        "elsewhere": Statement(None, 0, ("why",)),
    }


def test_rows_read_back_have_the_hashes_that_were_tallied() -> None:
    batch = a_batch(A, B, ("b2", NOON), C)
    books = Books()
    books.write(batch=batch)
    client: Any = books.warehouse()
    begin, end = to_micros(NOON), to_micros(NOON + 2 * MINUTE)

    found = read_back(client, THING_SQL, row_schema(THING).names, begin, end, MINUTE)

    lines = tally_written(batch, MINUTE).counts.to_pylist()
    assert found == {
        each["window_start"]: ReadBack(
            each["events"], Hashes(each["id_hash"], each["content_hash"]), in_order=each["content_hash"]
        )
        for each in lines
    }
    early = read_back(client, THING_SQL, row_schema(THING).names, begin, to_micros(C[1]), MINUTE)
    assert list(early) == [begin]


def test_columns_to_read_are_those_of_the_contract_without_the_time_of_ingestion() -> None:
    columns = ["name", "_event_id", "_ingested_at", "Theirs", "theirs"]
    table = bigquery.Table("p.d.t", [bigquery.SchemaField(name, "STRING") for name in columns])

    assert readable_columns(table, {"name", "_event_id", "_ingested_at", "gone"}) == ["name", "_event_id"]


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, 0), (-1, -1), (2**63 - 1, 2**63 - 1), (2**63, -(2**63)), (2**64 + 5, 5), (-(2**63) - 1, 2**63 - 1)],
)
def test_a_sum_is_taken_modulo_two_to_the_64th_as_a_signed_number(number: int, expected: int) -> None:
    assert signed(number) == expected
