"""The letters that a command takes."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.dead_letters import service
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.service import ChoiceError, LetterService


class Reader:
    """An archive with *count* letters."""

    def __init__(self, count: int) -> None:
        self.count = count

    def find(self, wanted: Filter, at_most: int) -> list[str]:
        return [f"{number:020x}" for number in range(min(self.count, at_most))]


def of(count: int) -> LetterService:
    reader: Any = Reader(count)
    unused: Any = None
    return LetterService(reader, open_archive=unused, actor="ada", clock=unused, new_operation=unused)


def test_a_command_takes_all_letters_or_reports_that_they_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_MOST", 3)
    assert len(of(3).find_matching(Filter())) == 3
    with pytest.raises(ChoiceError, match="more than 3 letters are chosen; choose fewer at a time"):
        of(4).find_matching(Filter())
