"""Limit on what is read of one event: containers may hold one value many times, or themselves.

Every item of a list or a map, every field of a record within itself and every character takes at least a byte. So the
reading of an event ends soon after it is larger than any event may be, long before all of it is read.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Final

from headrace.schemas.errors import InvalidEventError

MAX_EVENT_BYTES: Final = 16_777_216
_COUNTS: Final = 2  # times that a byte may be counted: as an item, and as a field of it

_left: Final[ContextVar[list[int] | None]] = ContextVar("bytes that the event may still have", default=None)


def limit() -> Token[list[int] | None]:
    """Limit what is read until :func:`end` gets the result; otherwise there is no limit."""
    return _left.set([_COUNTS * MAX_EVENT_BYTES])


def end(limited: Token[list[int] | None]) -> None:
    """End a limit."""
    _left.reset(limited)


def spend(count: int, path: str) -> None:
    """Count bytes that an event needs at least.

    Raises:
        InvalidEventError: there were more than an event may have.
    """
    left = _left.get()
    if left is None:
        return
    left[0] -= count
    if left[0] < 0:
        raise InvalidEventError(path, f"an event of more than {MAX_EVENT_BYTES} bytes up to here", "split the event")
