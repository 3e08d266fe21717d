"""Rows of several batches that are looked up together."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from headrace.beam.deduplicate_for_load import ROWS_PER_LOOKUP, _lookup_groups, compare_in_one_query
from headrace.beam.tally_dofn import to_micro_batch
from headrace.core.micro_batch import MicroBatch


def a_batch(ids: list[int]) -> MicroBatch:
    return to_micro_batch(pa.RecordBatch.from_pydict({"id": pa.array(ids, pa.int64())}))


@given(st.lists(st.lists(st.integers(0, 50), max_size=6), min_size=1, max_size=8), st.sets(st.integers(0, 50)))
def test_one_query_for_many_batches_gives_each_batch_the_result_of_its_own_query(
    lists: list[list[int]], stored: set[int]
) -> None:
    def compare(rows: pa.RecordBatch) -> dict[int, bool]:
        return {place: id_ % 2 == 0 for place, id_ in enumerate(rows.column("id").to_pylist()) if id_ in stored}

    batches = [a_batch(ids) for ids in lists]
    assert compare_in_one_query(batches, compare) == [compare(batch.rows) for batch in batches]


@given(st.lists(st.integers(1, ROWS_PER_LOOKUP + 10), max_size=12))
def test_lots_hold_all_batches_in_order_and_no_more_rows_than_are_asked_for_at_once(sizes: list[int]) -> None:
    lots = list(_lookup_groups(range(size) for size in sizes))  # type: ignore[misc] # of a batch only the length is asked
    assert [len(batch) for lot in lots for batch in lot] == sizes
    assert all(len(lot) == 1 or sum(map(len, lot)) <= ROWS_PER_LOOKUP for lot in lots)
