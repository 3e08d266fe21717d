"""Files that a page lets its reader save: ``Save this as `NAME`:``, and a block with the content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_SAVED: Final = re.compile(r"Save this as `([^`]+)`:\n\n```\w+\n(.*?)```", re.DOTALL)


class SavedFile(NamedTuple):
    """A file of a page."""

    name: str
    content: str


def parts(page: str) -> Iterator[tuple[SavedFile | None, str]]:
    """Yield a page in parts: each file, None at first, and the text that follows it up to the next file."""
    saved, end = None, 0
    for found in _SAVED.finditer(page):
        yield saved, page[end : found.start()]
        saved, end = SavedFile(found[1], found[2]), found.end()
    yield saved, page[end:]
