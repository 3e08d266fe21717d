"""Find the line of a key in a TOML file, for messages."""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

Key = tuple[str, ...]
_TABLE: Final = re.compile(r"^\s*\[([^\[\]]+)\]\s*(#.*)?$")
_KEY: Final = re.compile(r"""^\s*([A-Za-z0-9_."'-]+(?:\s*\.\s*[A-Za-z0-9_"'-]+)*)\s*=""")


def parse_toml(text: str) -> dict[str, Any]:
    """Parse a whole TOML file.

    Raises:
        tomllib.TOMLDecodeError: not TOML, a number of thousands of digits, or nested too deeply.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:
        raise tomllib.TOMLDecodeError("a number with too many digits") from None
    except RecursionError:
        raise tomllib.TOMLDecodeError("nested too deeply") from None


def lines_of(text: str) -> dict[Key, int]:
    """Return the first line of each key and table, counted from 1; without keys of inline tables.

    >>> lines_of('a = 1\\n[b.c]\\nd.e = 2')
    {('a',): 1, ('b',): 2, ('b', 'c'): 2, ('b', 'c', 'd'): 3, ('b', 'c', 'd', 'e'): 3}
    """
    found: dict[Key, int] = {}
    table: Key = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
            table = _parts(header[1])
            _note(found, (), table, number)
        elif key := _KEY.match(line):
            _note(found, table, _parts(key[1]), number)
    return found


def line_of(lines: dict[Key, int], key: Key) -> int | None:
    """Return the line of *key*, or of the nearest table that contains it."""
    return next((lines[key[:end]] for end in range(len(key), 0, -1) if key[:end] in lines), None)


def _note(found: dict[Key, int], table: Key, key: Key, number: int) -> None:
    for end in range(1, len(key) + 1):
        found.setdefault((*table, *key[:end]), number)


def _parts(dotted: str) -> Key:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
