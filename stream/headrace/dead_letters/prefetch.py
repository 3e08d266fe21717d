"""Reading a page while the one before is worked on: memory holds two."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

P = TypeVar("P")
R = TypeVar("R")


def one_ahead(pages: Iterable[P], read: Callable[[P], R]) -> Iterator[tuple[P, R]]:
    """Each page with what *read* gives of it; the next is being read meanwhile. Raises what *read* raises.

    >>> list(one_ahead([1, 2], str))
    [(1, '1'), (2, '2')]
    """
    before: tuple[P, Future[R]] | None = None
    with ThreadPoolExecutor(1, "ahead") as threads:
        for page in pages:
            ahead = page, threads.submit(read, page)
            if before is not None:
                yield before[0], before[1].result()
            before = ahead
        if before is not None:
            yield before[0], before[1].result()
