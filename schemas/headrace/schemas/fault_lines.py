"""Lines of a contract's files on which its faults are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from json.decoder import scanstring  # type: ignore[attr-defined]  # it is public, and has no stub
from typing import Any, Final, NamedTuple

from headrace.schemas.avro_text import without_comments
from headrace.schemas.errors import ContractError
from headrace.schemas.faults import together

_BLANK: Final = re.compile(r"[ \t\r\n]*")
_CONTRACT: Final = re.compile(r"[a-z0-9_]+\.v\d+")
_STEP: Final = re.compile(r"\[(\d+)\]|([^.\[\]: ]+)")
_DECODE: Final = json.JSONDecoder()
_WITHIN: Final = ("type", "items", "values")  # keys between a field and the fields below it
_BARE: Final = r"[A-Za-z0-9_-]+"
_KEY: Final = rf"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|{_BARE})"""
_PAIR_OF_JSON: Final = re.compile(r'("[^"]*"): ')
_DOTTED: Final = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_TABLE: Final = re.compile(rf"\s*\[\[?\s*({_DOTTED})\s*\]")
_PAIR: Final = re.compile(rf"\s*({_DOTTED})\s*=")


class SourceFile(NamedTuple):
    """A file of a contract as a person wrote it: a schema, or a sidecar."""

    name: str
    text: str


def with_lines(error: ContractError, sources: Mapping[str, Sequence[SourceFile]]) -> ContractError:
    """Return *error* with the file and the line of each fault that has a place in a contract.

    *sources* has the files of each contract, such as ``orders.v1``: the schema, and the sidecar if there is one.
    """
    located = [_located(each, sources) for each in error.faults]
    return together([fault for _, fault in sorted(located, key=lambda each: each[0])])


def _located(
    fault: ContractError, sources: Mapping[str, Sequence[SourceFile]]
) -> tuple[tuple[str, int], ContractError]:
    """Return a fault with its file and line, and these to sort by."""
    contract = _CONTRACT.match(fault.where)
    files = sources.get(contract[0], ()) if contract else ()
    if contract is None or not files or any(fault.where == each.name for each in files):
        return (fault.where, 0), fault
    source, steps = files[0], [found[0] for found in _STEP.finditer(fault.where, contract.end())]
    if steps[:1] == ["headrace"] and len(files) > 1:
        source, steps = files[1], steps[1:]
    is_toml = source.name.endswith(".toml")
    line = _toml_line(source.text, steps) if is_toml else _json_line(source, steps)
    remedy = _PAIR_OF_JSON.sub(_pair_of_toml, fault.remedy) if is_toml else fault.remedy
    return (source.name, line), ContractError(fault.where, fault.why, remedy, f"{source.name}:{line}", rule=fault.rule)


# JSON


class _Node(NamedTuple):
    """A value, and the character at which it or its key begins."""

    start: int
    value: Any
    members: dict[str, _Node]
    items: list[_Node]


def _json_line(source: SourceFile, steps: Sequence[str]) -> int:
    try:
        text = without_comments(source.text, source.name)
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.lineno
    except (ValueError, RecursionError):  # a comment without an end, or nested too deeply
        return 1
    return text.count("\n", 0, _find(_read(text, 0)[0], steps).start) + 1


def _read(text: str, at: int, key_at: int | None = None) -> tuple[_Node, int]:
    """Return the value that begins at *at*, and where it ends; *text* is valid JSON."""
    at = _skip(text, at)
    node = _Node(at if key_at is None else key_at, None, {}, [])
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


def _find(node: _Node, steps: Sequence[str]) -> _Node:
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


def _below(node: _Node, step: str) -> _Node | None:
    """Return the field of that name, also in the types of a field; else the value of that key, or the item."""
    if step.startswith("["):
        index = int(step[1:-1])
        return node.items[index] if index < len(node.items) else None
    return next(_fields(node, step), None) or node.members.get(step)


def _fields(node: _Node, name: str) -> Iterator[_Node]:
    fields = node.members["fields"].items if "fields" in node.members else []
    for each in fields:
        if "name" in each.members and each.members["name"].value == name:
            yield each
    for within in chain((node.members[key] for key in _WITHIN if key in node.members), node.items):
        yield from _fields(within, name)


# TOML


def _pair_of_toml(pair: re.Match[str]) -> str:
    """Return the beginning of a pair of TOML in place of one of JSON."""
    bare = pair[1].strip('"')
    return f"{bare if re.fullmatch(_BARE, bare) else pair[1]} = "


def _toml_line(text: str, steps: Sequence[str]) -> int:
    """Return the line of the longest key or table that *steps* begin with, or 1."""
    path, table = ".".join(steps), ""
    best, line = "", 1
    for number, content in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(content):
            key = table = _plain(header[1])
        elif pair := _PAIR.match(content):
            key = f"{table}.{_plain(pair[1])}".removeprefix(".")
        else:
            continue
        if (path == key or path.startswith(f"{key}.")) and len(key) > len(best):
            best, line = key, number
    return line


def _plain(dotted: str) -> str:
    return ".".join(each.strip("\"'") for each in re.findall(_KEY, dotted))
