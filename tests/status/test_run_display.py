"""The lines of JSON that ``headrace run`` prints into a pipe."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.core.engine_report import EngineReport
from headrace.core.resource_names import Names
from headrace.runtime.standard_streams import ReaderGoneError
from headrace.status import run_display
from headrace.status.gather import Status
from headrace.status.run_display import displaying, line
from headrace.status.speeds import Speed
from tests.support.jobs import wait_for
from tests.support.reports import a_report, a_subject

NAMES = Names("p")
BUSY = a_subject("busy", received=500, written=480)
WAITS = a_subject("waits", in_the_way={"write": "p.d.waits: it does not exist"})
STATUS = Status(
    1_000_000_000,
    (),
    engine=a_report(BUSY, WAITS, a_subject("idle")),
    speeds={"busy": Speed(50.0, 48.04, 1.0), "waits": Speed(0.0, 0.0, None), "idle": Speed(0.0, 0.0, None)},
)


def test_a_line_has_the_totals_and_the_subjects_that_matter() -> None:
    found = line(STATUS, NAMES)
    assert (found["alive"], found["ready"]) == (True, False)
    assert (found["received_a_second"], found["acknowledged_a_second"]) == (50.0, 48.0)
    assert [each["subject"] for each in found["subjects"]] == ["busy", "waits"]


def test_a_line_says_that_a_subject_waits_and_leaves_the_sentence_to_the_log() -> None:
    waits = line(STATUS, NAMES)["subjects"][1]
    assert (waits["state"], waits["in_the_way"]) == ("waiting", ["write"])
    assert "does not exist" not in str(waits)


def test_an_engine_that_failed_is_not_alive() -> None:
    failed = replace(STATUS, engine=a_report(BUSY, alive=False))
    assert line(failed, NAMES)["alive"] is False


def test_lines_are_printed_until_nobody_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[object] = []

    def print_json(value: object) -> None:
        printed.append(value)
        if len(printed) == 2:
            raise ReaderGoneError("nobody reads the output any more")

    asked: list[int] = []

    def report() -> EngineReport:
        asked.append(1)
        return a_report(BUSY, at=100.0 + len(asked))

    monkeypatch.setattr(run_display, "print_json", print_json)
    monkeypatch.setattr(run_display, "LINE_SECONDS", 0.01)
    with displaying(report, NAMES, "journal"):
        wait_for(lambda: len(printed) == 2)
        until_now = len(asked)
    assert len(printed) == 2
    assert len(asked) == until_now
