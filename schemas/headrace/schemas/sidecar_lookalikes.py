"""Files that are called nearly like the sidecar of a schema, and are not read."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final

from headrace.schemas.annotations import MISSING
from headrace.schemas.errors import ContractError
from headrace.schemas.faults import together
from headrace.schemas.sidecar import JSON, TOML

_ENDINGS: Final = (".toml", ".json", ".yaml", ".yml")


def lettered(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return the letters and the names of files that could be meant as sidecars, sorted."""
    return sorted((_letters(each), each) for each in names if each.lower().endswith(_ENDINGS))


def lookalike_of(stem: str, unread: Sequence[tuple[str, str]]) -> str:
    """Return the file that reads like a sidecar of the schema *stem*, or nothing; *unread* is of :func:`lettered`."""
    begin = _letters(stem)
    for place in range(bisect_left(unread, (begin, "")), len(unread)):
        letters, each = unread[place]
        if not letters.startswith(begin):
            break
        if letters != begin and not letters[len(begin)].isdigit():
            return each
    return ""


def naming_lookalike(error: ContractError, stem: str, schema: str, lookalike: str) -> ContractError:
    """Return *error*, which names the *lookalike* of a *schema*, if there is one and its annotations are missing."""
    place = f"{stem}.headrace"
    if not lookalike or all((each.where, each.why) != (place, MISSING) for each in error.faults):
        return error
    why = f"{lookalike} looks like the sidecar of {schema}, and is not read"
    remedy = f"rename it to {stem}{JSON if lookalike.lower().endswith('.json') else TOML}"
    return together([error, ContractError(place, why, remedy)])


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
