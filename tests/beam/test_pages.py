"""What waits at a key, in pages: however much it is, a bundle touches what one append takes, and loses nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from inspect import signature
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from headrace.beam import pages
from headrace.beam.packing import PendingAppend, QueuedBatch, pack_queued, unpack_queued
from headrace.beam.pages import PagedQueue, PageIndex
from headrace.beam.state import WorkerCache
from headrace.beam.state_bags import in_page_order, page_bag_specs, with_page_bags
from headrace.beam.table_shard import TableShard
from headrace.core.micro_batch import MicroBatch
from headrace.steps.append import request_bytes
from tests.support.shard_state import StateValues, Table, a_batch, a_message, the_append_queue, the_ids, the_queue
from tests.support.strategies import FIXED_PROFILE

ROWS = 40
BATCHES_A_PAGE = 3


class Counted(dict[str, tuple[bytes, ...]]):
    """State that counts the bytes that cross between a worker and it: of what is read, added, or written in place."""

    def __init__(self) -> None:
        super().__init__()
        self.moved = 0

    def get(self, name: str, default: tuple[bytes, ...] = ()) -> tuple[bytes, ...]:  # type: ignore[override]
        values = super().get(name, default)
        self.moved += _size(values)
        return values

    def __setitem__(self, name: str, values: tuple[bytes, ...]) -> None:
        is_bag = name == "inbox" or name.startswith("page_")
        self.moved += _size(values[:1]) if is_bag else _size(values)
        super().__setitem__(name, values)


def _size(values: tuple[bytes, ...]) -> int:
    return sum(map(len, values))


class Stalled:
    """A key of which BigQuery takes nothing until *table* is no longer away. Each bundle is committed."""

    def __init__(self, bags: int) -> None:
        self.state, self.table, self.bags = Counted(), Table(), bags
        self.table.is_away = True
        self.enqueued = 0

    def enqueue(self) -> None:
        ids = [f"{self.enqueued + place:06}" for place in range(ROWS)]
        self.enqueued += ROWS
        self._table_shard().enqueue(a_batch([a_message(event_id, "x" * 100, 1) for event_id in ids]))

    def append(self) -> tuple[int, float | None]:
        """Let the timer fire: how many bytes of state that moves, and when it fires again."""
        self.state.moved = 0
        progress = self._table_shard().append(self.table, 0)
        return self.state.moved, progress.next_in_seconds

    def recover(self) -> Iterator[int]:
        """Append until nothing waits: the bytes of state that each bundle moves."""
        self.table.is_away = False
        again: float | None = 0
        while again is not None:
            moved, again = self.append()
            yield moved

    def _table_shard(self) -> TableShard:
        cache = WorkerCache()
        append_queue = the_append_queue(self.state, self.table, cache, self.bags)
        return TableShard(the_ids({}, cache), append_queue, self.table)


def after_a_stall(batches: int, bags: int = 200) -> tuple[Stalled, list[int], list[int]]:
    """What each bundle of the timer moves: during a stall of so many batches, and then until nothing waits."""
    key = Stalled(bags)
    stalled = []
    for _ in range(batches):
        key.enqueue()
        stalled.append(key.append()[0])
    return key, stalled, list(key.recover())


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> int:
    """Pages of three batches; how many bytes one of them has in state."""
    batch = a_batch([a_message(f"{place:06}", "x" * 100, 1) for place in range(ROWS)])
    monkeypatch.setattr(pages, "APPEND_BYTES", BATCHES_A_PAGE * request_bytes(batch.rows))
    return BATCHES_A_PAGE * len(pack_queued(QueuedBatch(batch)))


def test_an_append_moves_what_it_takes_however_much_waits(small_pages: int) -> None:
    #  out of a page, into the pending append, and the one before it out of state: three pages, and small change
    for batches in (30, 120, 480):
        key, stalled, recovered = after_a_stall(batches)
        assert len(key.table.rows) == key.enqueued
        assert max(stalled) < 1.9 * small_pages, "the inbox out and into a page, and the pending append, in vain"
        assert max(recovered) < 3.1 * small_pages
        assert len(recovered) <= batches / BATCHES_A_PAGE + 3, "appends are as full as they may be"


def test_once_more_pages_wait_than_there_are_bags_an_append_moves_as_many_as_share_one(small_pages: int) -> None:
    #  160 pages in 20 bags: 8 in each, of which one is taken and 7 are written again
    key, stalled, recovered = after_a_stall(480, bags=20)
    assert len(key.table.rows) == key.enqueued
    assert max(stalled) < 1.9 * small_pages
    assert 12 * small_pages < max(recovered) < (8 + 7 + 2.1) * small_pages


def test_a_page_has_no_more_bytes_of_state_than_it_may_though_its_rows_are_small(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = a_batch([a_message("a", "1")])
    monkeypatch.setattr(pages, "PAGE_BYTES", 4 * len(pack_queued(QueuedBatch(batch))))
    queue = the_queue({})
    for _ in range(10):
        queue.add(batch)
    assert [len(queue.take()) for _ in range(4)] == [4, 4, 2, 0]


def test_pages_go_in_turn_the_oldest_first_but_what_is_put_first(small_pages: int) -> None:
    queue = the_queue({})
    for number in range(3):
        queue.add(_batch(number))
        queue.store()
        queue.begin_young()  # closes the page
    assert _numbers(queue.take()) == [0]
    queue.put_first([_batch(7), _batch(8)])
    taken = queue.take()
    assert ({*_numbers(taken)}, {each.alone for each in taken}) == ({7, 8}, {True})
    assert [_numbers(queue.take()) for _ in range(3)] == [[1], [2], []]


def test_nothing_joins_what_is_put_first_though_nothing_else_waits() -> None:
    queue = the_queue({})
    queue.add(_batch(1))
    queue.put_first([each.batch for each in queue.take()])
    queue.add(_batch(2))
    queue.store()
    assert [_numbers(queue.take()) for _ in range(3)] == [[1], [2], []]


def test_rows_of_one_schema_share_a_page(small_pages: int) -> None:
    queue = the_queue({})
    batch = _batch(1)
    wider = MicroBatch("things", batch.rows.append_column("more", pa.array(["x"])), batch.notes, batch.sealed)
    for each in (batch, wider):
        for _ in range(2):
            queue.add(each)
            queue.store()
    assert [len(queue.take()) for _ in range(3)] == [2, 2, 0]


def test_an_index_is_read_back_as_it_was_written() -> None:
    index = PageIndex(-3, 2**40, 7, 1, 2, b"12345678")
    assert PageIndex.unpack(index.pack()) == index
    assert PageIndex.unpack(PageIndex().pack()) == PageIndex()


def test_a_timer_is_given_its_bags_by_name_and_finds_them_in_order() -> None:
    specs = page_bag_specs(102)

    @with_page_bags(specs)
    def fired(**bags: Any) -> Any:
        return in_page_order(bags)

    shown = {name: each.default.state_spec for name, each in signature(fired).parameters.items()}
    assert shown == {spec.name: spec for spec in specs}
    assert fired(**dict(reversed(shown.items()))) == specs


def _batch(number: int) -> MicroBatch:
    return a_batch([a_message(f"{number}", "x")])


def _numbers(taken: list[QueuedBatch]) -> list[int]:
    return [int(each.batch.rows["id"][0].as_py()) for each in taken]


class QueueMachine(RuleBasedStateMachine):
    """A queue against a list of lists, under any sequence of operations."""

    def __init__(self) -> None:
        super().__init__()
        self.state: StateValues = {}
        self.number = 0
        self.added: Counter[int] = Counter()
        self.taken: Counter[int] = Counter()
        self.old: set[int] = set()
        self.in_append: set[int] = set()

    @initialize(bags=st.integers(1, 5))
    def begin(self, bags: int) -> None:
        self.bags = bags

    @property
    def queue(self) -> PagedQueue:
        return the_queue(self.state, self.bags)

    @rule(batches=st.integers(1, 7))
    def add(self, batches: int) -> None:
        for _ in range(batches):
            self.number += 1
            self.added[self.number] += 1
            self.queue.add(_batch(self.number))

    @rule()
    def store(self) -> None:
        self.queue.store()
        assert not self.state.get("inbox")

    @rule(is_refused=st.booleans())
    def take(self, is_refused: bool) -> None:
        """Half of a page may come back."""
        page = self.queue.take()
        numbers = _numbers(page)
        assert bool(numbers) == bool(self.waiting)
        assert sum(request_bytes(each.batch.rows) for each in page) <= pages.APPEND_BYTES or len(page) == 1
        half = numbers[len(numbers) // 2 :] if is_refused and len(numbers) > 1 else []
        if half:
            self.queue.put_first([_batch(number) for number in half])
        self.in_append = set(numbers) - set(half)
        self.taken.update(self.in_append)
        self.queue.write_pending(PendingAppend("s", 0, 0, tuple(_batch(number) for number in self.in_append)))

    @rule()
    def turn(self) -> None:
        """As the ids do: only when nothing that waits, or is pending, was there at the last turn."""
        self.queue.store()
        if self.queue.has_only_young():
            assert not self.old & (self.waiting | self.in_append)
            self.queue.begin_young()
            self.old = self.waiting | self.in_append

    @property
    def waiting(self) -> set[int]:
        return set((self.added - self.taken).elements())

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        values = [unpack_queued(value) for value in self.state.get("inbox", ())]
        for name, kept in self.state.items():
            values += [unpack_queued(value[8:]) for value in kept if name.startswith("page_")]
        assert Counter(_numbers(values)) == self.added - self.taken

    def teardown(self) -> None:
        for _ in range(self.number + 1):
            self.take(False)
        assert self.taken == self.added
        self.turn()
        self.take(False)
        assert self.queue.has_only_young(), "ids may be forgotten again once all is written"


def test_a_queue_loses_and_doubles_nothing_and_knows_what_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "APPEND_BYTES", 3 * request_bytes(_batch(1).rows))
    run_state_machine_as_test(QueueMachine, settings=FIXED_PROFILE)
