"""Ranges of numbers: their union has the same numbers, in the fewest ranges."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from headrace.core.number_ranges import NumberRange, ranges_of, union

RANGES = st.lists(
    st.builds(lambda first, more: NumberRange(first, first + more), st.integers(1, 60), st.integers(0, 9))
)


def numbers(ranges: list[NumberRange]) -> set[int]:
    return {number for each in ranges for number in range(each.first, each.last + 1)}


@given(RANGES)
def test_a_union_has_the_same_numbers_in_the_fewest_ranges(ranges: list[NumberRange]) -> None:
    found = union(ranges)
    assert numbers(found) == numbers(ranges)
    assert all(before.last + 1 < after.first for before, after in itertools.pairwise(found))


@given(RANGES, RANGES)
def test_a_union_of_unions_is_the_union_and_once_more_changes_nothing(
    some: list[NumberRange], others: list[NumberRange]
) -> None:
    assert union([*union(some), *union(others), *union(some)]) == union([*some, *others])


@given(st.lists(st.integers(1, 40)))
def test_ranges_of_numbers_are_their_union(found: list[int]) -> None:
    assert ranges_of(found) == union(NumberRange(number, number) for number in found)
