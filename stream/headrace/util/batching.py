"""Splitting of sequences into batches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def in_batches(
    items: Iterable[T], weigh: Callable[[T], int], most_weight: int, most_items: int = sys.maxsize
) -> Iterator[list[T]]:
    """Split *items*, in order, into lists of limited length and weight; an item that is too heavy is alone in its list.

    >>> list(in_batches([3, 3, 9, 1, 1, 1], int, most_weight=6, most_items=2))
    [[3, 3], [9], [1, 1], [1]]
    """
    batch: list[T] = []
    total = 0
    for item in items:
        weight = weigh(item)
        if batch and (total + weight > most_weight or len(batch) == most_items):
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += weight
    if batch:
        yield batch
