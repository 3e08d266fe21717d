"""What the benchmark says is computed rightly, and of two paths that write the same rows."""

from __future__ import annotations

import itertools
import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from rich.console import Console
from typer.testing import CliRunner

from headrace.cli.app import app
from headrace.dev.bench.bench_events import BOOKINGS, SUBJECTS, keep, kept, messages
from headrace.dev.bench.bench_report import print_report
from headrace.dev.bench.children import in_child
from headrace.dev.bench.end_to_end import summed_up
from headrace.dev.bench.figures import beside, ratio, spread, with_fallback
from headrace.dev.bench.own_steps import Ours
from headrace.dev.bench.peers import BenchFailedError, Run, measured
from headrace.dev.bench.profiling import ROOT, where_it_went
from headrace.dev.bench.requirements import BenchMissingError, check_needs
from headrace.dev.bench.step_costs import STEPS, WARM, compared, interleaved, timed
from headrace.dev.bench.textbook import Textbook
from headrace.dev.bench.ticks import Rate, Tick, Ticker, rate_of, read_ticks
from headrace.dev.pubsub_services import VARIABLE, EmulatorMissingError, PubsubService
from headrace.errors import Exit
from headrace.runtime.exit_codes import explain
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES

NOW = datetime.now(UTC)
KEY = b"k" * 32
SCHEMA = json.loads((ROOT / "stream" / "headrace" / "dev" / "bench" / "figures.schema.json").read_text())
some_times = st.lists(st.floats(0.001, 1e6), min_size=1, max_size=30)


# Arithmetic.


@given(some_times)
def test_a_quarter_of_the_measurements_lies_beyond_each_quartile(values: list[float]) -> None:
    found = spread(values)
    assert found.low <= found.median <= found.high
    quarter = len(values) / 4
    assert abs(sum(value < found.low for value in values) - quarter) <= 1 or len(set(values)) < len(values)
    assert abs(sum(value > found.high for value in values) - quarter) <= 1 or len(set(values)) < len(values)
    assert min(values) <= found.low
    assert found.high <= max(values)


def test_the_median_is_not_moved_by_one_run_that_went_wrong() -> None:
    assert spread([10.0, 11.0, 12.0, 900.0, 9.0]).median == 11.0


def test_nothing_cannot_be_summed_up() -> None:
    with pytest.raises(ValueError, match="no measurement"):
        spread([])


@given(some_times, st.floats(0.1, 100))
def test_what_slows_both_of_a_pair_leaves_their_ratio_alone(ours: list[float], times: float) -> None:
    theirs = [value * times for value in ours]
    assert math.isclose(ratio(theirs, ours).median, times, rel_tol=1e-9)


def test_a_ratio_is_of_pairs_and_not_of_medians() -> None:
    assert ratio([10.0, 20.0, 90.0], [10.0, 10.0, 30.0]).median == 2.0


def test_pairs_are_complete() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratio([1.0, 2.0], [1.0])


def test_a_line_says_how_many_times_ours_goes_into_the_peer() -> None:
    line = beside([2.0, 4.0, 3.0], [20.0, 40.0, 30.0])
    assert (line["ours_us"], line["peer_us"], line["ratio"]) == (3.0, 30.0, 10.0)
    assert line["ours_quartiles_us"] == [2.5, 3.5]


def test_the_fallback_is_listed_beside_the_step_that_it_replaces() -> None:
    lines = with_fallback({"decode": beside([1.0], [10.0])}, {"decode": beside([2.0], [10.0])})
    assert (lines["decode"]["ours_us"], lines["decode"]["fallback_us"], lines["decode"]["fallback_ratio"]) == (
        1.0,
        2.0,
        5.0,
    )


def test_a_rate_counts_from_the_first_tenth_to_the_end() -> None:
    ticks = [Tick(0.0, 100, 1.0, 5), Tick(10.0, 200, 2.0, 9 * 2**20), Tick(12.0, 1000, 6.0, 2**20)]
    assert rate_of(ticks) == Rate(eps=400.0, cpu_seconds_per_million=5000.0, rss_mib=9.0)


def test_a_run_that_is_over_at_once_gives_no_rate() -> None:
    with pytest.raises(ValueError, match="measure more"):
        rate_of([Tick(0.0, 1000, 1.0)])


def test_ticks_are_read_until_all_is_done_and_past_what_others_print() -> None:
    lines = [b"[1.0, 5, 0.1, 7]\n", b"py-spy> sampling\n", b"[2.0, 10, 0.2, 7]\n", b"[3.0, 11, 0.3, 7]\n"]
    assert [tick.done for tick in read_ticks(lines, 10)] == [5, 10]


