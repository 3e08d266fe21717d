"""Ranges of whole numbers, both ends included."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class NumberRange(NamedTuple):
    """The numbers from *first* to *last*."""

    first: int
    last: int


def union(ranges: Iterable[NumberRange]) -> list[NumberRange]:
    """Return the fewest ranges with the same numbers, in order.

    >>> union([NumberRange(4, 4), NumberRange(1, 2), NumberRange(3, 3), NumberRange(2, 2)])
    [NumberRange(first=1, last=4)]
    """
    found: list[NumberRange] = []
    for each in sorted(ranges):
        if found and each.first <= found[-1].last + 1:
            found[-1] = NumberRange(found[-1].first, max(found[-1].last, each.last))
        else:
            found.append(each)
    return found
