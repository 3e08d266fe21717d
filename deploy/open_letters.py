"""The query that fails while dead letters are open for too long, so that an alert can be made of it."""

from __future__ import annotations

from textwrap import dedent
from typing import Final

from headrace.dead_letters.filters import letters_with_states

_FOREVER: Final = "TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 90 DAY)"  # as long as the archive keeps a letter


def open_letters(project: str = "${project}", archive: str = "${archive}", days: str = "${days}") -> str:
    """The SQL; by default with the names that Terraform puts in."""
    letters, facts = (f"`{project}.{archive}.{table}`" for table in ("letters", "facts"))
    states = dedent(letters_with_states(letters, facts).replace("@since", _FOREVER)).strip()
    return f"""-- Generated from stream/headrace/dead_letters/filters.py by python -m deploy.permissions; do not edit.
SELECT IF(COUNT(*) = 0, 0, ERROR('dead letters are open for more than {days} days')) AS open_letters
FROM (
{states}
)
WHERE state = 'open' AND refused_at < TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL {days} DAY)
"""  # noqa: S608 names come from checked settings
