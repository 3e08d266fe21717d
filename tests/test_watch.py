"""In which order the resources of many subjects are checked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from headrace.engine import resource_watch
from headrace.engine.resource_watch import Watch, Watched
from headrace.engine.status import SubjectStatus


class Checked(Watch):
    """Notes what is looked at, and looks at nothing; stops after *most*."""

    def __init__(self, subjects: list[str], most: int, letters: Callable[[], list[str]] = list) -> None:
        unused: Any = None
        self.stop = threading.Event()
        self.names = subjects
        self.looked: list[str] = []
        self.status = {name: SubjectStatus(name) for name in "abcdef"}
        self._most = most
        super().__init__(self._all, unused, None, letters, unused, self.stop)

    def _all(self) -> list[Watched]:
        unused: Any = None
        return [Watched(name, unused, unused, unused, None, self.status[name]) for name in self.names]

    def look(self, watched: Watched, every: float = 0.0) -> None:
        self.looked.append(watched.subject)
        if len(self.looked) == 2:
            self.names = list("abcdef")  # the others have started meanwhile
        if len(self.looked) == self._most:
            self.stop.set()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource_watch, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(resource_watch, "AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(resource_watch, "CHECKS_A_SECOND", 1000.0)
    monkeypatch.setattr(resource_watch, "FIRST_CHECKS_A_SECOND", 1000.0)


def test_those_that_were_never_checked_come_first_and_then_each_in_turn() -> None:
    checked = Checked(["a", "b"], 12)
    checked.run()
    assert "".join(checked.looked) == "abcdefabcdef"


def test_that_letters_are_not_kept_is_said_of_every_subject() -> None:
    checked = Checked(["a"], 12, lambda: ["no subscription keeps them"])
    checked.run()
    assert {name for name in "abcdef" if checked.status[name].in_the_way} == set("abcdef")


def test_what_is_not_right_is_looked_at_again_soon_and_the_rest_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource_watch, "CHECK_SECONDS", 3600.0)
    checked = Checked(list("abcdef"), 12)
    for name in "abdef":
        checked.status[name].resources_right = True
    checked.run()
    assert "".join(checked.looked) == "abcdef" + "c" * 6


def test_that_letters_are_kept_again_is_seen_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    #  not kept|not kept|kept: not asked again for CHECK_SECONDS
    monkeypatch.setattr(resource_watch, "CHECK_SECONDS", 3600.0)
    answers: Iterator[list[str]] = iter([["nobody keeps them"], ["nobody keeps them"], []])
    checked = Checked(["a"], 30, lambda: next(answers))
    checked.run()
    assert (list(answers), checked.status["a"].in_the_way) == ([], {})
