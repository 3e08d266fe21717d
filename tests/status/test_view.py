"""The status as rows, and as a person sees it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from headrace.core.resource_names import Names
from headrace.pubsub.monitored_backlogs import Backlog
from headrace.status.backlogs import Backlogs
from headrace.status.gather import Status
from headrace.status.rows import State, problems, subject_rows
from headrace.status.speeds import Speed
from headrace.status.table_counts import TableCounts
from headrace.status.view import view
from tests.support.reports import a_report, a_subject

NAMES = Names("p")
FULL = Status(
    1_000_000_000,
    ["orders"],
    engine=a_report(replace(a_subject("orders", received=12, written=9, duplicate=1), refused={"too_late": 2})),
    speeds={"orders": Speed(1234.0, 1200.0, 2.0)},
    backlogs=Backlogs({NAMES.subscription("orders"): Backlog(56, 75.0)}),
    tables={"orders": TableCounts({"received": 80, "written": 70}, {}, datetime(2026, 3, 14, 15, 9, tzinfo=UTC), 0)},
)


def seen(status: Status, columns: int = 160) -> str:
    console = Console(width=columns, record=True, file=open("/dev/null", "w"), force_terminal=False)  # noqa: SIM115
    console.print(view(status, NAMES, ".headrace/journal", columns))
    return console.export_text()


def test_a_row_has_what_each_source_knows() -> None:
    (row,) = subject_rows(FULL, NAMES)
    assert (row.state, row.received_a_second, row.within) == (State.RUNNING, 1234.0, 2.0)
    assert (row.backlog, row.oldest_seconds, row.written, row.duplicates) == (56, 75.0, 9, 1)
    assert (row.last_hour or {})["written"] == 70
    assert row.complete_until == "2026-03-14T15:09:00Z"


def test_what_no_source_knows_is_none_and_not_nought() -> None:
    (row,) = subject_rows(Status(1_000_000_000, ["orders"]), NAMES)
    assert row.state is State.UNKNOWN
    assert (row.backlog, row.written, row.refused, row.received_a_second, row.last_hour) == (None,) * 5
    assert "?" in seen(Status(1_000_000_000, ["orders"]))


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({}, State.RUNNING),
        ({"ready": False}, State.STARTING),
        ({"in_the_way": {"write": "the table is missing"}}, State.WAITING),
        ({"in_the_way": {"circuit": "too many"}, "is_circuit_open": True}, State.CIRCUIT_OPEN),
    ],
)
def test_a_state_says_the_worst(change: dict[str, object], state: State) -> None:
    report = a_report(replace(a_subject("orders"), **change))  # type: ignore[arg-type]
    assert subject_rows(replace(FULL, engine=report), NAMES)[0].state is state


def test_a_subject_of_the_engine_that_the_contracts_lack_is_shown_too() -> None:
    report = a_report(a_subject("orders"), a_subject("refunds"))
    assert [row.subject for row in subject_rows(replace(FULL, engine=report), NAMES)] == ["orders", "refunds"]


def test_problems_are_whole_sentences_and_those_of_parts_count() -> None:
    waits = a_subject(
        "orders", in_the_way={"write": "p.d.orders: it does not exist", "look": "p.d.orders: it does not exist"}
    )
    tallies = a_subject("tallies", in_the_way={"write": "no space left"})
    engine = replace(a_report(waits), parts=[tallies])
    assert list(problems(engine)) == [("orders", "p.d.orders: it does not exist"), ("tallies", "no space left")]
    assert "orders waits: p.d.orders: it does not exist" in seen(replace(FULL, engine=engine))


def test_the_whole_view() -> None:
    text = seen(FULL)
    for part in (
        "engine on a-host, process 4711: up 100 s",
        "headrace 1.2.3, compiled decoder; writes to p.headrace",
        "journal .headrace/journal, 12.3 MB",
        "1,234",
        "≤ 2 s",
        "2026-03-14 15:09:00",
        "orders refused: 2 too_late",
    ):
        assert part in text, text


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 160])
def test_no_line_is_wider_than_the_terminal_and_the_most_important_stays(columns: int) -> None:
    lines = seen(FULL, columns).splitlines()
    assert max(map(len, lines)) <= columns
    heading = next(line for line in lines if "subject" in line)
    assert "state" in heading
    assert ("in/s" in heading) == (columns >= 40)
    assert ("complete until" in heading) == (columns >= 120)


def test_a_source_that_cannot_be_asked_says_why() -> None:
    text = seen(replace(FULL, unknown={"backlogs": "Google's emulator does not count messages"}))
    assert "backlogs: unknown, because Google's emulator does not count messages" in text


def test_of_many_subjects_those_that_wait_come_first() -> None:
    many = [a_subject(f"subject_{number:03}") for number in range(99)]
    report = a_report(*many, a_subject("the_last_one", in_the_way={"write": "no table"}))
    text = seen(replace(FULL, subjects=[], engine=report))
    assert "the_last_one" in text
    assert "and 60 more subjects" in text


def test_names_cannot_write_on_the_terminal() -> None:
    report = a_report(a_subject("orders", in_the_way={"write": "\x1b[2Jgone"}))
    assert "\x1b" not in seen(replace(FULL, engine=report))
