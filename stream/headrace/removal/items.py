"""The resources and files of a project: how much is in each, and whether it may be removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from google.api_core.exceptions import GoogleAPIError, NotFound
from google.auth.exceptions import GoogleAuthError
from requests.exceptions import RequestException

from headrace.errors import HeadraceError
from headrace.runtime.exit_codes import explain
from headrace.util.terminal_columns import counted

NOT_OURS: Final = "`headrace provision` did not create it"
_KILO: Final = 1000
_ERRORS: Final = (GoogleAPIError, GoogleAuthError, HeadraceError, RequestException, OSError)  # an item's own failure


class Fate(StrEnum):
    """The plan for an item, and afterwards its outcome."""

    REMOVE = "remove"
    KEEP = "keep"
    REMOVED = "removed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One resource or one group of files. *why* explains what is kept, or what has failed.

    *rows*, and *size* in bytes, may be unknown (None). *remove* raises NotFound if somebody else was faster.
    """

    kind: str
    name: str
    rows: int | None = None
    size: int | None = None
    fate: Fate = Fate.REMOVE
    why: str = ""
    remove: Callable[[], Any] = field(default=lambda: None, repr=False, compare=False)

    @property
    def holds(self) -> str:
        """The amount of data in the item, for people."""
        parts = [] if self.rows is None else [counted(self.rows, "row")]
        return ", ".join(parts if self.size is None else [*parts, in_bytes(self.size)])

    def kept(self, why: str) -> Item:
        """Return the item as one that stays."""
        return replace(self, fate=Fate.KEEP, why=why)


def remove_all(items: Sequence[Item], report: Callable[[Item], None]) -> Iterator[Item]:
    """Remove the items in their order, and yield and *report* each with its outcome.

    One that cannot be removed does not stop the others. An item that is gone already counts as removed.
    """
    for item in items:
        done = _removed(item) if item.fate is Fate.REMOVE else item
        report(done)
        yield done


def _removed(item: Item) -> Item:
    try:
        item.remove()
    except NotFound:
        return replace(item, fate=Fate.REMOVED)
    except _ERRORS as error:
        return replace(item, fate=Fate.FAILED, why=explain(error)[1])
    return replace(item, fate=Fate.REMOVED)


def in_bytes(size: int) -> str:
    """Return a size for people.

    >>> in_bytes(999), in_bytes(1500), in_bytes(48_300_000)
    ('999 bytes', '1.5 kB', '48.3 MB')
    """
    if size < _KILO:
        return counted(size, "byte")
    amount = float(size)
    for unit in ("kB", "MB", "GB"):
        amount /= _KILO
        if amount < _KILO:
            return f"{amount:,.1f} {unit}"
    return f"{amount / _KILO:,.1f} TB"
