"""The transcoder in pure Python: reads one event from JSON and returns it as one Avro datum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from headrace.schemas.decoder import MAX_PAYLOAD_BYTES
from headrace.schemas.json_encoding.faults import Fault, Refusal, error, unexpected
from headrace.schemas.json_encoding.plan import Code, Node
from headrace.schemas.json_encoding.tokens import (
    CLOSE_ARRAY,
    CLOSE_OBJECT,
    COLON,
    COMMA,
    OPEN_ARRAY,
    OPEN_OBJECT,
    QUOTE,
    after_blanks,
    expect,
    read_literal,
    read_text,
    skip_blanks,
    skip_value,
)
from headrace.schemas.json_encoding.values import VALUES, Read, enum_reader
from headrace.schemas.model import MAX_ITEMS
from headrace.schemas.varint import write_long

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_NULL: Final = 0x6E


def compile_fallback(node: Node) -> Callable[[bytes], bytes]:
    """Return the function that reads a text by the plan *node*; it raises UndecodableError."""
    read = reader(node)

    def transcode(data: bytes) -> bytes:
        try:
            return _whole(read, data)
        except Refusal as refusal:
            failed = refusal
        raise error(failed.fault, failed.node, failed.path, failed.offset, data)

    return transcode


def _whole(read: Read, data: bytes) -> bytes:
    if len(data) > MAX_PAYLOAD_BYTES:
        raise Refusal(Fault.TOO_LARGE, 0)
    start = skip_blanks(data, len(BYTE_ORDER_MARK) if data.startswith(BYTE_ORDER_MARK) else 0)
    datum, after = read(data, start)
    after = after_blanks(data, after)
    if after != len(data):
        raise Refusal(Fault.BYTES_FOLLOW, after)
    return datum


def reader(node: Node) -> Read:
    """Return the reader of one value of *node*."""
    read = _bare(node)
    if node.tag is not None:
        read = _tagged(node, read)
    if node.optional:
        null, some = (b"\0", b"\2") if node.optional == 1 else (b"\2", b"\0")
        return _nullable(read, null, some)
    return read if node.null is None else _nullable(read, node.null, b"")


def _bare(node: Node) -> Read:
    if node.code is Code.RECORD:
        return _record(node)
    if node.code is Code.ARRAY:
        return _array(node)
    if node.code is Code.MAP:
        return _map(node)
    if node.code is Code.UNION:
        return _union(node)
    return enum_reader(node) if node.code is Code.ENUM else partial(VALUES[node.code], node)


def _nullable(read: Read, null: bytes, before: bytes) -> Read:
    def nullable(data: bytes, at: int) -> tuple[bytes, int]:
        if data[at] == _NULL:
            return null, read_literal(data, at)
        value, after = read(data, at)
        return before + value, after

    return nullable


def _tagged(node: Node, read: Read) -> Read:
    """Return the reader of ``{"string": "value"}``."""
    return _named_branch(node, {each.encode(): read for each in (node.tag, node.logical_tag) if each is not None})


def _union(node: Node) -> Read:
    readers = [_branch(node, place, child) for place, child in enumerate(node.children)]
    read = _named_branch(node, {tag.encode(): readers[place] for tag, place in node.branches})
    return read if node.null_place < 0 else _nullable(read, write_long(node.null_place), b"")


def _branch(node: Node, place: int, child: Node) -> Read:
    before, read = write_long(place + (0 <= node.null_place <= place)), reader(child)

    def branch(data: bytes, at: int) -> tuple[bytes, int]:
        try:
            value, after = read(data, at)
        except Refusal as refusal:
            refusal.path.insert(0, child.name)
            raise
        return before + value, after

    return branch


def _named_branch(node: Node, branches: Mapping[bytes, Read]) -> Read:
    """Return the reader of an object with one key, which names the branch of its value."""

    def tagged(data: bytes, start: int) -> tuple[bytes, int]:
        if data[start] != OPEN_OBJECT:
            raise Refusal(Fault.NO_BRANCH, start, node)
        at = skip_blanks(data, start + 1)
        if data[at] == CLOSE_OBJECT:
            raise Refusal(Fault.NO_BRANCH, start, node)
        key, at = _key(data, at)
        if key not in branches:
            raise Refusal(Fault.NO_BRANCH, start, node)
        value, at = branches[key](data, at)
        at = skip_blanks(data, at)
        if data[at] != CLOSE_OBJECT:
            raise Refusal(
                Fault.NO_BRANCH if data[at] == COMMA else Fault.NOT_JSON, start if data[at] == COMMA else at, node
            )
        return value, at + 1

    return tagged


def _key(data: bytes, at: int) -> tuple[bytes, int]:
    """Read a key and the colon; returns the position of the value."""
    if data[at] != QUOTE:
        raise Refusal(Fault.NOT_JSON, at)
    key, at = read_text(data, at)
    return key, expect(data, skip_blanks(data, at), COLON)


def _record(node: Node) -> Read:
    fields = {child.name.encode(): (place, reader(child)) for place, child in enumerate(node.children)}
    children = node.children

    def field(data: bytes, at: int, parts: list[bytes | None]) -> tuple[int, int]:
        key_at = at
        key, at = _key(data, at)
        if key not in fields:
            if not node.ignore:
                raise Refusal(Fault.UNKNOWN_KEY, key_at, node)
            return 0, skip_value(data, at)
        place, read = fields[key]
        try:
            if parts[place] is not None:
                raise Refusal(Fault.KEY_TWICE, key_at)
            parts[place], at = value = read(data, at)
        except Refusal as refusal:
            refusal.path.insert(0, children[place].name)
            raise
        return len(value[0]), at

    def record(data: bytes, start: int) -> tuple[bytes, int]:
        if data[start] != OPEN_OBJECT:
            raise unexpected(node, data, start)
        parts: list[bytes | None] = [None] * len(children)
        size, at = 0, skip_blanks(data, start + 1)
        while data[at] != CLOSE_OBJECT:
            grown, at = field(data, at, parts)
            size += grown
            _check_size(size, start, node)
            at = _next(data, at, CLOSE_OBJECT)
        datum = b"".join(_filled(node, parts, start))
        _check_size(len(datum), start, node)
        return datum, at + 1

    return record


def _filled(node: Node, parts: list[bytes | None], start: int) -> list[bytes]:
    """Return the values of all fields; an absent one has its default."""
    filled = []
    for child, part in zip(node.children, parts, strict=True):
        value = child.absent if part is None else part
        if value is None:
            refusal = Refusal(Fault.ABSENT, start, child)
            refusal.path.append(child.name)
            raise refusal
        filled.append(value)
    return filled


def _next(data: bytes, at: int, close: int) -> int:
    """Return the position of the closing byte, or of what follows a comma."""
    at = skip_blanks(data, at)
    if data[at] == close:
        return at
    at = expect(data, at, COMMA)
    if data[at] == close:
        raise Refusal(Fault.NOT_JSON, at)
    return at


def _check_size(size: int, at: int, node: Node) -> None:
    if size > MAX_PAYLOAD_BYTES:
        raise Refusal(Fault.LARGE_DATUM, at, node)


def _array(node: Node) -> Read:
    read = reader(node.children[0])

    def array(data: bytes, start: int) -> tuple[bytes, int]:
        if data[start] != OPEN_ARRAY:
            raise unexpected(node, data, start)
        return _items(node, read, data, start, CLOSE_ARRAY)

    return array


def _items(node: Node, read: Read, data: bytes, start: int, close: int) -> tuple[bytes, int]:
    items: list[bytes] = []
    size, at = 0, skip_blanks(data, start + 1)
    while data[at] != close:
        if len(items) == MAX_ITEMS:
            raise Refusal(Fault.TOO_MANY_ITEMS, start, node)
        try:
            item, at = read(data, at)
        except Refusal as refusal:
            refusal.path.insert(0, f"[{len(items)}]")
            raise
        items.append(item)
        size += len(item)
        _check_size(size, start, node)
        at = _next(data, at, close)
    if not items:
        return b"\0", at + 1
    return b"".join((write_long(len(items)), *items, b"\0")), at + 1


def _map(node: Node) -> Read:
    read = reader(node.children[1])

    def map_(data: bytes, start: int) -> tuple[bytes, int]:
        if data[start] != OPEN_OBJECT:
            raise unexpected(node, data, start)
        keys: list[tuple[bytes, int]] = []
        entries = _items(node, partial(_entry, read, keys), data, start, CLOSE_OBJECT)
        _refuse_key_twice(keys)
        return entries

    return map_


def _entry(read: Read, keys: list[tuple[bytes, int]], data: bytes, at: int) -> tuple[bytes, int]:
    part, key_at = "key", at
    try:
        key, at = _key(data, at)
        keys.append((key, key_at))
        part = "value"
        value, at = read(data, at)
    except Refusal as refusal:
        refusal.path.insert(0, part)
        raise
    return write_long(len(key)) + key + value, at


def _refuse_key_twice(keys: list[tuple[bytes, int]]) -> None:
    seen: set[bytes] = set()
    for index, (key, at) in enumerate(keys):
        if key in seen:
            refusal = Refusal(Fault.KEY_TWICE, at)
            refusal.path = [f"[{index}]", "key"]
            raise refusal
        seen.add(key)
