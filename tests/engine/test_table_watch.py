"""When a table counts as another one: by its creation time, and by rows that must still be in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from google.api_core.exceptions import NotFound
from google.cloud import bigquery
from structlog.testing import capture_logs

from headrace.bigquery.table_identity import Witness, look_at_table, missing_witnesses
from headrace.engine.journal import Journal
from headrace.engine.status import SubjectStatus
from headrace.engine.table_watch import LOOK_SECONDS, WITNESS_SECONDS, Change, TableWatch, watch_on
from headrace.engine.witnesses import EVERY_SECONDS, KEPT, Witnesses, parse_witnesses
from headrace.schemas.envelope import to_micros

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
LATELY = Witness("a", to_micros(NOW - timedelta(days=1)))


@dataclass
class Service:
    """A table as BigQuery describes it, and the ids that it holds; None is no table."""

    created: datetime | None = NOW
    rows: int = 5
    expires_days: int | None = None
    ids: list[str] = field(default_factory=list)
    asked: int = 0

    def get_table(self, name: str, **_: Any) -> bigquery.Table:
        if self.created is None:
            raise NotFound(name)
        table = bigquery.Table(name)
        table._properties |= {"creationTime": str(to_micros(self.created) // 1000), "numRows": str(self.rows)}
        expiry = self.expires_days and self.expires_days * 86_400_000
        table.time_partitioning = bigquery.TimePartitioning(field="_event_time", expiration_ms=expiry)
        return table

    def query_and_wait(self, query: str, **_: Any) -> list[dict[str, Any]]:
        if "CURRENT_TIMESTAMP" in query:
            return [{"now": NOW}]
        self.asked += 1
        return [{"id": each} for each in self.ids]


class Watched:
    """A watch over a table whose journal knows it, and one row of it."""

    def __init__(self, folder: Path) -> None:
        self.service, self.status, self.seconds = Service(ids=["a"]), SubjectStatus("things"), 0.0
        self.journal = Journal.open(folder / "journal")
        self.journal.claim("a test", 0, 3600)
        self.watch = self.another_process()

    def another_process(self) -> TableWatch:
        """The watch of the next process, on the same journal."""
        client: Any = self.service
        return TableWatch(
            "t", "`p.d.t`", journal=self.journal, client=client, status=self.status, seconds=lambda: self.seconds
        )

    def know(self) -> Watched:
        assert self.watch.look() is Change.NEW
        with self.journal.transaction() as transaction:
            transaction.identify("t", self.watch.identity)
            transaction.keep_witnesses("t", Witnesses(None).offer(rows(LATELY)) or "")
        return self


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path)
    yield made
    made.journal.close()


def rows(*each: Witness) -> pa.RecordBatch:
    times = pa.array([one.event_time for one in each], pa.timestamp("us", "UTC"))
    return pa.RecordBatch.from_pydict({"_event_id": [one.event_id for one in each], "_event_time": times})


def test_an_unchanged_table_counts_as_the_same(watched: Watched) -> None:
    watched.know()
    assert watched.watch.look() is None
    watched.watch.watch()
    assert (watched.watch.is_change_open, watched.status.in_the_way) == (False, {})


def test_another_creation_time_is_another_table(watched: Watched) -> None:
    watched.know()
    watched.service.created = NOW + timedelta(milliseconds=1)
    watched.watch.watch()
    assert watched.watch.is_change_open
    assert "another table than before" in watched.status.in_the_way["table"]
    watched.watch.adopted(Change.REPLACED)
    assert (watched.watch.is_change_open, watched.status.in_the_way) == (False, {})
    assert "looked up in it from now on" in watched.status.notices["table"]


def test_a_table_that_is_not_there_is_in_the_way_until_it_is(watched: Watched) -> None:
    watched.know()
    created, watched.service.created = watched.service.created, None
    watched.watch.watch()
    assert "does not exist; `headrace provision` makes it" in watched.status.in_the_way["table"]
    watched.service.created = created
    watched.watch.watch()
    assert watched.status.in_the_way == {}


def test_rows_are_asked_for_at_first_when_rows_fell_and_now_and_then(watched: Watched) -> None:
    watched.know()
    for rows_now, seconds, asked in ((5, 0.0, 1), (5, 1.0, 1), (9, 2.0, 1), (8, 3.0, 2), (8, 3.0 + WITNESS_SECONDS, 3)):
        watched.service.rows, watched.seconds = rows_now, seconds
        assert watched.watch.look() is None
        assert watched.service.asked == asked
    watched.service.rows, watched.service.ids = 0, []
    assert watched.watch.look() is Change.EMPTIED


def test_an_emptied_table_is_detected_again_by_the_next_look(watched: Watched) -> None:
    watched.know()
    assert watched.watch.look() is None
    watched.service.rows, watched.service.ids = 0, []
    watched.watch.watch()
    assert watched.watch.is_change_open
    assert watched.watch.look() is Change.EMPTIED


@pytest.mark.parametrize(("expires_days", "missing"), [(None, 1), (30, 1), (2, 0), (1, 0)])
def test_a_row_is_not_missed_from_a_day_before_its_partition_expires(expires_days: int | None, missing: int) -> None:
    client: Any = Service(expires_days=expires_days)
    looked = look_at_table(client, "`p.d.t`")
    assert missing_witnesses(client, looked, [LATELY]) == missing
    client.ids = ["a"]
    assert missing_witnesses(client, looked, [LATELY]) == 0


def test_a_row_is_kept_every_few_seconds_and_only_the_last_ones() -> None:
    clock = iter(range(0, 1_000_000, int(EVERY_SECONDS) // 2))
    witnesses = Witnesses(None, lambda: next(clock))
    texts = [witnesses.offer(rows(Witness(f"e{number}", number))) for number in range(60)]
    kept = [text for text in texts if text is not None]
    assert 0 < len(kept) < 60
    assert len(parse_witnesses(kept[-1])) == KEPT
    assert parse_witnesses(kept[-1])[-1].event_id == f"e{texts.index(kept[-1])}"
    assert list(parse_witnesses(None)) == []


def test_a_row_is_kept_as_soon_as_it_is_time_and_not_before() -> None:
    now = [0.0]
    witnesses = Witnesses(None, lambda: now[0])
    assert witnesses.offer(rows(LATELY))
    now[0] = EVERY_SECONDS - 0.5
    assert witnesses.offer(rows(LATELY)) is None
    now[0] = EVERY_SECONDS
    assert witnesses.offer(rows(LATELY))


def test_a_batch_without_rows_has_none_to_keep_and_leaves_it_to_the_next() -> None:
    witnesses = Witnesses(None, lambda: 0.0)
    assert witnesses.offer(rows()) is None
    assert parse_witnesses(witnesses.offer(rows(LATELY))) == [LATELY]


def is_overdue(watch: TableWatch) -> bool:
    return watch.is_overdue


def test_a_table_is_overdue_after_twice_the_look_interval(watched: Watched) -> None:
    watched.know()
    watched.seconds = 2 * LOOK_SECONDS
    assert not is_overdue(watched.watch)
    watched.seconds += 1.0
    assert is_overdue(watched.watch)
    watched.watch.watch()
    assert not is_overdue(watched.watch)


def test_a_table_that_is_never_checked_is_overdue_only_after_twice_the_look_interval(watched: Watched) -> None:
    watched.seconds = 5.0
    watch = watched.another_process()
    watched.seconds += 2 * LOOK_SECONDS
    assert not is_overdue(watch)
    watched.seconds += 1.0
    assert is_overdue(watch)


def test_the_next_process_asks_for_rows_that_an_earlier_one_kept(watched: Watched) -> None:
    watched.know()
    assert watched.another_process().look() is None
    assert watched.service.asked == 1
    watched.service.ids = []
    assert watched.another_process().look() is Change.EMPTIED


def test_what_a_look_saw_serves_others_for_a_while_and_not_when_the_table_was_gone(watched: Watched) -> None:
    watched.seconds = 5.0
    watched.know()
    assert watched.watch.seen(0.0) is not None
    watched.seconds += 30.0
    assert watched.watch.seen(30.0) is not None
    watched.seconds += 1.0
    assert watched.watch.seen(30.0) is None
    watched.watch.look()
    assert watched.watch.seen(30.0) is not None
    watched.service.created = None
    watched.watch.watch()
    assert watched.watch.seen(30.0) is None


def test_rows_are_not_asked_for_where_that_is_left_for_later(watched: Watched) -> None:
    watched.know()
    watched.service.ids = []
    assert watched.watch.look(ask_for_rows=False) is None
    assert watched.service.asked == 0
    assert watched.watch.look() is Change.EMPTIED


def test_a_change_wakes_the_loop(watched: Watched) -> None:
    woken: list[str] = []
    watched.know()
    watched.watch._changed = lambda: woken.append("the loop")
    watched.watch.watch()
    assert woken == []
    watched.service.created = NOW + timedelta(milliseconds=1)
    watched.watch.watch()
    assert woken == ["the loop"]


def test_what_is_in_the_way_is_logged_once(watched: Watched) -> None:
    watched.know()
    watched.service.created = None
    with capture_logs() as logs:
        for _ in range(2):
            watched.watch.watch()
            assert [each["event"] for each in logs] == ["table_differs"]


@pytest.mark.parametrize(("tables", "pause"), [(1, 10.0), (2, 5.0), (100, 0.5)])
def test_tables_are_looked_at_in_turn_each_every_few_seconds_and_of_many_two_a_second(
    tables: int, pause: float
) -> None:
    stop = Stopped(after=2 * tables + 1)
    looked: list[int] = []
    watches: Any = [Looking(number, looked) for number in range(tables)]
    watch_on(lambda: watches, stop, 10.0)
    assert looked == [*range(tables), *range(tables), 0]
    assert stop.pauses == [pause] * (2 * tables + 2)


def test_a_table_that_is_served_later_is_looked_at_with_the_next_round() -> None:
    looked: list[int] = []
    watches: Any = [Looking(0, looked)]

    def served() -> Any:
        watches.append(Looking(len(watches), looked))
        return watches[:-1]

    watch_on(served, Stopped(after=6), 10.0)
    assert looked == [0, 0, 1, 0, 1, 2]


@dataclass
class Looking:
    """Notes that it was looked at."""

    number: int
    looked: list[int]

    def watch(self) -> None:
        self.looked.append(self.number)


class Stopped(threading.Event):
    """Set *after* so many waits, of which none takes time."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after, self.pauses = after, list[float]()

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.pauses.append(timeout)
        return len(self.pauses) > self.after
