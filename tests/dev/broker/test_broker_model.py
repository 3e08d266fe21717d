"""A subscription against a model of it: any order of calls, deadlines and restarts."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.dev.broker.local import Local, texts

DEADLINE = 10.0


class Model(RuleBasedStateMachine):
    """What was published and not acknowledged must come, and nothing else; of a key, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.local = Local(Path(self.folder.name) / "broker.db")
        self.published: list[tuple[str, str]] = []  # text, key
        self.acknowledged: set[str] = set()
        self.leased: dict[str, tuple[Any, float]] = {}

    @initialize(ordered=st.booleans())
    def subscribe(self, ordered: bool) -> None:
        self.ordered = ordered
        self.local.subscribe(enable_message_ordering=ordered)

    @rule(keys=st.lists(st.sampled_from(["", "a", "b"]), min_size=1, max_size=5))
    def publish(self, keys: list[str]) -> None:
        for key in keys:
            text = str(len(self.published))
            self.published.append((text, key))
            self.local.publish(text, key=key)

    @rule(at_most=st.integers(1, 4))
    def pull(self, at_most: int) -> None:
        received = self.local.pull(at_most)
        assert len(received) <= at_most
        for each in received:
            text = each.message.data.decode()
            assert text not in self.acknowledged
            assert text not in self.leased
            self.leased[text] = (each, self.local.now + DEADLINE)
        if self.ordered:
            self.check_order(texts(received))

    @rule()
    def pull_everything(self) -> None:
        deliverable = self.deliverable()
        received = self.local.pull()
        assert set(texts(received)) <= set(deliverable)
        assert {text for text in deliverable if self.is_first(text, deliverable)} <= set(texts(received))
        self.leased |= {each.message.data.decode(): (each, self.local.now + DEADLINE) for each in received}

    def deliverable(self) -> list[str]:
        """Return what a pull without a limit may deliver: with order, nothing of a key that has a leased message."""
        blocked = {self.published[int(text)][1] for text in self.leased} - {""} if self.ordered else set()
        return [
            text
            for text, key in self.published
            if text not in self.acknowledged and text not in self.leased and key not in blocked
        ]

    def is_first(self, text: str, deliverable: list[str]) -> bool:
        """Return whether no earlier message of the same key has to be delivered before."""
        key = self.published[int(text)][1]
        same = [each for each in deliverable if self.published[int(each)][1] == key]
        return not (self.ordered and key) or same[0] == text

    def check_order(self, received: list[str]) -> None:
        """Every earlier message of a key is acknowledged or leased before a later one."""
        for text in received:
            key = self.published[int(text)][1]
            earlier = [name for name, other in self.published[: int(text)] if key and other == key]
            assert [name for name in earlier if name not in self.acknowledged and name not in self.leased] == []

    @rule(choice=st.randoms(use_true_random=False), refuse=st.booleans())
    def answer(self, choice: Any, refuse: bool) -> None:
        if not self.leased:
            return
        text = choice.choice(sorted(self.leased))
        received, _ = self.leased.pop(text)
        if refuse:
            self.local.refuse([received])
            self.end_followers(text)
        else:
            self.local.acknowledge([received])
            self.acknowledged.add(text)

    def end_followers(self, text: str) -> None:
        """With a refused message, the later ones of its key come again."""
        key = self.published[int(text)][1]
        for other in [each for each in self.leased if self.ordered and key and int(each) > int(text)]:
            if self.published[int(other)][1] == key:
                del self.leased[other]

    @rule(seconds=st.sampled_from([1.0, 6.0, 11.0]))
    def wait(self, seconds: float) -> None:
        self.local.now += seconds
        expired = [text for text, (_, deadline) in self.leased.items() if deadline <= self.local.now]
        for text in sorted(expired, key=int):
            self.leased.pop(text, None)
            self.end_followers(text)

    @rule()
    def restart(self) -> None:
        self.local.restart()
        self.leased.clear()

    @rule()
    def enforce_retention(self) -> None:
        self.local.run(self.local.broker.retention.enforce())

    @invariant()
    def the_count_is_that_of_the_model(self) -> None:
        if hasattr(self, "ordered"):
            assert self.local.queue().unacknowledged == len(self.published) - len(self.acknowledged)

    def teardown(self) -> None:
        """Everything that is left comes when it is acknowledged."""
        self.local.now += 2 * DEADLINE
        for _ in range(len(self.published) + 1):
            received = self.local.pull() if hasattr(self, "ordered") else []
            self.local.acknowledge(received) if received else None
            for text in texts(received):
                assert text not in self.acknowledged
                self.acknowledged.add(text)
        assert self.acknowledged == {text for text, _ in self.published}
        self.local.close()
        self.folder.cleanup()


Model.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestModel = Model.TestCase
