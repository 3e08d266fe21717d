"""Values of a TOML file with the places at which they begin, which Python's own reader does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from typing import Final

from headrace.schemas.source_nodes import Node

# No possessive group: before 3.11.5, Python matches one wrongly if its parts may have several lengths. What the choices
# begin with differs, so the time grows with the length of a text all the same.
_GAP: Final = re.compile(r"(?:[ \t\r\n,]|#[^\n]*)*")  # between statements, and between items
_KEY: Final = re.compile(r"""[ \t]*("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*""")
_TEXT: Final = re.compile(
    r'"""(?:[^"\\]|\\.|"{1,2}(?!"))*"{3,5}|'
    r"'''(?:[^']|'{1,2}(?!'))*'{3,5}|"
    r""""(?:[^"\\\n]|\\.)*"|'[^'\n]*\'""",
    re.DOTALL,
)
_SCALAR: Final = re.compile(r"[^\s,\]}#]+")


def read_toml(text: str) -> Node:
    """Return the table of *text*, which is valid TOML. Texts are read; other plain values stay as they are written.

    Raises:
        ValueError: the text is not TOML, or has a form that no annotation has, such as a date with a space.
    """
    root = table = _new(0)
    at = _skip(text, 0)
    while at < len(text):
        if text[at] == "[":
            brackets = 1 + text.startswith("[[", at)
            keys, end = _keys(text, at + brackets)
            table = _opened(root, keys, at) if brackets == 1 else _appended(root, keys, at)
            at = end + brackets
        else:
            at = _pair(text, table, at)
        at = _skip(text, at)
    return root


def _new(start: int) -> Node:
    return Node(start, None, {}, [])


def _skip(text: str, at: int) -> int:
    found = _GAP.match(text, at)
    return found.end() if found else at


def _keys(text: str, at: int) -> tuple[list[str], int]:
    """Return the parts of a dotted key, and where it ends."""
    keys = []
    while True:
        found = _matched(_KEY, text, at)
        keys.append(_plain(found[1]) if found[1][0] in "\"'" else found[1])
        if not text.startswith(".", found.end()):
            return keys, found.end()
        at = found.end() + 1


def _matched(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str]:
    found = pattern.match(text, at)
    if found is None:
        raise ValueError("not TOML")
    return found


def _plain(quoted: str) -> str:
    return str(tomllib.loads(f"it = {quoted}")["it"])


def _opened(table: Node, keys: Sequence[str], at: int) -> Node:
    """Return the table below *table* at the end of *keys*; in a list of tables that is the last one."""
    for key in keys:
        table = table.members.setdefault(key, _new(at))
        if table.items:
            table = table.items[-1]
    return table


def _appended(root: Node, keys: Sequence[str], at: int) -> Node:
    """Return a new table at the end of a list of tables."""
    listed = _opened(root, keys[:-1], at).members.setdefault(keys[-1], _new(at))
    listed.items.append(_new(at))
    return listed.items[-1]


def _pair(text: str, table: Node, at: int) -> int:
    """Add the pair that begins at *at* to a table, and return where it ends."""
    keys, end = _keys(text, at)
    value, end = _value(text, _skip(text, end + 1), at)
    _opened(table, keys[:-1], at).members[keys[-1]] = value
    return end


def _value(text: str, at: int, start: int) -> tuple[Node, int]:
    node = _new(start)
    match text[at : at + 1]:
        case '"' | "'":
            quoted = _matched(_TEXT, text, at)
            return node._replace(value=_plain(quoted[0])), quoted.end()
        case "[" | "{" as opening:
            end = _skip(text, at + 1)
            while not text.startswith(("]", "}"), end):
                if opening == "{":
                    end = _pair(text, node, end)
                else:
                    item, end = _value(text, end, end)
                    node.items.append(item)
                end = _skip(text, end)
            return node, end + 1
        case _:
            scalar = _matched(_SCALAR, text, at)
            return node._replace(value=scalar[0]), scalar.end()
