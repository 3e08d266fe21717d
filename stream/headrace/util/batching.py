"""Cutting a sequence where a limit says so."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def in_batches(
    items: Iterable[T], weigh: Callable[[T], int], most_weight: int, most_items: int = sys.maxsize
) -> Iterator[list[T]]:
    """Cut *items* into lists of so many and so heavy at most, in their order; one that is too heavy goes alone.

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
