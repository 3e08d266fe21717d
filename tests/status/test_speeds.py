"""Speeds from two reports of one engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.core.engine_report import WITHIN
from headrace.status.speeds import speeds
from tests.support.reports import a_report, a_subject


def test_counts_are_divided_by_the_time_between_the_reports() -> None:
    before = a_report(a_subject("orders", received=100, acknowledged=40), at=10.0)
    after = a_report(a_subject("orders", received=300, acknowledged=90), at=14.0)
    speed = speeds(before, after)["orders"]
    assert (speed.received, speed.acknowledged) == (50.0, 12.5)


@pytest.mark.parametrize(
    ("took", "within"),
    [
        ([0] * 12, None),
        ([20] + [0] * 11, 1.0),
        ([94, 0, 6, *[0] * 9], 5.0),
        ([95, 0, 5, *[0] * 9], 1.0),
        ([*[0] * 11, 1], float("inf")),
    ],
)
def test_within_is_the_time_that_95_percent_took(took: list[int], within: float | None) -> None:
    before = a_report(a_subject("orders"), at=10.0)
    after = a_report(replace(a_subject("orders"), took=took), at=11.0)
    assert len(took) == len(WITHIN) + 1
    assert speeds(before, after)["orders"].within == within


def test_only_what_came_between_the_reports_counts() -> None:
    slow_before = replace(a_subject("orders"), took=[0, 1000, *[0] * 10])
    slow_and_one_fast = replace(a_subject("orders"), took=[1, 1000, *[0] * 10])
    found = speeds(a_report(slow_before, at=10.0), a_report(slow_and_one_fast, at=11.0))
    assert found["orders"].within == 1.0


def test_another_process_has_no_speed_yet() -> None:
    before = a_report(a_subject("orders", received=500), at=10.0)
    for after in (
        replace(a_report(a_subject("orders"), at=11.0), started_at=99),
        a_report(a_subject("orders"), at=10.0),
    ):
        assert speeds(before, after) == {}


def test_a_subject_that_is_new_has_no_speed_yet() -> None:
    after = a_report(a_subject("orders"), a_subject("refunds"), at=11.0)
    assert list(speeds(a_report(a_subject("orders"), at=10.0), after)) == ["orders"]
