"""Another encoding of the same event: maps in another order, arrays and maps in blocks of other sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from headrace.schemas.encode_tree import tree_encoder
from headrace.schemas.model import Array, Field, Kind, Map, Optional, Record, Scalar, Type, Union, is_stored
from tests.support.hostile import long


def encoded_anew(draw: Callable[..., Any], type_: Type, value: Any) -> bytes:
    """Encode a checked *value* of *type_* in one of the ways that Avro allows."""
    match type_:
        case Optional(item, null_first):
            is_null = value is None
            return long(int(is_null != null_first)) + (b"" if is_null else encoded_anew(draw, item, value))
        case Union():
            name = next(iter(value)) if value else None
            index = next(place for place, each in enumerate(type_.written) if (each and each.name) == name)
            branch = type_.written[index]
            return long(index) + (encoded_anew(draw, branch.type, value[name]) if branch else b"")
        case Record():
            return b"".join(_field(draw, each, value) for each in type_.written)
        case Array(items, single):
            head = long(0) if single else b""
            return _in_blocks(draw, [head + encoded_anew(draw, items, each) for each in value])
        case Map(values, single):
            head = long(0) if single else b""
            key = tree_encoder(Scalar(Kind.STRING))
            entries = [key(name) + head + encoded_anew(draw, values, each) for name, each in value.items()]
            return _in_blocks(draw, draw(st.permutations(entries)))
        case _:
            return tree_encoder(type_)(value)


def _field(draw: Callable[..., Any], field: Field, values: dict[str, Any]) -> bytes:
    if not is_stored(field.type):
        return tree_encoder(Record("Nothing", (field,)))({})
    return (long(0) if field.single else b"") + encoded_anew(draw, field.type, values[field.name])


def _in_blocks(draw: Callable[..., Any], items: list[bytes]) -> bytes:
    blocks, rest = b"", list(items)
    while rest:
        size = draw(st.integers(1, len(rest)))
        block, rest = rest[:size], rest[size:]
        data = b"".join(block)
        head = long(-size) + long(len(data)) if draw(st.booleans()) else long(size)
        blocks += head + data
    return blocks + long(0)
