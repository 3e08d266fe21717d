"""What the audit says of a window, and how its bounds are read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.cloud import bigquery

from headrace.audit.reconcile import MOST_FINDINGS, SubjectAudit
from headrace.audit.scope import Scope, ScopeError, chosen, parse_grace, parse_since
from headrace.audit.windows import (
    Finding,
    Hashes,
    Kind,
    ReadBack,
    Stored,
    Tallied,
    Window,
    compare_contents,
    compare_counts,
    side_by_side,
)
from headrace.bigquery.partition_expiry import Expiry, moment_of
from headrace.schemas.envelope import to_micros
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES
from tests.support.builders import MOMENT
from tests.support.paths import ROOT

NOW = to_micros(MOMENT)


def found(tallied: Tallied, stored: Stored, expired: bool = False) -> list[tuple[str, int | None]]:
    return [(str(finding.kind), finding.events) for finding in compare_counts(Window(0, tallied, stored), expired)]


def of(**counts: Any) -> Tallied:
    return Tallied(**{"received": 5, "written": 5} | counts)


@pytest.mark.parametrize(
    ("tallied", "stored", "expected"),
    [
        pytest.param(of(), Stored(5), [], id="all there"),
        pytest.param(of(received=9, duplicates=2, dropped=1, dead_lettered={"x": 1}), Stored(5), [], id="all outcomes"),
        pytest.param(of(), Stored(3), [("lost", 2)], id="rows missing"),
        pytest.param(of(lost=3), Stored(5), [("lost", 3)], id="rows that went with their table"),
        pytest.param(of(lost=3), Stored(3), [("lost", 5)], id="some went with their table and others are missing"),
        pytest.param(of(), Stored(5, 2), [("doubled", 2)], id="rows twice"),
        pytest.param(of(), Stored(4, 1), [("lost", 1), ("doubled", 1)], id="one missing, another twice"),
        pytest.param(of(), Stored(6), [("unexplained", 1)], id="a row more"),
        pytest.param(of(), Stored(6, 0, 1), [("in_flight", 1)], id="a row more, just now"),
        pytest.param(of(), Stored(7, 0, 1), [("unexplained", 1), ("in_flight", 1)], id="two more, one just now"),
        pytest.param(of(), Stored(5, 0, 5), [], id="new and tallied"),
        pytest.param(of(received=7), Stored(5), [("unsettled", 2)], id="no outcome"),
        pytest.param(of(received=7, recent_received=2), Stored(5), [("in_flight", 2)], id="no outcome yet"),
        pytest.param(
            of(received=7, recent_received=1), Stored(7, 0, 2), [("unsettled", 1), ("in_flight", 2)], id="some"
        ),
        pytest.param(of(received=4), Stored(5), [("unreceived", 1)], id="more outcomes than received"),
        pytest.param(of(received=4, recent_settled=3), Stored(5), [("in_flight", 1)], id="receipt not tallied yet"),
        pytest.param(Tallied(), Stored(2), [("unexplained", 2)], id="a window nobody tallied"),
        pytest.param(Tallied(received=2, dead_lettered={"x": 2}), Stored(), [], id="nothing readable"),
    ],
)
def test_a_window_is_judged_by_its_counts(
    tallied: Tallied, stored: Stored, expected: list[tuple[str, int | None]]
) -> None:
    assert sorted(found(tallied, stored)) == sorted(expected)


def test_rows_missing_from_an_expired_partition_are_no_difference_and_rows_too_many_are() -> None:
    assert found(of(), Stored(), expired=True) == [("expired", 5)]
    assert found(of(), Stored(6, 1), expired=True) == [("doubled", 1), ("unexplained", 1)]
    assert Kind.EXPIRED.excused
    assert not Kind.LOST.excused


def test_other_ids_are_replaced_and_other_contents_changed() -> None:
    window = Window(0, of(hashes=Hashes(1, 2)), Stored(5))

    assert list(compare_contents(window, ReadBack(5, Hashes(1, 2)))) == []
    assert list(compare_contents(window, ReadBack(5, Hashes(1, 7), in_order=2))) == [], "tallied by an earlier release"
    for contents in (1, 3):
        assert list(compare_contents(window, ReadBack(5, Hashes(1, contents)))) == [Finding(Kind.CHANGED, 0, None)]
    for ids in (0, 3):
        assert list(compare_contents(window, ReadBack(5, Hashes(ids, 2)))) == [Finding(Kind.REPLACED, 0, None)]


def test_a_row_that_came_or_went_while_the_audit_looked_is_not_taken_for_a_change() -> None:
    window = Window(0, of(hashes=Hashes(1, 2)), Stored(5))

    assert list(compare_contents(window, ReadBack(6, Hashes(9, 9)))) == [Finding(Kind.IN_FLIGHT, 0, 1)]
    assert list(compare_contents(window, ReadBack(3, Hashes(9, 9)))) == [Finding(Kind.LOST, 0, 2)]


@pytest.mark.parametrize("stored", [Stored(4), Stored(5, 1), Stored(6)])
def test_contents_are_compared_only_where_the_counts_agree(stored: Stored) -> None:
    assert not Window(0, of(), stored).comparable
    assert Window(0, of(), Stored(5)).comparable
    assert Window(0, of(written=1), Stored(1)).comparable
    assert not Window(0, Tallied(), Stored()).comparable


def test_windows_of_both_sides_are_paired_in_order() -> None:
    a, b = of(), Stored(5)
    paired = side_by_side([(1, a), (3, a), (4, a)], [(2, b), (3, b)])

    assert [(each.start, each.tallied.written, each.stored.ids) for each in paired] == [
        (1, 5, 0),
        (2, 0, 5),
        (3, 5, 5),
        (4, 5, 0),
    ]
    assert [each.start for each in side_by_side([(1, a)], [(2, b), (3, b)])] == [1, 2, 3]
    assert list(side_by_side([], [])) == []


def test_findings_are_counted_all_and_named_up_to_a_bound() -> None:
    audit = SubjectAudit("things", "things", None)

    audit.find(Finding(Kind.LOST, start, 2) for start in range(MOST_FINDINGS + 5))

    assert len(audit.findings) == MOST_FINDINGS
    assert audit.differences == ["lost: 2,010 in 1,005 windows (tallied as written, but without a row)"]


def test_a_finding_without_a_count_names_its_windows_and_an_excused_one_is_not_a_difference() -> None:
    audit = SubjectAudit("things", "things", None)

    audit.find([Finding(Kind.CHANGED, 0, None), Finding(Kind.EXPIRED, 0, 3), Finding(Kind.EXPIRED, 1, 1)])

    assert audit.differences == ["changed: in 1 window (the events that were tallied, but with other contents)"]
    assert audit.excused == [
        "expired: 4 in 2 windows (tallied as written, in a partition that may have expired)",
    ]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("6h", MOMENT - timedelta(hours=6)),
        ("30d", MOMENT - timedelta(days=30)),
        ("2026-03-14", datetime(2026, 3, 14, tzinfo=UTC)),
        ("2026-03-14T15:00:00Z", datetime(2026, 3, 14, 15, tzinfo=UTC)),
        ("2026-03-14T16:00:00+01:00", datetime(2026, 3, 14, 15, tzinfo=UTC)),
    ],
)
def test_since_is_a_time_or_how_long_ago(text: str, moment: datetime) -> None:
    assert parse_since(text, NOW) == moment


@pytest.mark.parametrize("text", ["yesterday", "6", "0h", "", "999999d"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ScopeError, match="--since"):
        parse_since(text, NOW)


@pytest.mark.parametrize(("text", "why"), [("yesterday", "invalid time;"), ("2026-02-30", "no time of any day;")])
def test_an_invalid_time_is_reported_with_the_name_of_the_option(text: str, why: str) -> None:
    with pytest.raises(ScopeError, match=f"^--since: {why}"):
        parse_since(text, NOW)


def test_grace_is_a_duration_and_may_be_none() -> None:
    assert [parse_grace(text) for text in ("0s", "0m", "00d", "5m")] == [timedelta()] * 3 + [timedelta(minutes=5)]
    with pytest.raises(ScopeError, match="--grace"):
        parse_grace("soon")


def a_scope(window: timedelta = timedelta(minutes=5), **more: Any) -> Scope:
    return Scope(NOW, window, **more)


def test_since_begins_with_its_window() -> None:
    assert a_scope(since=MOMENT).first == MOMENT.replace(minute=5, second=0, microsecond=0)
    assert a_scope().first == datetime(1, 1, 1, tzinfo=UTC)
    assert a_scope(since=MOMENT).window_micros == 5 * 60 * 1_000_000


@pytest.mark.parametrize("since", [timedelta(minutes=1), timedelta(days=7)])
def test_since_within_the_first_week_of_all_begins_with_time_itself(since: timedelta) -> None:
    beginning = datetime(1, 1, 1, tzinfo=UTC)  # which no week counted from 1970 begins with
    assert a_scope(since=beginning + since, window=timedelta(days=7)).first == beginning


def test_the_same_may_be_looked_at_from_another_time_on() -> None:
    scope = a_scope(grace=timedelta(hours=1), subjects=["things"], contents=True)
    later = a_scope(grace=timedelta(hours=1), subjects=["things"], contents=True, since=MOMENT)
    assert scope.from_then_on(MOMENT) == later


def test_nothing_before_the_grace_or_before_a_table_is_complete_is_excused() -> None:
    scope = a_scope(grace=timedelta(minutes=1))

    assert scope.settled(None) == MOMENT - timedelta(minutes=1)
    assert scope.settled(MOMENT - timedelta(seconds=5)) == MOMENT - timedelta(seconds=5)
    assert scope.settled(MOMENT - timedelta(hours=5)) == MOMENT - timedelta(minutes=1)


def test_only_subjects_with_a_contract_are_audited() -> None:
    registry = Registry.load(SAMPLES)

    assert chosen(registry, a_scope()) == registry.subjects
    assert chosen(registry, a_scope(subjects=["flight_departed"])) == ["flight_departed"]
    with pytest.raises(ScopeError, match="use one of booking_created, flight_departed"):
        chosen(registry, a_scope(subjects=["no_such_thing"]))


@pytest.mark.parametrize(
    ("partition", "gone", "there"),
    [
        ("HOUR", "2026-03-12T15:59:00", "2026-03-12T16:00:00"),
        ("DAY", "2026-03-12T23:59:00", "2026-03-13T00:00:00"),
        ("MONTH", "2026-03-31T23:59:00", "2026-04-01T00:00:00"),
    ],
)
def test_a_window_may_be_gone_when_its_partition_began_longer_ago_than_it_lives(
    partition: str, gone: str, there: str
) -> None:
    table = bigquery.Table("p.d.t")
    table.time_partitioning = bigquery.TimePartitioning(type_=partition, expiration_ms=2 * 86_400_000)
    expiry = Expiry.of(table, NOW)

    assert expiry.has_passed(to_micros(datetime.fromisoformat(gone).replace(tzinfo=UTC)))
    assert not expiry.has_passed(to_micros(datetime.fromisoformat(there).replace(tzinfo=UTC)))


@pytest.mark.parametrize(
    ("partition", "began"),
    [("HOUR", "2026-03-12T15:00:00"), ("DAY", "2026-03-12T00:00:00"), ("MONTH", "2026-03-01T00:00:00")],
)
def test_a_partition_lives_from_its_first_moment_on(partition: str, began: str) -> None:
    first = to_micros(datetime.fromisoformat(began).replace(tzinfo=UTC))
    within = to_micros(datetime(2026, 3, 12, 15, 9, 26, 535, UTC))
    table = bigquery.Table("p.d.t")
    table.time_partitioning = bigquery.TimePartitioning(type_=partition, expiration_ms=60_000)
    ends = first + 60_000_000

    assert [Expiry.of(table, now).has_passed(within) for now in (ends - 1, ends)] == [False, True]


def test_partitions_may_live_for_ever() -> None:
    table = bigquery.Table("p.d.t")
    table.time_partitioning = bigquery.TimePartitioning(type_="DAY")
    assert not Expiry.of(table, NOW).has_passed(0)


def test_nothing_is_gone_from_a_table_that_keeps_everything() -> None:
    assert not Expiry.of(bigquery.Table("p.d.t"), NOW).has_passed(0)


def test_a_window_that_begins_before_time_does_has_a_time_all_the_same() -> None:
    assert moment_of(-(10**18)) == datetime(1, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("kind", list(Kind))
def test_the_documentation_explains_every_word(kind: Kind) -> None:
    page = (ROOT / "docs" / "audit.md").read_text()
    assert f"| `{kind}` |" in page
