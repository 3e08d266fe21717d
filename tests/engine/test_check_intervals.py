"""How seldom each of many subjects is asked for something."""

from __future__ import annotations

from headrace.engine.check_intervals import interval


def test_few_subjects_are_asked_as_often_as_is_wanted_and_many_more_seldom() -> None:
    assert [interval(2.0, subjects, a_second=10.0) for subjects in (1, 20, 21, 500)] == [2.0, 2.0, 2.1, 50.0]
