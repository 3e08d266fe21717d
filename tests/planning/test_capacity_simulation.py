"""The simulation of shards and workers: against queueing theory, and what must hold in every scenario."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.beam.pages import BAGS
from headrace.cli.commands.capacity import make_plan
from headrace.cli.commands.capacity_simulate import show_simulation
from headrace.planning.capacity.limits import CapacityError
from headrace.planning.capacity.load import Load
from headrace.planning.capacity.scenario import MOST_KEYS, Costs, Scenario, slice_of
from headrace.planning.capacity.simulation import simulate
from headrace.planning.capacity.simulation_samples import SimulationResult, Written

COSTS = Costs(0.002, 0.0005, 0.001, 1e-5, answer_seconds=0.2, head_events=500, packed_bytes=1000)
SAMPLE_SECONDS = 5.0
SCENARIO = Scenario((100.0, 50.0, 25.0, 25.0), workers=2, vcpus=1, costs=COSTS, seconds=60)


def single_queue(rate: float, service: float, seconds: float, vcpus: int = 1) -> Scenario:
    """Events one by one to one server: each waits for it, and takes the same time."""
    costs = Costs(front_seconds=service, keyed_seconds=0.0)
    return Scenario((rate,), 1, vcpus, costs, seconds, batch_seconds=0.0)


@pytest.mark.parametrize("busy", [0.3, 0.6, 0.8])
def test_a_single_server_waits_as_the_formula_of_pollaczek_and_khinchine_says(busy: float) -> None:
    service = 0.1
    outcome = simulate(single_queue(busy / service, service, 4_000), 1)
    assert outcome.mean_latency == pytest.approx(service + busy * service / (2 * (1 - busy)), rel=0.05)  # M/D/1


def test_what_is_there_on_average_is_what_comes_times_how_long_it_stays() -> None:
    outcome = simulate(SCENARIO, 5)
    there = sum(each.backlog for each in outcome.samples) / len(outcome.samples)
    assert there == pytest.approx(outcome.arrived / 60 * outcome.mean_latency, rel=0.4)  # Little's law; few samples


def test_vcpus_are_busy_by_the_utilisation_law() -> None:
    outcome = simulate(single_queue(rate=25, service=0.1, seconds=1_500, vcpus=4), seed=3)
    assert sum(each.busy_vcpus for each in outcome.samples) / len(outcome.samples) == pytest.approx(2.5, rel=0.03)


def test_an_overloaded_server_writes_as_many_as_it_can() -> None:
    outcome = simulate(single_queue(rate=20, service=0.1, seconds=500), seed=1)
    during = next(each for each in outcome.samples if each.seconds == 500)
    assert during.written == pytest.approx(500 / 0.1, rel=0.01)
    assert outcome.samples[-1].seconds == pytest.approx(outcome.arrived * 0.1, abs=2 * SAMPLE_SECONDS)


def test_the_same_seed_gives_the_same_run_and_another_one_another() -> None:
    assert simulate(SCENARIO, 1) == simulate(SCENARIO, 1)
    assert simulate(SCENARIO, 1).samples != simulate(SCENARIO, 2).samples


def test_latencies_are_weighted_by_events_and_start_again_with_each_look() -> None:
    written = Written()
    for latency, events in ((9.0, 4), (1.0, 50), (2.0, 41), (3.0, 5)):
        written.note(latency, events)
    assert written.since_last() == (100, 1.0, 3.0, 9.0)
    assert written.since_last() == (0, 0.0, 0.0, 0.0)
    assert (written.events, written.latency_sum) == (100, 36 + 50 + 82 + 15)


SCENARIOS = st.builds(
    Scenario,
    rates=st.lists(st.floats(0.1, 200), min_size=1, max_size=5).map(tuple),
    workers=st.integers(2, 4),
    vcpus=st.integers(1, 2),
    costs=st.builds(
        Costs,
        front_seconds=st.floats(0, 0.004),
        keyed_seconds=st.floats(0, 0.001),
        bundle_seconds=st.floats(0, 0.01),
        rewrite_seconds=st.sampled_from([0.0, 1e-6, 1e-5]),
        bags=st.sampled_from([1, 3, 64]),
        answer_seconds=st.floats(0, 1),
        head_events=st.integers(1, 500),
        packed_bytes=st.just(100.0),
    ),
    seconds=st.just(40.0),
    stall=st.none() | st.tuples(st.floats(5, 10), st.floats(10, 30)),
    lost_workers=st.integers(0, 1),
    lost_at=st.floats(0, 30),
    takeover_seconds=st.floats(0, 20),
    replacement_seconds=st.floats(20, 30),
    appends_a_second=st.sampled_from([math.inf, 300.0]),
    most_undecided=st.sampled_from([math.inf, 50.0]),
)


@settings(max_examples=40)
@given(SCENARIOS, st.integers(0, 5))
def test_no_event_is_lost_or_doubled_in_any_scenario(scenario: Scenario, seed: int) -> None:
    outcome = simulate(scenario, seed)
    for sample in outcome.samples:
        assert 0 <= sample.written <= sample.decided <= sample.arrived
        assert sample.longest_queue <= sample.in_state
        assert 0 <= sample.busy_vcpus <= (scenario.workers + scenario.lost_workers) * scenario.vcpus + 1e-9
        assert sample.latency_p50 <= sample.latency_p95 <= sample.latency_max <= sample.seconds
    if outcome.samples[-1].seconds < 6 * scenario.seconds:
        assert outcome.written == outcome.arrived


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("lost", "stall"), [(0, (15.0, 30.0)), (1, None), (1, (15.0, 30.0))])
def test_more_workers_never_recover_later(seed: int, lost: int, stall: tuple[float, float] | None) -> None:
    broken = replace(SCENARIO, stall=stall, lost_workers=lost, lost_at=15, takeover_seconds=10, seconds=120)
    outcomes = [simulate(replace(broken, workers=workers), seed) for workers in (2, 3, 4, 6)]
    assert len({each.arrived for each in outcomes}) == 1
    ends = [each.samples[-1].seconds for each in outcomes]
    assert ends == sorted(ends, reverse=True)
    empty = [written_all_until(each, 31.0) for each in outcomes]
    assert all(more <= fewer + SAMPLE_SECONDS for fewer, more in pairwise(empty)), empty


def written_all_until(outcome: SimulationResult, came: float) -> float:
    """When as many events were written as had come until then."""
    due = next(each.arrived for each in outcome.samples if each.seconds >= came)
    return next(each.seconds for each in outcome.samples if each.written >= due)


def test_nothing_is_written_while_bigquery_refuses_and_all_of_it_after() -> None:
    outcome = simulate(replace(SCENARIO, stall=(20.0, 40.0)), 1)
    by_second = {each.seconds: each for each in outcome.samples}
    assert by_second[25].written == by_second[40].written
    assert by_second[40].in_state > 0.9 * (by_second[40].arrived - by_second[20].arrived)
    assert outcome.written == outcome.arrived
    assert outcome.most_latency >= 19
    assert outcome.recovered_after is not None


def test_only_so_much_is_taken_as_may_be_undecided_and_the_rest_waits_before() -> None:
    held = simulate(replace(SCENARIO, stall=(20.0, 40.0), most_undecided=30.0), 1)
    assert held.most_in_state <= 30 * len(SCENARIO.rates)
    assert held.most_backlog > 1000
    assert held.written == held.arrived


def test_a_queue_in_one_bag_is_written_again_as_a_whole_and_recovers_later_than_one_in_many() -> None:
    whole = replace(SCENARIO, costs=replace(COSTS, rewrite_seconds=1e-3, bags=1), stall=(20.0, 50.0), seconds=90)
    in_pages = replace(whole, costs=replace(whole.costs, bags=64))
    later, sooner = simulate(whole, 1), simulate(in_pages, 1)
    assert later.recovered_after is not None
    assert sooner.recovered_after is not None
    assert later.recovered_after > 1.5 * sooner.recovered_after
    assert later.largest_commit > 5 * COSTS.head_events * COSTS.packed_bytes
    assert sooner.largest_commit < 2 * COSTS.head_events * COSTS.packed_bytes


def test_what_is_moved_are_the_pages_that_share_a_bag() -> None:
    costs = replace(COSTS, head_events=10, bags=4)
    assert [costs.moved(waiting) for waiting in (3, 10, 40, 41, 400)] == [3, 10, 10, 20, 100]


def test_keys_of_a_lost_worker_wait_until_they_are_taken_over_and_the_others_go_on() -> None:
    lost = replace(SCENARIO, rates=(20.0, 20.0), lost_workers=1, lost_at=20.0, takeover_seconds=15.0)
    outcome = simulate(lost, 1)
    by_second = {each.seconds: each for each in outcome.samples}
    came, written = (by_second[35].arrived - by_second[20].arrived, by_second[35].written - by_second[20].written)
    assert 0.2 < written / came < 0.8
    assert 15 <= outcome.most_latency < 30


@pytest.mark.parametrize(
    "costs", [Costs(0.0, 0.0, bundle_seconds=3.0), Costs(0.1, 0.0), Costs(0.0, 0.0, answer_seconds=8.0)]
)
def test_what_a_lost_worker_was_doing_is_done_again_by_another(costs: Costs) -> None:
    lost = replace(SCENARIO, rates=(8.0,), costs=costs, lost_workers=1, lost_at=20.5, takeover_seconds=15.0)
    outcome = simulate(lost, 1)
    by_second = {each.seconds: each for each in outcome.samples}
    assert outcome.written == outcome.arrived
    assert by_second[35].written == by_second[25].written < by_second[60].written
    assert outcome.most_latency >= 15


def test_bigquery_takes_no_more_than_its_quota() -> None:
    outcome = simulate(replace(SCENARIO, appends_a_second=100.0), 1)
    assert max(each.written_a_second for each in outcome.samples) <= 100 + 500 / SAMPLE_SECONDS


def test_beyond_the_turning_point_a_hot_shard_falls_further_behind_and_before_it_catches_up() -> None:
    plan = a_plan(1_000_000, 1, 1000, 100)
    minutes = plan.turning_seconds / 60 / BAGS  # of one bag: with all of them the run would take days
    hot = (plan.key_rate,)  # with vCPUs to spare
    for stall, recovers in ((0.6 * minutes, True), (1.4 * minutes, False)):
        scenario = replace(slice_of(plan, 60, stall, 0).scenario, rates=hot, workers=12, appends_a_second=math.inf)
        scenario = replace(scenario, costs=replace(scenario.costs, bags=1))
        outcome = simulate(replace(scenario, seconds=scenario.faults_end + 700), 1)
        assert (outcome.recovered_after is not None and outcome.recovered_after < 700) is recovers


def a_plan(rate: float, subjects: int, shards: int | None = None, workers: int | None = None):  # type: ignore[no-untyped-def]
    load = Load(rate, 482, 617, subjects)
    return make_plan(load, "booking_created", "n2-standard-4", shards, workers, True, None, None)


def test_a_slice_has_the_rates_and_the_workers_of_the_whole_in_proportion() -> None:
    whole = slice_of(a_plan(1000, 2, 8, 2), 10, 5, 1)
    assert whole.of == 1
    assert sum(whole.scenario.rates) == pytest.approx(1000)
    part = slice_of(a_plan(1_000_000, 4, 256, 80), 10, 5, 10)
    assert len(part.scenario.rates) <= MOST_KEYS
    assert part.of == 16
    assert part.scenario.appends_a_second * 16 == pytest.approx(3e9 / 617)
    assert part.scenario.takeover_seconds == 60
    assert sum(part.scenario.rates) * 16 == pytest.approx(1_000_000)
    assert (part.scenario.workers, part.scenario.lost_workers) == (5, 1)


def test_one_worker_must_be_left() -> None:
    with pytest.raises(CapacityError, match="keep at least one"):
        slice_of(a_plan(1000, 1, 2, 1), 10, 0, 1)


def test_the_command_prints_a_table_that_fits_and_draws_when_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show_simulation(a_plan(2000, 2), 8, 1, 0, 1, tmp_path / "plot.svg", "table")
    shown = capsys.readouterr()
    assert [
        line for line in (shown.out + shown.err).splitlines() if len(line.rstrip()) > 80 and str(tmp_path) not in line
    ] == []
    assert "recovered 0." in shown.err
    assert (tmp_path / "plot.svg").read_text().count("<svg") == 1
    drawn = (tmp_path / "plot.svg").read_bytes()
    show_simulation(a_plan(2000, 2), 8, 1, 0, 1, tmp_path / "plot.svg", "json")
    output = json.loads(capsys.readouterr().out)
    assert output["samples"][-1]["written"] == output["samples"][-1]["arrived"]
    assert (tmp_path / "plot.svg").read_bytes() == drawn


def test_a_plot_of_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CapacityError, match="unknown format"):
        show_simulation(a_plan(500, 1), 6, 0, 0, 1, tmp_path / "plot.doc", "json")
