from __future__ import annotations

import pyarrow as pa

from stream.batch import NOTES, MicroBatch
from stream.deduplicate import SeenIds


def a_batch(*events: tuple[str, int]) -> MicroBatch:
    """A batch of (id, content) pairs."""
    columns = [
        [name.encode().ljust(16, b"_") for name, _ in events],
        [content for _, content in events],
        *([0] * len(events) for _ in range(5)),
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, NOTES, strict=True)]
    notes = pa.RecordBatch.from_arrays(arrays, schema=NOTES)
    rows = pa.RecordBatch.from_pydict({"id": [name for name, _ in events]})
    return MicroBatch("things", rows, notes, b"")


def test_an_id_is_fresh_once_within_a_batch_and_after_it() -> None:
    seen = SeenIds()
    batch = a_batch(("a", 1), ("b", 2), ("a", 1))
    decision = seen.decide(batch)
    assert (decision.fresh, decision.duplicates) == ([0, 1], [2])

    seen.remember(batch.take(decision.fresh))

    assert seen.decide(a_batch(("b", 2), ("c", 3))).duplicates == [0]


def test_deciding_remembers_nothing() -> None:
    seen = SeenIds()
    seen.decide(a_batch(("a", 1)))
    assert seen.decide(a_batch(("a", 1))).fresh == [0]


def test_the_same_id_with_another_content_is_a_conflict() -> None:
    seen = SeenIds()
    seen.remember(a_batch(("a", 1)))
    decision = seen.decide(a_batch(("a", 2), ("b", 1), ("b", 2)))
    assert decision.fresh == [1]
    assert [conflict.index for conflict in decision.conflicts] == [0, 2]


def test_what_state_keeps_is_enough_to_go_on_elsewhere() -> None:
    seen = SeenIds()
    chunks = [seen.remember(a_batch(("a", 1))), seen.remember(a_batch(("b", -2)))]
    again = SeenIds(recent=chunks, version=seen.version)
    assert again.decide(a_batch(("b", -2), ("a", 1), ("c", 3))).duplicates == [0, 1]


def test_a_version_tells_what_was_remembered_and_in_which_order() -> None:
    def version(*names: str) -> bytes:
        seen = SeenIds()
        for name in names:
            seen.remember(a_batch((name, 1)))
        return seen.version

    assert version("a", "b") == version("a", "b")
    assert len({version("a"), version("a", "b"), version("b", "a"), version("a", "c")}) == 4


def test_the_oldest_half_is_forgotten_when_the_budget_is_reached() -> None:
    #  a b |turn| c d |turn| e
    #  recent        a b are older      a b are forgotten
    seen = SeenIds()
    for pair in ("ab", "cd"):
        for name in pair:
            assert not seen.is_due(4)
            seen.remember(a_batch((name, 1)))
        assert seen.is_due(4)
        seen.turn()
    decision = seen.decide(a_batch(("a", 1), ("c", 1), ("d", 1)))
    assert (decision.fresh, decision.duplicates) == ([0], [1, 2])


def test_an_id_to_be_kept_outlives_its_generation() -> None:
    seen = SeenIds()
    seen.remember(a_batch(("a", 1), ("b", 1)))
    seen.turn()
    keys = a_batch(("a", 1)).notes.column("event_key").to_pylist()
    kept = seen.turn(keys)
    assert seen.decide(a_batch(("a", 1), ("b", 1))).duplicates == [0]
    assert SeenIds(older=[kept]).decide(a_batch(("a", 1), ("b", 1))).duplicates == [0]
