"""The numbers that are missing in the sequences of sources, over tallies in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, cast

import pyarrow as pa
from google.cloud import bigquery
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.audit.missing_numbers import Missing, missing_numbers, unnumbered_events
from headrace.audit.scope import Scope
from headrace.bigquery.service_tables import TALLY_SCHEMA, tallies_table
from headrace.core.arrivals import tally_arrivals
from headrace.core.message import Message
from headrace.core.resource_names import Names
from headrace.schemas.envelope import to_micros
from headrace.schemas.sequence import MAX_NUMBER, SequenceNumber
from headrace.steps.tally_lines import tally_lines
from tests.support.strategies import FIXED_PROFILE
from tests.support.warehouse import Warehouse

NAMES = Names("my-project")
MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
SUBJECT = "things"


class Tallies:
    """Lines of numbers that arrived, as the job appends them."""

    def __init__(self) -> None:
        self._ids = count()
        self._lines: list[pa.RecordBatch] = []

    def arrive(
        self, *numbers: int | str, at: datetime = NOON, tallied: datetime | None = None, source: str = "/checkout"
    ) -> Tallies:
        messages = [
            Message(
                SUBJECT,
                b"",
                {"ce-source": source, "ce-sequence": str(SequenceNumber("a1", n)) if isinstance(n, int) else n},
                "m",
                to_micros(at),
            )
            for n in numbers
        ]
        for tally in tally_arrivals(messages, MINUTE):
            self._lines.append(tally_lines(tally, to_micros(tallied or at), lambda: f"line-{next(self._ids)}"))
        return self

    def client(self) -> bigquery.Client:
        found = Warehouse(NAMES)
        found.put(tallies_table(NAMES.project, NAMES.dataset), pa.Table.from_batches(self._lines, TALLY_SCHEMA))
        return cast(bigquery.Client, found)

    def missing(self, complete_until: datetime | None = None, **scope: Any) -> list[Missing]:
        return [*missing_numbers(SUBJECT, complete_until, a_scope(**scope), NAMES, self.client())]


def a_scope(now: datetime = NOON + timedelta(days=1), **more: Any) -> Scope:
    return Scope(to_micros(now), MINUTE, **more)


def spans(missing: Iterable[Missing]) -> list[tuple[int, int]]:
    return [(each.first, each.last) for each in missing]


def test_numbers_missing_at_the_begin_and_in_between_are_found_with_the_windows_beside_them() -> None:
    tallies = Tallies().arrive(3, 4).arrive(8, at=NOON + 5 * MINUTE + timedelta(seconds=7))
    assert tallies.missing() == [
        Missing("/checkout", "a1", 1, 2, None, NOON, awaited=False),
        Missing("/checkout", "a1", 5, 7, NOON, NOON + 5 * MINUTE, awaited=False),
    ]


def test_the_last_events_of_an_epoch_are_not_missed() -> None:
    assert Tallies().arrive(1, 2).missing() == []


def test_events_that_arrive_later_close_a_gap() -> None:
    tallies = Tallies().arrive(1, 5)
    assert spans(tallies.missing()) == [(2, 4)]
    assert spans(tallies.arrive(3, at=NOON + timedelta(hours=3)).missing()) == [(2, 2), (4, 4)]
    assert tallies.arrive(2, 4, 4).missing() == []


def test_sources_do_not_fill_gaps_of_each_other() -> None:
    tallies = Tallies().arrive(1, 3).arrive(1, 2, source="/returns")
    assert [(each.source, each.first) for each in tallies.missing()] == [("/checkout", 2)]


def test_what_was_tallied_lately_is_awaited() -> None:
    tallies = Tallies().arrive(1, 3, tallied=NOON)
    now = NOON + timedelta(seconds=50)
    assert [each.awaited for each in tallies.missing(now=now)] == [True]
    assert [each.awaited for each in tallies.missing(now=now, grace=timedelta(seconds=40))] == [False]
    assert [each.awaited for each in tallies.missing(now=now + MINUTE)] == [False]


def test_what_was_published_after_the_job_was_complete_is_awaited() -> None:
    tallies = Tallies().arrive(1, 3, at=NOON)
    assert [each.awaited for each in tallies.missing(complete_until=NOON - timedelta(seconds=1))] == [True]
    assert [each.awaited for each in tallies.missing(complete_until=NOON)] == [False]


def test_an_event_that_comes_again_later_does_not_make_an_old_gap_awaited() -> None:
    tallies = Tallies().arrive(1, 3, tallied=NOON).arrive(3, tallied=NOON + timedelta(hours=1))
    assert [each.awaited for each in tallies.missing(now=NOON + timedelta(hours=1))] == [False]


def test_since_leaves_out_gaps_before_and_still_counts_what_arrived_before() -> None:
    tallies = Tallies().arrive(1, 3, at=NOON).arrive(4, 6, at=NOON + timedelta(hours=1))
    assert spans(tallies.missing(since=NOON + timedelta(minutes=30))) == [(5, 5)]


def test_a_hostile_number_is_one_finding() -> None:
    (found,) = Tallies().arrive(1, MAX_NUMBER).missing()
    assert (found.first, found.last, found.events) == (2, MAX_NUMBER - 1, MAX_NUMBER - 2)


def test_numbers_that_cannot_be_read_are_counted() -> None:
    client = Tallies().arrive("one", 1, "three").arrive("x").client()
    assert unnumbered_events(SUBJECT, a_scope(), NAMES, client) == 3
    assert unnumbered_events("others", a_scope(), NAMES, client) == 0


@settings(FIXED_PROFILE, max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from(["/a", "/b"]), st.integers(0, 3), st.lists(st.integers(1, 25), min_size=1)),
        min_size=1,
        max_size=8,
    )
)
def test_exactly_the_numbers_below_the_last_that_did_not_arrive_are_missing(
    rounds: Sequence[tuple[str, int, list[int]]],
) -> None:
    tallies = Tallies()
    for source, minute, numbers in rounds:
        tallies.arrive(*numbers, at=NOON + minute * MINUTE, source=source)
    found = {(each.source, number) for each in tallies.missing() for number in range(each.first, each.last + 1)}
    arrived = {(source, number) for source, _, numbers in rounds for number in numbers}
    last = {source: max(number for name, number in arrived if name == source) for source, _ in arrived}
    assert found == {(source, number) for source, top in last.items() for number in range(1, top)} - arrived