def test_a_run_that_ends_within_a_moment_has_reported_its_parts(capsys: pytest.CaptureFixture[str]) -> None:
    ticker = Ticker(1000)
    assert [ticker.add(10) for _ in range(100)] == [False] * 99 + [True]
    done = [tick.done for tick in read_ticks(capsys.readouterr().out.encode().splitlines(), 1000)]
    assert max(later - before for before, later in itertools.pairwise([0, *done])) == 20
    assert done[-1] == 1000


def test_a_run_that_came_at_once_says_that_more_are_to_be_measured() -> None:
    with pytest.raises(ValueError, match="all 10 messages arrived at once; measure more messages"):
        measured([Tick(1.0, 10, 0.1)], [{"publishing": 0.1}], 10, 10)


def test_steps_are_timed_one_by_one_and_add_up() -> None:
    clock = itertools.count(0, 5_000)
    path = {"decode": lambda chunk: chunk, "mask": lambda chunk: chunk}
    took = timed(path, [None] * 10, lambda: next(clock))  # type: ignore[list-item]
    assert took == {"decode": 0.5, "mask": 0.5, "total": 1.0}


def test_each_path_takes_every_chunk_and_is_first_as_often() -> None:
    order: list[tuple[str, int]] = []
    ours, peer = ({"decode": lambda chunk, who=who: order.append((who, chunk[0]))} for who in ("ours", "peer"))
    chunks: Any = [[number] for number in range(WARM + 4)]
    mine, theirs = interleaved(ours, peer, chunks)
    assert len(mine) == len(theirs) == 4
    assert [who for who, _ in order[::2]].count("ours") == len(chunks) / 2
    assert sorted(order) == [(who, number) for who in ("ours", "peer") for number in range(len(chunks))]


def test_a_sample_counts_for_the_innermost_function_of_ours() -> None:
    ours, thread = f"{ROOT}/stream/headrace/steps/decode/decode_messages.py:1", "Thread._bootstrap (threading.py:1)"
    stacks = [
        f"{thread};read ({ours}) 3",
        f"{thread};read ({ours});loads (/usr/lib/json.py:9) 1",
        "main (/usr/lib/somewhere.py:1) 90",  # the main thread: starting and waiting
    ]
    found = where_it_went(stacks, events=1000, cpu_us=30.0)
    assert found["samples"] == 4
    (line,) = found["functions"]
    assert line == {
        "function": "stream/headrace/steps/decode/decode_messages.py:1:read",
        "own_us": 15.0,
        "libraries_us": 5.0,
        "with_callees_us": 20.0,
    }
    assert found["unseen_us"] == 10.0


# Both paths do the same work.


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_textbook_path_writes_the_same_rows_as_ours(subject: str) -> None:
    registry = Registry.load(SAMPLES)
    some = messages(registry, subject, 60, NOW)
    ours, peer = Ours(registry, subject, KEY), Textbook(registry, subject, KEY)
    arrow = ours.dedupe(ours.mask(ours.decode(some))).rows.to_pylist()
    events = peer.dedupe(peer.mask(peer.decode(some)))
    assert len(arrow) == len(events) < len(some)
    for row, event in zip(arrow, events, strict=True):
        mine = {name: _plain(value) for name, value in row.items() if not name.startswith("_")}
        assert mine == {name: _plain(value) for name, value in event.fields.items()}


def _plain(value: Any) -> Any:
    """A value as both libraries can give it: Arrow gives maps as lists of pairs, and uuids as text."""
    match value:
        case list() if value and isinstance(value[0], dict) and value[0].keys() == {"key", "value"}:
            return {item["key"]: _plain(item["value"]) for item in value}
        case list():
            return [_plain(item) for item in value] or None
        case dict():
            return {key: _plain(item) for key, item in value.items()} or None
        case datetime():
            return value.replace(tzinfo=None)
        case float() | int() | bool() | None:
            return value
        case _:
            return str(value)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_textbook_rows_are_json_and_name_every_column(subject: str) -> None:
    registry = Registry.load(SAMPLES)
    some = messages(registry, subject, 20, NOW)
    ours, peer = Ours(registry, subject, KEY), Textbook(registry, subject, KEY)
    rows = peer.row(peer.dedupe(peer.mask(peer.decode(some))))
    assert json.loads(json.dumps(rows)) == rows
    assert rows[0].keys() == set(ours.mask(ours.decode(some)).rows.schema.names)


