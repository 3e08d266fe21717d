"""Text of an Avro schema as JSON: without comments, without half characters, and with each key once in an object."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Final

from headrace.schemas.errors import ContractError

# A string first, so that what looks like a comment inside it stays. It may lack its end, so that none is read twice.
_TOKENS: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|//[^\n]*+|/\*.*?(?:\*/|\Z)', re.DOTALL)
_VISIBLE: Final = re.compile(r"[^\n\r]")
# A pair of surrogates first, then half of one, then every other escape, so that none is read from its middle.
_ESCAPES: Final = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]|(?P<half>u[dD][89a-fA-F])|.)", re.DOTALL)


def without_comments(text: str, where: str) -> str:
    """Return *text* with each comment as spaces, so that the positions of everything else stay.

    >>> without_comments('{"a": 1} // one', "here")
    '{"a": 1}       '

    Raises:
        ContractError: a comment has no end.
    """

    def blanked(found: re.Match[str]) -> str:
        token = found[0]
        if token.startswith('"'):
            return token
        if token.startswith("/*") and (len(token) < 4 or not token.endswith("*/")):
            line = text.count("\n", 0, found.start()) + 1
            raise ContractError(where, f"a comment without an end, from line {line}", "close it with */")
        return _VISIBLE.sub(" ", token)

    return _TOKENS.sub(blanked, text) if "/" in text else text


def read_avro(text: str, where: str) -> Any:
    """Read a schema's JSON, which has no comments; ContractError gives the position of what is wrong."""
    _check_characters(text, where)
    try:
        return json.loads(text, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ContractError(where, f"not JSON ({why})", "correct the file at this place") from error


def _check_characters(text: str, where: str) -> None:
    """Refuse half a surrogate pair: UTF-8 cannot hold it, so neither could a file, a log or a table."""
    for found in _ESCAPES.finditer(text) if "\\" in text else ():
        if found["half"]:
            line = text.count("\n", 0, found.start()) + 1
            raise ContractError(where, f"half a surrogate pair in line {line}", "write the whole character")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"key {twice[:40]!r} twice in one object")
    return found
