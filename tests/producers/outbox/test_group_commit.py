"""Callers that wait share one transaction, and each learns what became of its own."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from headrace.producers.outbox.group_commit import GroupCommit


def test_those_who_come_meanwhile_share_the_next_transaction() -> None:
    groups: list[list[int]] = []
    began, go_on = threading.Event(), threading.Event()

    def commit(works: Sequence[int]) -> None:
        groups.append(list(works))
        began.set()
        go_on.wait(20)

    group = GroupCommit(commit)
    threads = [threading.Thread(target=group.run, args=(number,)) for number in range(20)]
    threads[0].start()
    began.wait(20)
    for thread in threads[1:]:
        thread.start()
    while len(group._waiting) < 19:
        began.wait(0.01)
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert groups[0] == [0]
    assert sorted(groups[1]) == list(range(1, 20))
    assert len(groups) == 2


def test_an_error_reaches_every_caller_of_its_transaction_and_no_other() -> None:
    def commit(works: Sequence[int]) -> None:
        if -1 in works:
            raise RuntimeError("disk")

    group = GroupCommit(commit)
    group.run(1)
    with pytest.raises(RuntimeError, match="disk"):
        group.run(-1)
    group.run(2)


def test_every_work_of_many_threads_is_committed_once() -> None:
    done: list[int] = []
    group: GroupCommit[int] = GroupCommit(done.extend)

    def work(thread: int) -> None:
        for number in range(200):
            group.run(thread * 1000 + number)

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(done) == [thread * 1000 + n for thread in range(16) for n in range(200)]