def test_five_percent_of_the_messages_are_duplicates_and_versions_are_mixed() -> None:
    some = messages(Registry.load(SAMPLES), BOOKINGS, 210, NOW)
    assert len(some) - len({message.attributes["ce-id"] for message in some}) == 10
    assert {message.attributes["ce-dataschema"].rpartition(":")[2] for message in some} == {"1", "2"}


# The shape of what is written, and what a person sees.


def figures(end_to_end: bool) -> dict[str, Any]:
    """Figures as the command makes them, of made-up measurements."""
    took = [{**dict.fromkeys(STEPS, 1.0), "total": 4.0}, {**dict.fromkeys(STEPS, 2.0), "total": 8.0}]
    steps = with_fallback(compared(took, took), compared(took, took))
    run = Run(Rate(1000.0, 2.0, 3.0), {"pubsub_emulator": 1.0, "bigquery_emulator": 2.0, "publishing": 0.5}, 10, 10)
    names = ("ours", "handwritten", "loop", "ceiling", "textbook")
    profile = where_it_went(
        [f"Thread._bootstrap (t.py:1);f ({ROOT}/stream/headrace/steps/mask/mask_columns.py:1) 3"], 10, 1.0
    )
    return {
        "schema_version": 1,
        "measured_at": "2026-11-27T12:00:00+00:00",
        "machine": {
            "processor": "one",
            "cores": 2,
            "memory_gib": 4.0,
            "load": 0.1,
            "system": "Linux",
            "python": "3.11",
            "versions": {"headrace": "0.1.0"},
        },
        "steps": steps,
        "steps_of_flights": steps,
        "end_to_end": summed_up({name: [run, run] for name in names}) if end_to_end else None,
        "profile": profile if end_to_end else None,
        "seconds": 1,
    }


@pytest.mark.parametrize("end_to_end", [True, False])
def test_what_is_written_follows_its_schema(end_to_end: bool) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA).validate(figures(end_to_end))


@pytest.mark.parametrize("end_to_end", [True, False])
def test_the_table_fits_eighty_columns_and_names_every_contender(end_to_end: bool, tmp_path: Path) -> None:
    shown = tmp_path / "shown"
    with shown.open("w") as file:
        print_report(figures(end_to_end), Console(file=file, width=80))
    lines = shown.read_text().splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in shown.read_text()
    wanted = ["decode", "total"] + (["hand-written loop", "textbook Beam"] if end_to_end else [])
    assert [name for name in wanted if not any(name in line for line in lines)] == []


# The command.


def test_everything_that_is_missing_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_java(pubsub: PubsubService) -> None:
        raise EmulatorMissingError("Java is missing: install it")

    monkeypatch.setattr("headrace.dev.bench.requirements.check_emulators", no_java)
    monkeypatch.setattr("headrace.dev.bench.requirements.has_py_spy", lambda: False)
    with pytest.raises(BenchMissingError) as raised:
        check_needs(emulators=True, profile=True, find=lambda package: None)
    wanted = ["Java is missing", "--steps", "Apache Beam", "flights", "bookings", "headrace[local]", "py-spy"]
    assert [message for message in wanted if message not in str(raised.value)] == []
    assert explain(raised.value)[0] is Exit.CONFIGURATION


def test_the_steps_alone_need_no_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_java(pubsub: PubsubService) -> None:
        raise EmulatorMissingError("Java is missing: install it")

    monkeypatch.setattr("headrace.dev.bench.requirements.check_emulators", no_java)
    check_needs(emulators=False, profile=False)


def test_a_measuring_process_gets_the_events_as_they_were_made(tmp_path: Path) -> None:
    made = messages(Registry.load(SAMPLES), BOOKINGS, 50, NOW)
    keep(made, tmp_path / "events")
    assert kept(tmp_path / "events") == made


def test_a_failing_measuring_process_is_named_with_its_last_line() -> None:
    with pytest.raises(
        BenchFailedError, match=r"headrace.dev.bench.step_costs nothing 1 exited with code 1; its last line: .*'1'"
    ):
        in_child("headrace.dev.bench.step_costs", "nothing", "1")


def test_without_java_the_command_says_so_before_it_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv(VARIABLE, PubsubService.GOOGLE_EMULATOR)
    done = CliRunner().invoke(app, ["bench", "--quick"])
    assert isinstance(done.exception, BenchMissingError)
    assert "Java is missing" in str(done.exception)
    assert done.stdout == ""
