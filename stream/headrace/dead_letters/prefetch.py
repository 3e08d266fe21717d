"""Read a page while the caller works on the previous one. Memory holds two pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

P = TypeVar("P")
R = TypeVar("R")


def prefetch(pages: Iterable[P], read: Callable[[P], R]) -> Iterator[tuple[P, R]]:
    """Yield each page with the result of *read*, and read the next page meanwhile. Raise the errors of *read*.

    >>> list(prefetch([1, 2], str))
    [(1, '1'), (2, '2')]
    """
    before: tuple[P, Future[R]] | None = None
    with ThreadPoolExecutor(1, "prefetch") as threads:
        for page in pages:
            following = page, threads.submit(read, page)
            if before is not None:
                yield before[0], before[1].result()
            before = following
        if before is not None:
            yield before[0], before[1].result()
