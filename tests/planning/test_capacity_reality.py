"""The simulation beside what was measured of the embedded engine (docs/reports/recovery.json)."""

from __future__ import annotations

import statistics

import pytest

from benchmarks import reality
from benchmarks.capacity import PAGE

PAIRS = reality.report()["pairs"]


def test_longer_outages_are_worked_off_as_the_simulation_says_from_the_short_ones() -> None:
    measured = statistics.median(reality.took(pair["long"]) for pair in PAIRS)
    rate = reality.calibrated(PAIRS)
    for pair in PAIRS:
        assert reality.drained(reality.simulated(pair["long"], rate)) == pytest.approx(measured, rel=0.2)


def test_half_way_the_simulated_backlog_is_what_was_measured() -> None:
    outcome = reality.simulated(PAIRS[0]["long"], reality.calibrated(PAIRS))
    half = outcome.scenario.faults_end + reality.drained(outcome) / 2
    there = next(each.backlog for each in outcome.samples if each.seconds >= half)
    seen = []
    for pair in PAIRS:
        outage = pair["long"]
        due = reality.began(outage) + reality.drained(outcome) / 2
        seen.append(next(backlog for seconds, backlog in outage["samples"] if seconds >= due))
    assert there == pytest.approx(statistics.median(seen), rel=0.35)


def test_the_page_has_the_line_computed_from_the_report() -> None:
    assert reality.line(PAIRS) in " ".join(PAGE.read_text().split())
