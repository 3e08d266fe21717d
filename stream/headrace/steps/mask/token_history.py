"""History of the masking key versions of a table's tokens; it is the last line of the table's description."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final, Self

from headrace.bigquery.columns import TABLE_DOC, description
from headrace.core.resource_names import FIRST_KEY_VERSION
from headrace.steps.mask.tokens import token_prefix

_ENTRY: Final = r"t([a-z0-9]{1,8})_ since (\d{4}-\d{2}-\d{2})"
_LINE: Final = re.compile(rf"(?:\A|.*\n)Tokens: ({_ENTRY}(?:, {_ENTRY})*)\.\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TokenHistory:
    """Versions of the masking key in order of use, each with the day on which it was provisioned."""

    versions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, text: str | None) -> Self:
        """Read the history from a table's description; it is empty if the description has none."""
        found = _LINE.fullmatch(text or "")
        return cls(tuple(re.findall(_ENTRY, found[1])) if found else ())

    @property
    def current(self) -> str | None:
        """The version that was provisioned last."""
        return self.versions[-1][0] if self.versions else None

    def followed_by(self, version: str, day: date) -> TokenHistory:
        """Return the history with *version* from *day* on, unless it is the current version."""
        return self if self.current == version else TokenHistory((*self.versions, (version, day.isoformat())))

    def beside(self, doc: str | None) -> str | None:
        """Return the description: *doc*, shortened if necessary, and the history as its last line."""
        if not self.versions:
            return doc
        line = f"Tokens: {', '.join(f'{token_prefix(version)} since {day}' for version, day in self.versions)}."
        return f"{description(doc, TABLE_DOC - len(line) - 2)}\n\n{line}" if doc else line


def next_history(text: str | None, created: date | None, version: str | None, today: date) -> TokenHistory:
    """Return the history after provisioning *version*, which is ``None`` if the contract makes no tokens.

    Without a version, the history is unchanged. *text* and *created* are those of the existing table, or ``None``
    without a table. A table without a history was created before there were versions; its tokens have the first
    version.
    """
    history = TokenHistory.read(text)
    if version is None:
        return history
    if created is not None and not history.versions:
        history = history.followed_by(FIRST_KEY_VERSION, created)
    return history.followed_by(version, today)


def without_history(text: str | None) -> str | None:
    """Return a table's description without the line of its history; None if nothing is left."""
    found = _LINE.fullmatch(text or "")
    return (text[: found.start(1)].removesuffix("Tokens: ").rstrip() if found and text else text) or None


def version_problem(text: str | None, version: str | None) -> str | None:
    """Return a sentence if the job's *version* is not the one in the table's description; None if it is.

    A description without versions is not a problem: `headrace provision` has not run since versions exist.
    """
    current = TokenHistory.read(text).current
    if version is None or current is None or current == version:
        return None
    return (
        f"its description says that tokens begin with {token_prefix(current)}, and this job makes "
        f"{token_prefix(version)}; give each job the same masking_key_version with its key, "
        "then run `headrace provision`"
    )
