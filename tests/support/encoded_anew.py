"""Another encoding of the same event: maps in another order, arrays and maps in blocks of other sizes."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import fastavro
from hypothesis import strategies as st

from tests.support.hostile import long


def encoded_anew(draw: Callable[..., Any], type_: Any, value: Any) -> bytes:
    """Encode *value* by *type_*, the JSON of an Avro schema, in one of the ways that Avro allows."""
    if isinstance(type_, list):
        branch = next(index for index, each in enumerate(type_) if (each == "null") == (value is None))
        return long(branch) + (b"" if value is None else encoded_anew(draw, type_[branch], value))
    match type_ if isinstance(type_, Mapping) else {"type": type_}:
        case {"type": "record", "fields": fields}:
            return b"".join(encoded_anew(draw, each["type"], _given(value, each)) for each in fields)
        case {"type": "array", "items": items}:
            return _in_blocks(draw, [encoded_anew(draw, items, each) for each in value])
        case {"type": "map", "values": values}:
            entries = [_leaf("string", key) + encoded_anew(draw, values, each) for key, each in value.items()]
            return _in_blocks(draw, draw(st.permutations(entries)))
        case _:
            return _leaf(type_, value)


def _given(value: Any, field: Any) -> Any:
    """The value of a field; one without a column, such as of null, has none."""
    type_ = field["type"]
    has_null = type_ == "null" or (isinstance(type_, list) and "null" in type_)
    return value.get(field["name"], None if has_null else {})


def _in_blocks(draw: Callable[..., Any], items: list[bytes]) -> bytes:
    blocks, rest = b"", list(items)
    while rest:
        size = draw(st.integers(1, len(rest)))
        block, rest = rest[:size], rest[size:]
        data = b"".join(block)
        head = long(-size) + long(len(data)) if draw(st.booleans()) else long(size)
        blocks += head + data
    return blocks + long(0)


def _leaf(type_: Any, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(type_), value)
    return out.getvalue()
