"""Stages of rounds that pipeline: what runs beside what, what never does, and what an error in one of them leaves.

A stage of a timeline ends when another one has begun, where the test says so: without the pipeline it would never end.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping

import pytest

from headrace.engine.round_pipeline import RoundPipeline, open_stages

WAIT = 10  # seconds until a timeline that does not pipeline is given up


class GuiltyError(Exception):
    """What the stage that is to fail raises."""


class Timeline:
    """Rounds 1 to *rounds* through stages such as ``write 2``: *ends_after* names what must have begun before a stage
    ends, *fails* the stage that raises, *stops* the one that begins the drain."""

    def __init__(
        self, rounds: int, ends_after: Mapping[str, str] | None = None, fails: str = "", stops: str = ""
    ) -> None:
        self._coming = list(range(1, rounds + 1))
        self._ends_after = ends_after or {}
        self._fails, self._stops = fails, stops
        self._began: dict[str, threading.Event] = defaultdict(threading.Event)
        self._stop = threading.Event()
        self.began: list[str] = []
        self.ended: list[str] = []
        self.most_in_hand = 0
        self.waits: list[float | None] = []

    def run(self) -> Timeline:
        with open_stages(1) as stages:
            pipeline = RoundPipeline(
                stages, take=self.take, prepare=self.prepare, write=self.write, acknowledge=self.acknowledge
            )
            self.waits = list(pipeline.run(self._stop.is_set))
        return self

    def failed(self) -> Timeline:
        with pytest.raises(GuiltyError):
            self.run()
        return self

    def take(self, in_hand: int | None) -> int | None:
        if not self._coming:
            self._stop.set()
            return None
        number = self._coming.pop(0)
        assert in_hand in (None, number - 1)
        self._stage("take", number)
        acknowledged = sum(each.startswith("acknowledge") for each in list(self.ended))
        self.most_in_hand = max(self.most_in_hand, number - acknowledged)
        return number

    def prepare(self, number: int) -> int:
        self._stage("prepare", number)
        return number

    def write(self, number: int) -> None:
        self._stage("write", number)

    def acknowledge(self, number: int) -> None:
        assert f"write {number}" in self.ended, "acknowledged before it was written"
        self._stage("acknowledge", number)

    def of(self, stage: str) -> list[int]:
        """The rounds that have ended *stage*, in their order."""
        return [int(each.split()[1]) for each in self.ended if each.startswith(stage)]

    def _stage(self, stage: str, number: int) -> None:
        name = f"{stage} {number}"
        self.began.append(name)
        self._began[name].set()
        if name == self._fails:
            raise GuiltyError
        if name == self._stops:
            self._stop.set()
        if name in self._ends_after:
            other = self._ends_after[name]
            assert self._began[other].wait(WAIT), f"{name} ran to its end before {other} began"
        self.ended.append(name)


def test_a_round_is_prepared_while_the_one_before_it_is_written() -> None:
    #  write    |------ 1 ------|
    #  prepare      |- 2 -|
    assert Timeline(2, {"write 1": "prepare 2"}).run().of("write") == [1, 2]


def test_a_round_is_acknowledged_while_the_next_is_written() -> None:
    #  acknowledge  |------ 1 ------|
    #  write            |- 2 -|
    assert Timeline(2, {"acknowledge 1": "write 2"}).run().of("acknowledge") == [1, 2]


def test_three_stages_run_beside_each_other() -> None:
    #  acknowledge  |------ 1 ------|
    #  write           |------ 2 ------|
    #  prepare            |- 3 -|
    line = Timeline(3, {"acknowledge 1": "prepare 3", "write 2": "prepare 3"}).run()
    assert line.of("acknowledge") == [1, 2, 3]


def test_rounds_keep_their_order_and_none_is_acknowledged_before_it_is_written() -> None:
    line = Timeline(20).run()
    numbers = list(range(1, 21))
    assert [line.of(stage) for stage in ("take", "prepare", "write", "acknowledge")] == [numbers] * 4


def test_no_more_than_three_rounds_are_in_hand() -> None:
    #  acknowledge  |- 1 - - until 2 is written - -|
    line = Timeline(9, {"acknowledge 1": "write 2", "acknowledge 4": "write 5"}).run()
    assert line.most_in_hand == 3


def test_a_round_that_cannot_be_prepared_leaves_those_before_it_acknowledged_and_takes_no_other() -> None:
    line = Timeline(4, fails="prepare 2").failed()
    assert (line.of("acknowledge"), line.of("take")) == ([1], [1, 2])


def test_what_was_taken_is_finished_when_no_more_can_be_taken() -> None:
    line = Timeline(4, fails="take 3").failed()
    assert line.of("acknowledge") == [1, 2]


def test_nothing_is_acknowledged_after_a_round_that_could_not_be_written() -> None:
    line = Timeline(4, {"write 1": "prepare 2"}, fails="write 2").failed()
    assert line.of("acknowledge") == [1]


def test_an_acknowledgement_that_fails_ends_it_before_another_round_is_taken() -> None:
    line = Timeline(4, fails="acknowledge 1").failed()
    assert (line.of("write"), line.of("take")) == ([1, 2], [1, 2, 3])


def test_an_acknowledgement_of_the_last_round_that_fails_is_an_error_too() -> None:
    line = Timeline(2, fails="acknowledge 2").failed()
    assert line.of("write") == [1, 2]


def test_a_failed_write_is_raised_only_after_the_running_preparation_has_ended() -> None:
    #  write    |- 1 -| fails
    #  prepare    |------- 2 -------| only now the error is raised
    begun, failed, may_end, ended = threading.Event(), threading.Event(), threading.Event(), threading.Event()
    rounds, ended_before = iter([1, 2]), []

    def prepare(number: int) -> int:
        if number == 2:
            begun.set()
            assert may_end.wait(WAIT)
            ended.set()
        return number

    def write(number: int) -> None:
        assert begun.wait(WAIT)
        failed.set()
        raise GuiltyError

    with open_stages(1) as stages:
        pipeline = RoundPipeline[int, int](
            stages, take=lambda _: next(rounds), prepare=prepare, write=write, acknowledge=lambda _: None
        )

        def run() -> None:
            with pytest.raises(GuiltyError):
                list(pipeline.run(lambda: False))
            ended_before.append(ended.is_set())

        thread = threading.Thread(target=run)
        thread.start()
        assert failed.wait(WAIT)
        thread.join(0.1)
        may_end.set()
        thread.join(WAIT)
    assert ended_before == [True]


def test_once_stopped_it_finishes_what_was_taken_and_takes_no_more() -> None:
    line = Timeline(4, stops="write 1").run()
    assert (line.of("take"), line.of("acknowledge")) == ([1, 2], [1, 2])


def test_nothing_is_done_when_it_was_stopped_before_it_began() -> None:
    line = Timeline(1)
    line._stop.set()
    assert line.run().began == []


def test_an_idle_pipeline_waits_to_be_woken_and_a_busy_one_lets_others_go_first() -> None:
    #  nothing there|1|written, nothing there|stopped
    coming, stop, waits = [None, 1, None, None], threading.Event(), []
    with open_stages(1) as stages:
        pipeline = RoundPipeline[int, int](
            stages, take=lambda _: coming.pop(0), prepare=lambda n: n, write=lambda _: None, acknowledge=lambda _: None
        )
        for wait in pipeline.run(stop.is_set):
            waits.append(wait)
            if not coming:
                stop.set()
    assert waits == [None, 0.0, 0.0, None]


def test_pipelines_that_share_stages_do_not_wait_for_each_other() -> None:
    #  a: prepare |------ until b was written ------|
    #  b: prepare   |- 1 -|  write |- 1 -|
    written = threading.Event()
    with open_stages(2) as stages:
        slow, quick = iter([1]), iter([1])
        stop = threading.Event()

        def wait_for_the_other(number: int) -> int:
            assert written.wait(WAIT)
            return number

        a = RoundPipeline[int, int](
            stages,
            take=lambda _: next(slow, None),
            prepare=wait_for_the_other,
            write=lambda _: None,
            acknowledge=lambda _: None,
        ).run(stop.is_set)
        b = RoundPipeline[int, int](
            stages,
            take=lambda _: next(quick, None),
            prepare=lambda n: n,
            write=lambda _: written.set(),
            acknowledge=lambda _: None,
        ).run(stop.is_set)
        assert [next(a), next(b), next(b), next(a)] == [0.0] * 4
        stop.set()
        assert [list(a), list(b)] == [[], []]
