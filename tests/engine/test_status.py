"""What is known of each subject, and the status of the engine as a whole."""

from __future__ import annotations

import pytest

from headrace.core.engine_report import WITHIN
from headrace.engine.status import CIRCUIT, EngineStatus, SubjectStatus

SECOND = 1_000_000


@pytest.fixture
def status() -> SubjectStatus:
    return SubjectStatus("things", ready=True)


def test_what_is_in_the_way_is_news_once_and_again_when_it_is_something_else(status: SubjectStatus) -> None:
    sentences = ["no table", "no table", "no column", "a column", "no table"]
    assert [status.block("write", sentence) for sentence in sentences] == [True, False, True, True, True]
    assert status.in_the_way == {"write": "no table"}


def test_what_is_out_of_the_way_is_news_when_it_was_in_it(status: SubjectStatus) -> None:
    status.block("write", "no table")
    assert [status.unblock("write"), status.unblock("write")] == [True, False]
    assert status.in_the_way == {}


def test_a_subject_is_paused_while_its_flood_is_in_the_way_and_by_nothing_else(status: SubjectStatus) -> None:
    status.block("write", "no table")
    before = status.is_circuit_open
    status.block(CIRCUIT, "nothing can be read")
    assert (before, status.is_circuit_open) == (False, True)


def test_a_notice_is_kept_and_blocks_nothing(status: SubjectStatus) -> None:
    status.notice("table", "it was recreated")
    assert (status.notices, status.in_the_way) == ({"table": "it was recreated"}, {})


def test_counts_add_up(status: SubjectStatus) -> None:
    for events in (2, 3):
        status.count("received", events)
        status.refuse("too_late", events)
    status.count("written")
    assert status.counts == {"received": 5, "written": 1}
    assert status.dead_letters == {"too_late": 5}


def test_how_long_messages_took_is_counted_by_the_least_bound_they_are_within(status: SubjectStatus) -> None:
    now = 9_000 * SECOND
    status.time(now, [now - took * SECOND for took in (0, 1, 2, 4, 4000)])
    status.time(now, [now - SECOND // 2])
    within = {(WITHIN[place] if place < len(WITHIN) else None): count for place, count in status.took.items()}
    assert within == {1.0: 3, 2.0: 1, 5.0: 1, None: 1}
    assert status.seconds_taken == 4007.5


def test_an_engine_is_ready_while_it_lives_and_each_subject_is_ready_with_nothing_in_its_way() -> None:
    one, other = SubjectStatus("one", ready=True), SubjectStatus("other", ready=True)
    engine = EngineStatus({"one": one, "other": other})
    assert (engine.alive, engine.ready) == (True, True)
    other.ready = False
    assert (engine.alive, engine.ready) == (True, False)
    other.ready = True
    one.block("write", "no table")
    assert (engine.alive, engine.ready) == (True, False)
    other.ready = False
    assert (engine.alive, engine.ready) == (True, False)
    one.unblock("write")
    other.ready = True
    engine.failure = RuntimeError("halted")
    assert (engine.alive, engine.ready) == (False, False)
