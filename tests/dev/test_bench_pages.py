"""What `make bench` makes of its figures, and how it comes by those of latency and growth."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from benchmarks import contracts, growth, growth_points
from benchmarks.aims import aims
from benchmarks.latency import Seen, percentile
from benchmarks.page import PAGES, filled, read
from benchmarks.sender import message
from headrace.core.message import Message
from headrace.core.resource_names import Names
from headrace.dev.bench.bench_events import FLIGHTS
from headrace.dev.bench.own_steps import Ours
from headrace.dev.bench.profiling import ROOT

KEY = b"k" * 32
SCHEMA = json.loads((ROOT / "stream" / "headrace" / "dev" / "bench" / "figures.schema.json").read_text())


def test_a_page_gets_new_tables_and_keeps_its_text() -> None:
    page = "Before.\n<!-- generated: idle -->\nold\n<!-- end -->\nAfter.\n"
    idle = {"subjects": 2, "cpu_percent": 1.5, "seconds": 60, "threads": 9, "wakeups_a_second": 7.0}
    once = filled(page, {"idle": idle})
    assert once.startswith("Before.\n<!-- generated: idle -->\nAn engine with 2 subjects")
    assert once.endswith("<!-- end -->\nAfter.\n")
    assert "old" not in once
    assert filled(once, {"idle": idle}) == once


@pytest.mark.parametrize("name", PAGES)
def test_the_tables_of_a_page_are_those_of_the_figures(name: str) -> None:
    page = (ROOT / name).read_text()
    assert filled(page, read(ROOT / "docs" / "reports" / "performance")) == page


def test_the_committed_figures_follow_their_schema() -> None:
    found = read(ROOT / "docs" / "reports" / "performance")
    Draft202012Validator(SCHEMA).validate(found["bench"])


def test_a_missed_aim_is_reported_as_missed() -> None:
    found = {"idle": {"cpu_percent": 4.1}, "latency": {"rates": [{"rate": 10, "p95_ms": 149.0}]}}
    assert [(aim.what, aim.met) for aim in aims(found)] == [
        ("p95 at 10 events/s, ms", True),
        ("an idle engine, % of a core", False),
    ]


@pytest.mark.parametrize(("load", "judged"), [(0.4, 5), (6.0, 0)])
def test_seconds_are_judged_on_a_quiet_machine_alone(load: float, judged: int) -> None:
    now = {"now": {"seconds": 0.6, "quartiles": [0.5, 0.7]}}
    commands = dict.fromkeys(("audit --nope", "audit", "dead-letters list", "replay --dry-run"), now)
    found = {"commands": {"machine": {"load": load}, "commands": commands, "first_row": now}}
    assert len(aims(found)) == judged


def test_what_the_cores_would_let_through_is_what_everybody_takes_of_them() -> None:
    cpu = {"own": 20.0, "pubsub_emulator": 15.0, "bigquery_emulator": 4.0, "publishing": 1.0}
    found = {
        "cpu_seconds_per_million": {"ours": cpu},
        "ours_eps": 40_000,
        "ceiling_eps": 100_000,
        "handwritten_eps": 25_000,
    }
    page = filled("<!-- generated: limit -->\n<!-- end -->", {"bench": {"end_to_end": found, "machine": {"cores": 2}}})
    wanted = ("40.0 CPU", "50% of them", "50,000 events/s", "0.50 of pulling", "80% of", "100,000: 1.00", "4.0 times")
    assert [part for part in wanted if part not in page] == []


@given(st.lists(st.floats(0, 1e6), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(values: list[float], percent: int) -> None:
    found = percentile(values, percent)
    assert sum(value <= found for value in values) * 100 >= len(values) * percent
    assert sum(value < found for value in values) * 100 < len(values) * percent


def test_an_event_has_waited_from_when_it_was_due() -> None:
    first, second = ({"_event_time": datetime.fromtimestamp(seconds, UTC)} for seconds in (1000.0, 1000.1))
    answers, asked = iter([[second], [first, second]]), []

    class Client:
        def query_and_wait(self, query: str) -> list[dict[str, datetime]]:
            asked.append(query)
            return next(answers)

    seen = Seen(Client(), Names("p"), start=1000.0, rate=10, count=2)  # type: ignore[arg-type]
    whole = []
    for _ in range(2):
        seen.poll()
        whole.append(seen.all_)
    assert whole == [False, True]  # the second one overtook the first
    assert seen.moments[0] > seen.moments[1]
    assert all(each.endswith("_event_time >= '1970-01-01 00:16:39.950000'") for each in asked)  # half a place before it


def test_an_event_carries_the_time_at_which_it_was_due() -> None:
    contract = contracts.flights()[0].latest(FLIGHTS)
    due = datetime.fromtimestamp(1_800_000_000.25, UTC)
    sent = message(contract, 7, due)
    decoded = Ours(contracts.flights()[0], FLIGHTS, KEY).decode(
        [Message(FLIGHTS, sent.data, dict(sent.attributes), "1", 1_800_000_000_000_000)]
    )
    assert decoded.rows.column("scheduled_at").to_pylist() == [due]


@pytest.mark.parametrize("curve", ["payload", "fields", "shards", "ids", "subjects", "events"])
def test_each_curve_has_a_point_and_says_its_time_and_memory(curve: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth_points, "ROUNDS", 4)
    monkeypatch.setattr(growth_points, "ROUND", 100)
    value = {"payload": 500, "fields": 20, "shards": 3, "ids": 10_000, "subjects": 4, "events": 500}[curve]
    point = growth_points.POINTS[curve](value)
    assert point["us"] > 0
    assert point["rss_mib"] > 0
    assert len(point["us_quartiles"]) == 2


def test_every_curve_has_its_point() -> None:
    assert growth.CURVES.keys() == growth_points.POINTS.keys()


def test_a_quick_run_says_nothing_of_points_that_it_did_not_reach() -> None:
    def growth_to(events: int, ids: int) -> dict[str, object]:
        points = [{"value": value, "mean_us": 10.0 if value < 3_000_000 else 12.0} for value in (100_000, events)]
        return {"growth": {"events": {"points": points}, "ids": {"points": [{"value": ids, "bytes_an_id": 31.0}]}}}

    assert aims(growth_to(300_000, 1_000_000)) == []
    assert [(aim.found, aim.met) for aim in aims(growth_to(3_000_000, 10_000_000))] == [("1.20", False), ("31.0", True)]


def test_the_first_tenth_of_the_events_is_not_counted_and_the_others_are_timed_from_their_own_moment() -> None:
    seen = Seen(None, Names("p"), start=1000.0, rate=10, count=20)  # type: ignore[arg-type]
    seen.moments = {number: 1000.0 + number / 10 + 0.25 for number in range(20)}
    assert [round(each) for each in seen.milliseconds()] == [250] * 18
