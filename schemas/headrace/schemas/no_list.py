"""A null list as a value: an empty list, because a repeated column is never null, that still tells what it was."""

from __future__ import annotations

from typing import Any, Final


class NoList(list[Any]):
    """An empty list in place of null."""

    __slots__ = ()


NO_LIST: Final = NoList()
