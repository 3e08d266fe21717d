"""Values of a file with the places at which they begin: JSON, and the search for one value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from json import JSONDecoder
from json.decoder import scanstring  # type: ignore[attr-defined]  # it is public, and has no stub
from typing import Any, Final, NamedTuple

_BLANK: Final = re.compile(r"[ \t\r\n]*")
_STEP: Final = re.compile(r"\[\d*\]|[^.\[\]: ]+")
_DECODE: Final = JSONDecoder()
_WITHIN: Final = ("type", "items", "values")  # keys between a field and the fields below it


class Node(NamedTuple):
    """A value, and the character at which it or its key begins."""

    start: int
    value: Any
    members: dict[str, Node]
    items: list[Node]


def steps_of(place: str) -> list[str]:
    """Return the names and indexes of a place.

    >>> steps_of("fields.items[2].price")
    ['fields', 'items', '[2]', 'price']
    """
    return [found[0] for found in _STEP.finditer(place)]


def read_json(text: str) -> Node:
    """Return the value of *text*, which is valid JSON without comments."""
    return _read(text, 0)[0]


def find(node: Node, steps: Sequence[str]) -> Node:
    """Return the value at the end of *steps*, or the last one on the way that is there."""
    while steps:
        for used in range(len(steps), 0, -1):
            below = _below(node, ".".join(steps[:used]))
            if below is not None:
                node, steps = below, steps[used:]
                break
        else:
            break
    return node


def _read(text: str, at: int, key_at: int | None = None) -> tuple[Node, int]:
    """Return the value that begins at *at*, and where it ends."""
    at = _skip(text, at)
    node = Node(at if key_at is None else key_at, None, {}, [])
    if text[at] not in "{[":
        value, end = _DECODE.raw_decode(text, at)
        return node._replace(value=value), end
    end = _skip(text, at + 1)
    while text[end] not in "}]":
        begin = end
        if text[at] == "{":
            key, end = scanstring(text, end + 1)
            node.members[key], end = _read(text, _skip(text, end) + 1, begin)
        else:
            item, end = _read(text, end)
            node.items.append(item)
        end = _skip(text, end)
        if text[end] == ",":
            end = _skip(text, end + 1)
    return node, end + 1


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _below(node: Node, step: str) -> Node | None:
    """Return the field of that name, also in the types of a field; else the value of that key, or the item."""
    if step.startswith("["):
        return _item(node, step[1:-1])
    return next(chain(_fields(node, step), _members(node, step), _named(node, step)), None) or _item(node, step)


def _item(node: Node, index: str) -> Node | None:
    return node.items[int(index)] if index.isdecimal() and int(index) < len(node.items) else None


def _fields(node: Node, name: str) -> Iterator[Node]:
    fields = node.members["fields"].items if "fields" in node.members else []
    for each in fields:
        if "name" in each.members and each.members["name"].value == name:
            yield each
    for within in chain((node.members[key] for key in _WITHIN if key in node.members), node.items):
        yield from _fields(within, name)


def _members(node: Node, step: str) -> Iterator[Node]:
    """Yield the value of a key, which may be a path that is written otherwise, such as ``items[].price``."""
    if step in node.members:
        yield node.members[step]
    for key, below in node.members.items():
        if ".".join(steps_of(key)) == step:
            yield below


def _named(node: Node, name: str) -> Iterator[Node]:
    """Yield the items of a list that are a name, or that have one."""
    for each in node.items:
        if each.value == name or ("name" in each.members and each.members["name"].value == name):
            yield each
