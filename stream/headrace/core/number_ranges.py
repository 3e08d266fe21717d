"""Ranges of whole numbers, both ends included."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple


class NumberRange(NamedTuple):
    """The numbers from *first* to *last*."""

    first: int
    last: int


def ranges_of(numbers: Iterable[int]) -> list[NumberRange]:
    """Return the fewest ranges with *numbers*, in order.

    >>> ranges_of([3, 7, 1, 2, 2])
    [NumberRange(first=1, last=3), NumberRange(first=7, last=7)]
    """
    in_order = enumerate(sorted(set(numbers)))
    runs = [list(run) for _, run in groupby(in_order, key=lambda placed: placed[1] - placed[0])]
    return [NumberRange(run[0][1], run[-1][1]) for run in runs]


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
