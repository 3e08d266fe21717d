"""What limits a load: quantities checked by hand, limits with their sources, and the settings that follow."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from datetime import date
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.cli.commands.capacity import make_plan, show_estimate, show_limits, toml_lines
from headrace.config.dataflow import DataflowSettings
from headrace.config.settings import Settings
from headrace.config.settings import load_settings as read_settings
from headrace.planning.capacity.advise import fewest_workers, settings
from headrace.planning.capacity.calibration import Calibration, Kind, load_calibration
from headrace.planning.capacity.limits import NAMES, CapacityError, Limit, load_limits
from headrace.planning.capacity.load import Load, Machine
from headrace.planning.capacity.needs import CapacityPlan, Need, first, needs
from headrace.planning.cost.estimate import message_bytes

STEPS = ("read", "decode", "seal", "mask", "window", "shuffle", "dedupe", "state", "row")
# An event costs 9 µs; a part of them 400 µs, half of it before its key; a bundle 1 ms.
KIND = Kind(
    100, 200, 500, 2000, dict.fromkeys(STEPS, 1.0), {"shuffle": 200.0, "dedupe": 100.0, "state": 60.0, "row": 40.0}
)
CALIBRATION = Calibration("2026-01-01", "a machine", "Python", 1000.0, 100.0, {"thing": KIND})
LOAD = Load(10_000, 100, 200, subjects=2, skew=1.0, remember_seconds=60, stall_seconds=60)
PLAN = CapacityPlan(LOAD, KIND, CALIBRATION, load_limits(), Machine.parse("n2-standard-4"), 10, 3, True)


def found(plan: CapacityPlan) -> dict[str, Need]:
    return {need.what: need for need in needs(plan)}


def test_a_batch_of_a_thousand_gives_each_of_ten_shards_a_hundred_rows() -> None:
    assert PLAN.rows_a_part == 100
    assert replace(PLAN, shards=1000).rows_a_part == 1
    # 9 µs an event, 400 µs / 100 rows of a part, 1,000 µs / 1,000 messages of a batch
    assert PLAN.event_seconds(False) == pytest.approx((6 + 2 + 1) / 1e6)
    assert PLAN.event_seconds(True) == pytest.approx((3 + 2) / 1e6)


def test_busy_vcpus_are_those_of_events_and_of_bundles() -> None:
    # 20 keys, each two bundles in half a second, 1 ms each
    assert PLAN.bundles_a_second == 20 * 2 / 0.5
    assert PLAN.appends_a_second == 40
    assert PLAN.vcpus == pytest.approx(10_000 * 14e-6 + 80 * 1e-3)


def test_a_key_that_gets_an_event_a_minute_has_two_bundles_a_minute() -> None:
    idle = replace(PLAN, load=replace(LOAD, events_a_second=1 / 60, subjects=1), shards=1)
    assert idle.bundles_a_second == pytest.approx(2 / 60)


def test_the_busiest_of_two_subjects_has_two_thirds_by_zipfs_law() -> None:
    assert LOAD.busiest == pytest.approx(20_000 / 3)
    assert PLAN.key_rate == pytest.approx(2_000 / 3)
    assert replace(LOAD, skew=0).busiest == 5_000


@given(st.integers(1, 200), st.floats(0, 4))
def test_shares_of_subjects_are_one_together_and_fall(subjects: int, skew: float) -> None:
    shares = Load(1, 1, 1, subjects, skew).shares()
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)


def test_quantities_of_each_service_by_hand() -> None:
    lines, message = found(PLAN), message_bytes(100)
    packed = 500 + 2000 / 100
    assert lines["Pub/Sub, published"].quantity == 10_000 * message
    assert lines["Streaming Engine"].quantity == pytest.approx(10_000 * (message + 6 * packed + 24))
    assert lines["Storage Write"].quantity == 2_000_000
    assert lines["Storage Write"].limit.value == 3e9
    assert lines["hot shard, rows"].quantity == pytest.approx(2_000 / 3 * 200)
    assert lines["hot shard, a bag"].quantity == pytest.approx(2_000 / 3 * packed * 60 / 64)
    assert lines["connections"].quantity == 22  # and one for the tallies of each subject
    # twice 60 s of the busiest subject's ids, for each table, on three workers of 16 GiB, half of them for ids
    assert lines["ids in memory"].quantity == pytest.approx(800_000 * 2 * 100 / 3)
    assert lines["ids in memory"].limit.value == 8 * 2**30
    assert PLAN.state_bytes == 800_000 * 24 * 2


def test_the_turning_point_is_where_a_heads_events_come_as_fast_as_they_are_written() -> None:
    # A head has 20,000 events, which come in 30 s. Deciding them takes 20,000 * 5 µs and a bundle's millisecond, the
    # answer half a second; a waiting row is written again in half of 1 µs, and of a part's 60 µs for 100 rows. Of 64
    # bags one is.
    a_bag = (30 - 0.1 - 0.001 - 0.5) / (0.8e-6)
    assert PLAN.rewrite_seconds == pytest.approx(0.8e-6)
    assert PLAN.turning_seconds == pytest.approx(64 * a_bag / (2_000 / 3))
    assert replace(PLAN, load=replace(LOAD, events_a_second=10**9)).turning_seconds == 0


def test_a_head_has_as_many_events_as_a_request_and_a_page_have_room_for() -> None:
    assert PLAN.head_events == 4_000_000 / 200
    sealed = replace(PLAN, load=replace(LOAD, event_bytes=10_000))
    assert sealed.head_events == 32_000_000 / sealed.packed_bytes


def test_an_event_that_is_larger_than_what_was_measured_waits_with_that_much_more() -> None:
    larger = replace(PLAN, load=replace(LOAD, event_bytes=1100, row_bytes=1200))
    assert larger.packed_bytes == PLAN.packed_bytes + 2000


def test_a_dataset_in_one_region_has_a_tenth() -> None:
    single = found(replace(PLAN, multi_region=False))
    assert single["Storage Write"].of_it == pytest.approx(10 * found(PLAN)["Storage Write"].of_it)
    assert single["connections"].of_it == pytest.approx(10 * found(PLAN)["connections"].of_it)


def test_what_is_met_first_says_nothing_of_stalls() -> None:
    limit = Limit(value=10, unit="B", looked_at="2026-01-01", checked=True, source="https://example.com")
    small, large = Need("a", "", 5, limit), Need("b", "", 20, limit)
    assert first([small, large]) is large
    assert first([small, replace(large, stalled=True)]) is small


def test_workers_are_as_busy_as_is_assumed() -> None:
    assert fewest_workers(PLAN, 1.0) == 1
    # 2.2 vCPUs at ten times the rate would be 1.48 vCPUs busy of 4 * 0.7
    assert fewest_workers(PLAN, 100) == -(-round(1e6 * 14e-6 + 80 * 1e-3) // 2.8)


def test_as_many_workers_may_be_started_as_twice_the_rate_takes() -> None:
    plan = replace(PLAN, load=replace(LOAD, events_a_second=1e6), workers=6)
    dataflow = settings(plan)["dataflow"]
    assert (dataflow["workers"], dataflow["max_workers"]) == (6, fewest_workers(plan, 2.0))
    assert fewest_workers(plan, 2.0) > fewest_workers(plan, 1.0)


def test_workers_have_room_for_the_ids_even_when_they_are_idle() -> None:
    plan = replace(PLAN, load=replace(LOAD, remember_seconds=6_000))
    # 80 million ids of each of two tables, 100 bytes each, in half of 16 GiB
    assert fewest_workers(plan, 1.0) == -(-80e6 * 2 * 100 // (8 * 2**30))
    assert found(replace(plan, workers=fewest_workers(plan, 1.0)))["ids in memory"].of_it <= 1


def test_the_plan_has_the_fewest_shards_without_a_hot_one() -> None:
    plan = make_plan(Load(100_000, 482, 617, 1), "booking_created", "n2-standard-4", None, None, True, None, None)
    assert plan.shards == 64  # 61.7 MB/s of rows, and a stream takes 1 MB/s at least
    hot = found(replace(plan, shards=32))["hot shard, rows"]
    assert hot.of_it == pytest.approx(61.7e6 / 32 / 1e6)


def test_more_shards_make_smaller_parts_and_so_cost_more() -> None:
    few, many = (replace(PLAN, shards=shards) for shards in (4, 400))
    assert many.vcpus > 2 * few.vcpus
    assert many.engine_bytes > 2 * few.engine_bytes


@pytest.mark.parametrize("rate", [1, 10_000, 1_000_000, 100_000_000])
def test_advice_is_what_the_settings_take(rate: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(Load(rate, 482, 617, 3), "booking_created", "n2-standard-4", None, None, True, None, None)
    chosen = settings(plan)
    DataflowSettings.model_validate(chosen["dataflow"])
    (tmp_path / "headrace.toml").write_text("\n".join(['project = "my-project"', *toml_lines(plan)]))
    monkeypatch.chdir(tmp_path)
    read: Settings = read_settings()
    assert (read.shards, read.ids_remembered) == (chosen["shards"], chosen["ids_remembered"])
    assert read.dataflow.max_workers == chosen["dataflow"]["max_workers"] >= read.dataflow.workers


def test_every_limit_has_a_source_and_a_day_and_says_why_when_it_is_not_checked() -> None:
    limits = load_limits()
    assert set(limits) == set(NAMES)
    for name, limit in limits.items():
        assert date.fromisoformat(limit.looked_at), name
        assert limit.source.startswith("docs/capacity.md#" if name.startswith("assumed") else "https://"), name
        assert limit.checked or limit.note, name
        assert not (limit.checked and name.startswith("assumed")), name


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            "[dataflow_workers]",
            "[dataflow_worker]",
            "line [0-9]+: dataflow_worker: no such key; did you mean dataflow_workers",
        ),
        ("value = 4_000\n", "", "dataflow_workers.value: missing; write value = a number above 0"),
        (
            "value = 4_000",
            "value = 0",
            "line [0-9]+: dataflow_workers.value: must be greater than 0; write value = a num",
        ),
        ("value = 4_000", "value = true", "dataflow_workers.value: must be a valid number; write value"),
        (
            "[dataflow_workers]",
            "dataflow_workers = 3\n[dataflow_value_byte]",
            "pubsub_ack_seconds.dataflow_workers: no such key; remove it, or use one of checked, looked_at",
        ),
        ("value = 4_000", "value 4_000", "not TOML"),
    ],
)
def test_a_wrong_file_of_limits_says_what_is_wrong(before: str, after: str, expected: str, tmp_path: Path) -> None:
    text = resources.files("headrace.planning.capacity").joinpath("limits.toml").read_text()
    assert before in text
    (tmp_path / "limits.toml").write_text(text.replace(before, after, 1))
    with pytest.raises(CapacityError, match=expected):
        load_limits(tmp_path / "limits.toml")


def test_a_limit_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "limits.toml").write_text("")
    with pytest.raises(CapacityError, match=rf"{NAMES[0]}: missing; write \[{NAMES[0]}\] with value"):
        load_limits(tmp_path / "limits.toml")
    with pytest.raises(CapacityError, match="cannot be read"):
        load_limits(tmp_path / "none.toml")


@pytest.mark.parametrize("name", ["n2", "n2-standard-0", "standard-4", "n2-standard-4 "])
def test_a_machine_type_without_vcpus_is_refused(name: str) -> None:
    with pytest.raises(CapacityError, match="use a type with vCPUs"):
        Machine.parse(name)
    assert Machine.parse("n2-highmem-8").memory_bytes == 64 * 2**30


def test_the_calibration_has_every_step_of_every_kind() -> None:
    for kind in load_calibration().kinds.values():
        assert set(kind.event_us) == set(STEPS)
        assert set(kind.part_us) == {"shuffle", "dedupe", "state", "row"}
        assert all(cost >= 0 for cost in [*kind.event_us.values(), *kind.part_us.values()])


@pytest.mark.parametrize("by_subject", [True, False])
def test_figures_of_a_benchmark_take_the_place_of_steps_and_leave_the_others(by_subject: bool, tmp_path: Path) -> None:
    steps = {name: {"ours_us": 0.5, "peer_us": 9} for name in ("decode", "mask", "dedupe", "row", "total")}
    both = dict.fromkeys(load_calibration().kinds, steps)
    (tmp_path / "bench.json").write_text(json.dumps({"steps": both if by_subject else steps}))
    before, after = load_calibration(), load_calibration(tmp_path / "bench.json")
    for name, kind in after.kinds.items():
        assert {kind.event_us[step] for step in ("decode", "mask", "dedupe", "row")} == {0.5}
        assert kind.event_us["read"] == before.kinds[name].event_us["read"]
    assert after.measured_at == f"bench.json, else {before.measured_at}"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"steps": {"decode": {}}}', '{"steps": {"decode": 3}}', '{"steps": 3}']
)
def test_a_file_that_is_no_benchmark_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text(text)
    with pytest.raises(CapacityError, match="no steps with ours_us"):
        load_calibration(tmp_path / "bench.json")


def test_the_table_fits_a_terminal_and_marks_what_is_not_checked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for rate in (10_000, 100_000, 1_000_000):
        plan = make_plan(Load(rate, 482, 617, 5), "booking_created", "n2-standard-4", None, None, True, None, None)
        show_estimate(plan, "table")
        shown = capsys.readouterr()
        assert [line for line in (shown.out + shown.err).splitlines() if len(line.rstrip()) > 82] == []
        assert "1 GB/s ?" in shown.out
        assert "3 GB/s  " in shown.out
        tomllib.loads(shown.err.partition("\n\n")[2])
    show_limits(None, "table")
    assert [line for line in capsys.readouterr().out.splitlines() if len(line.rstrip()) > 80] == []


def test_json_has_what_the_table_has_and_the_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    show_estimate(PLAN, "json")
    output = json.loads(capsys.readouterr().out)
    assert [need["what"] for need in output["needs"]] == [need.what for need in needs(PLAN)]
    assert output["first"] == first(needs(PLAN)).what
    assert output["settings"]["shards"] == 10
    assert all(need["because"] for need in output["needs"])
    show_limits(None, "json")
    assert {limit["name"] for limit in json.loads(capsys.readouterr().out)["limits"]} == set(NAMES)
