"""The table of packed ids is a dictionary of keys and contents, for any keys in any order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.steps import id_table
from headrace.steps.id_table import SALT_BYTES, Keys, PackedIds, Scattered
from tests.support.strategies import FIXED_PROFILE

LARGEST = 2**64 - 1
SALT = bytes(range(SALT_BYTES))


def keys_of(pairs: Sequence[tuple[int, int]]) -> Keys:
    return Keys.of(np.array(pairs, np.uint64).reshape(-1, 2))


def add(ids: PackedIds, entries: dict[tuple[int, int], int]) -> None:
    ids.add(keys_of(list(entries)), np.array(list(entries.values()), np.int64))


def contents(ids: PackedIds, pairs: Sequence[tuple[int, int]]) -> list[int | None]:
    found = ids.find(keys_of(pairs))
    return [
        content if known else None for known, content in zip(found.known.tolist(), found.contents.tolist(), strict=True)
    ]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables that are full after a few entries, and whose buckets overflow on the way."""
    monkeypatch.setattr(id_table, "_FEWEST", 14)
    monkeypatch.setattr(id_table, "_FILLED", 7.0)
    monkeypatch.setattr(id_table, "_ROUND", 7)


# Few enough for keys to share halves, tags and buckets; and extremes.
_HALVES = st.integers(0, 40) | st.sampled_from([0, 1, 2**63, LARGEST]) | st.integers(0, LARGEST)
_ENTRIES = st.dictionaries(st.tuples(_HALVES, _HALVES), st.integers(-(2**63), 2**63 - 1), max_size=60)


@pytest.mark.usefixtures("small")
@FIXED_PROFILE
@given(st.data())
def test_it_is_a_dictionary(data: st.DataObject) -> None:
    ids = PackedIds(data.draw(st.binary(min_size=SALT_BYTES, max_size=SALT_BYTES)), data.draw(st.integers(0, 200)))
    model: dict[tuple[int, int], int] = {}
    for entries in data.draw(st.lists(_ENTRIES, max_size=6)):
        asked = [*entries, *model]
        assert contents(ids, asked) == [model.get(pair) for pair in asked]
        new = {pair: content for pair, content in entries.items() if pair not in model}
        add(ids, new)
        model |= new
        assert len(ids) == len(model)
    assert contents(ids, list(model)) == list(model.values())


@pytest.mark.parametrize("expected", [0, 5_000, 20_000, 1_000_000])
def test_entries_are_found_while_they_move_to_a_larger_table_and_after(expected: int) -> None:
    chance = random.Random(7)
    ids = PackedIds(SALT, expected)
    model: dict[tuple[int, int], int] = {}
    for _ in range(60):
        entries = {(chance.getrandbits(64), chance.getrandbits(64)): chance.getrandbits(63) for _ in range(1_500)}
        add(ids, entries)
        model |= entries
        some = [*chance.sample(list(model), 200), (chance.getrandbits(64), chance.getrandbits(64))]
        assert contents(ids, some) == [model.get(pair) for pair in some]
        assert len(ids) == len(model)
    assert contents(ids, list(model)) == list(model.values())


def test_no_batch_waits_for_more_entries_than_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    add_to_table = id_table._Table.add

    def add_and_count(table: id_table._Table, keys: Keys, *more: Any) -> None:
        written[-1] += len(keys)
        add_to_table(table, keys, *more)

    monkeypatch.setattr(id_table._Table, "add", add_and_count)
    chance = np.random.default_rng(7)
    ids = PackedIds(SALT, 150_000)
    for _ in range(300):
        written.append(0)
        rows = chance.integers(0, LARGEST, (500, 2), np.uint64, endpoint=True)
        ids.add(Keys.of(rows), np.zeros(500, np.int64))

    assert max(written) <= 2 * 500
    assert sum(written) > 300 * 500, "some were moved"


def test_keys_that_agree_in_a_half_are_different() -> None:
    ids = PackedIds(SALT)
    entries = {(half, other): half * 7 + other for half in range(30) for other in range(30)}
    add(ids, entries)
    assert contents(ids, list(entries)) == list(entries.values())
    assert contents(ids, [(30, 0), (0, 30)]) == [None, None]


def test_keys_of_one_bucket_overflow_into_the_next_ones_and_are_found() -> None:
    table = id_table._Table(200)
    keys = keys_of([(number, number) for number in range(1, 41)])
    all_in_one = Scattered(np.zeros(40, np.uint64), np.full(40, 7, np.uint64))
    table.add(keys, np.arange(40), all_in_one)
    assert table.find(keys, all_in_one).contents.tolist() == list(range(40))
    others = keys_of([(number, 0) for number in range(40)])
    assert not table.find(others, all_in_one).known.any()


def test_keys_of_the_last_bucket_overflow_into_the_first_ones() -> None:
    table = id_table._Table(200)
    keys = keys_of([(number, number) for number in range(1, 41)])
    all_in_one = Scattered(np.full(40, 2**32 - 1, np.uint64), np.full(40, 2**32 - 1, np.uint64))
    table.add(keys, np.arange(40), all_in_one)
    assert table.find(keys, all_in_one).contents.tolist() == list(range(40))


def test_room_is_left_for_entries_that_are_still_to_be_moved() -> None:
    ids = PackedIds(SALT)
    add(ids, {(number, 0): 0 for number in range(2**14 + 10)})
    assert ids._former is not None
    assert ids._room == ids._table.capacity - len(ids) < ids._table.capacity - ids._table.count


def test_keys_picked_without_the_salt_do_not_cluster() -> None:
    #  picked keys, for with one salt all of them are in the same hundredth of the buckets
    chance = random.Random(7)
    known, secret = (PackedIds(bytes(chance.randbytes(SALT_BYTES))) for _ in range(2))
    drawn = keys_of([(chance.getrandbits(64), chance.getrandbits(64)) for _ in range(100_000)])
    picked = drawn.take(known._scatter(drawn).one < 2**32 // 100)

    places = secret._scatter(picked).one.astype(float) / 2**32

    assert len(picked) > 800
    assert np.histogram(places, bins=10, range=(0, 1))[0].max() < len(picked) / 6


def test_memory_is_what_an_entry_needs() -> None:
    ids = PackedIds(SALT, 200_000)
    chance = np.random.default_rng(7)
    for _ in range(200):
        rows = chance.integers(0, LARGEST, (1_000, 2), np.uint64, endpoint=True)
        ids.add(Keys.of(rows), np.zeros(1_000, np.int64))
    assert sum(column.nbytes for column in ids.columns()) < 35 * 200_000
