"""Names of columns: a field's own name, or for a name that BigQuery cannot hold, one that is made of it.

A made name has ``_`` for every character that is not a letter of ASCII, a digit or ``_``, and ends in a hash of the
field's name. It begins with ``c_`` if BigQuery would not take its first letters.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final

MAX_COLUMN: Final = 300  # characters: cloud.google.com/bigquery/docs/schemas#column_names
# Columns of every table, and names that are kept for further ones.
OWN_COLUMNS: Final = frozenset(
    {"_event_id", "_event_time", "_ingested_at", "_schema_version", "_source"}
    | {"_published_at", "_message_id", "_ordering_key"}
)
RESERVED_PREFIXES: Final = (
    *("_table_", "_file_", "_partition", "_row_timestamp", "__root__", "_colidentifier"),
    *("_change_type", "_change_sequence_number"),  # pseudo-columns of the Storage Write API
)
_HOLDS: Final = re.compile(rf"[A-Za-z_][A-Za-z0-9_]{{0,{MAX_COLUMN - 1}}}")
_OTHER: Final = re.compile(r"[^A-Za-z0-9_]")
_KEPT: Final = 200  # characters of a field's name in a made one
_DIGITS: Final = 8  # of the hash; more if the name is taken


def column_names(names: Sequence[str], outermost: bool) -> list[str]:
    """Return the name of the column of each field of one record; *outermost* if the record is the row itself.

    BigQuery ignores case, so the first of several names that differ only in case keeps its own.

    >>> column_names(["id", "ID", "unit-price"], outermost=True)
    ['id', 'ID_3843971d', 'unit_price_5cee09df']
    """
    taken: set[str] = set()
    found: list[str | None] = []
    for name in names:
        folded = name.lower()
        fits = bool(_HOLDS.fullmatch(name)) and not folded.startswith(RESERVED_PREFIXES) and folded not in taken
        fits = fits and not (outermost and folded in OWN_COLUMNS)
        found.append(name if fits else None)
        taken.add(folded)
    return [name or _made(names[index], taken) for index, name in enumerate(found)]


def _made(name: str, taken: set[str]) -> str:
    plain = _OTHER.sub("_", name)[:_KEPT]
    if plain[0].isdigit() or plain.lower().startswith(RESERVED_PREFIXES):
        plain = f"c_{plain}"
    digest = hashlib.sha256(name.encode()).hexdigest()
    length = next(each for each in range(_DIGITS, len(digest) + 1) if f"{plain}_{digest[:each]}".lower() not in taken)
    made = f"{plain}_{digest[:length]}"
    taken.add(made.lower())
    return made
