"""One subject from several subscriptions: fair, and each message goes back to where it came from."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from headrace.core.message import Message
from headrace.engine.continuity import Gap
from headrace.engine.merged_source import MergedSource
from headrace.engine.pulled import Pulled


class Origin:
    """A subscription that holds some pulls of one message each."""

    finite = False

    def __init__(self, name: str, count: int, drained_at: int = 0) -> None:
        self.needs = f"{name} needs a permission"
        self.name = name
        self.drained_at = drained_at
        self.waiting = deque(self.a_pull(number) for number in range(count))
        self.acknowledged: list[str] = []
        self.told: list[str] = []

    def a_pull(self, number: int) -> Pulled:
        message = Message("thing", b"", {}, f"{self.name}{number}", 0, subscription=self.name)
        return Pulled([message], [message.message_id], 0.0)

    def start(self, scheduler: Any, wake: Any) -> None:
        self.told.append("start")

    def take(self, at_most: int, wait_seconds: float | None) -> list[Pulled]:
        return [self.waiting.popleft() for _ in range(min(at_most, len(self.waiting)))]

    def acknowledge(self, pulled: Iterable[Pulled]) -> None:
        self.acknowledged += [each for one in pulled for each in one.ack_ids]

    def wind_down(self) -> None:
        self.told.append("wind down")

    def stop(self) -> None:
        self.told.append("stop")

    def look(self) -> list[str]:
        return [f"{self.name} is wrong"]

    def settle_gaps(self, commit: Callable[[Gap], None]) -> None:
        commit(Gap(0, 1, self.name))

    def sample(self, at_most: int) -> list[Message]:
        return [message for each in self.waiting for message in each.messages][:at_most]


def merged(*origins: Origin) -> MergedSource:
    return MergedSource({each.name: each for each in origins})


def taken(source: MergedSource, at_most: int) -> list[str]:
    return [each.messages[0].message_id for each in source.take(at_most, 0.0)]


def test_a_round_is_filled_from_all() -> None:
    assert taken(merged(Origin("", 1), Origin("a", 2)), 10) == ["0", "a0", "a1"]


def test_a_busy_subscription_leaves_rounds_to_the_others() -> None:
    source = merged(Origin("a", 100), Origin("b", 100), Origin("c", 100))
    firsts = [taken(source, 3)[0][0] for _ in range(6)]
    assert firsts == ["a", "b", "c", "a", "b", "c"]


def test_a_message_is_acknowledged_where_it_came_from() -> None:
    own, existing = Origin("", 2), Origin("a", 2)
    source = merged(own, existing)
    source.acknowledge(source.take(10, 0.0))
    assert (own.acknowledged, existing.acknowledged) == (["0", "1"], ["a0", "a1"])


def test_it_is_drained_when_all_are() -> None:
    assert merged(Origin("", 0, 7), Origin("a", 0, 5)).drained_at == 5
    assert merged(Origin("", 0, 7), Origin("a", 0, 0)).drained_at == 0


def test_all_are_started_wound_down_and_stopped() -> None:
    origins = [Origin("", 0), Origin("a", 0)]
    source = merged(*origins)
    source.start(None, lambda: None)  # type: ignore[arg-type]
    source.wind_down()
    source.stop()
    assert [each.told for each in origins] == [["start", "wind down", "stop"]] * 2


def test_problems_gaps_needs_and_samples_are_those_of_all() -> None:
    source, gaps = merged(Origin("x", 2), Origin("a", 2)), list[Gap]()
    source.settle_gaps(gaps.append)
    assert [each.why for each in gaps] == ["x", "a"]
    assert source.look() == ["x is wrong", "a is wrong"]
    assert source.needs == "x needs a permission | a needs a permission"
    assert [each.message_id for each in source.sample(1)] == ["x0", "a0"]
