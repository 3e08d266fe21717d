"""Encoder of records with unions of several types, whose values name their branch.

Avro's library chooses a branch by the value, and takes the first one that might hold it. Here the value says which. The
library still encodes the innermost values.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, assert_never

from headrace.schemas.fastavro_schema import schema_of_value
from headrace.schemas.model import (
    MISSING,
    Array,
    Decimal,
    Enumeration,
    Field,
    Fixed,
    Kind,
    Map,
    Optional,
    Record,
    Recursive,
    Scalar,
    Type,
    Union,
    is_stored,
)
from headrace.schemas.varint import write_long

Encoder: TypeAlias = Callable[[Any], bytes]


def has_union(type_: Type) -> bool:
    """Return whether a value of *type_* may hold a value of a union of several types."""
    match type_:
        case Union():
            return True
        case Optional(item=item) | Array(items=item) | Map(values=item):
            return has_union(item)
        case Record(fields=fields):
            return any(has_union(field.type) for field in fields)
        case Scalar() | Decimal() | Fixed() | Enumeration() | Recursive():
            return False
        case _:
            assert_never(type_)


def tree_encoder(type_: Type) -> Encoder:
    """Return a function that encodes a value of *type_* as :func:`headrace.schemas.validate.check` returns it.

    Fields of records that are absent get their default. The function raises the errors of Avro's library.
    """
    match type_:
        case Optional(item, null_first):
            return _optional(tree_encoder(item), null_first)
        case Union():
            return _union(type_)
        case Recursive():
            return _recursive(type_)
        case Record():
            return _record([_field(field) for field in type_.written])
        case Array(items, single):
            return _items(_single(tree_encoder(items), single))
        case Map(values, single):
            return _map(_single(tree_encoder(values), single))
        case Scalar() | Decimal() | Fixed() | Enumeration():
            return _leaf(schema_of_value(type_))
        case _:
            assert_never(type_)


def _optional(item: Encoder, null_first: bool) -> Encoder:
    null, some = (b"\x00", b"\x02") if null_first else (b"\x02", b"\x00")
    return lambda value: null if value is None else some + item(value)


def _union(union: Union) -> Encoder:
    indexes = {branch.name if branch else None: write_long(index) for index, branch in enumerate(union.written)}
    encoders = {branch.name: tree_encoder(branch.type) for branch in union.branches}

    def encode(value: Any) -> bytes:
        if value is None:
            return indexes[None]
        ((name, inside),) = value.items()
        return indexes[name] + encoders[name](inside)

    return encode


def _single(encode: Encoder, single: str) -> Encoder:
    return (lambda value: b"\x00" + encode(value)) if single else encode


def _field(field: Field) -> tuple[str, Encoder, bytes | None]:
    """Return a field's name, its encoder and its default."""
    if not is_stored(field.type):
        nothing = unstored_bytes(field)
        return field.name, lambda value: nothing, nothing
    encode = _single(tree_encoder(field.type), field.single)
    return field.name, encode, None if field.default is MISSING else encode(field.default)


def _record(fields: list[tuple[str, Encoder, bytes | None]]) -> Encoder:
    def encode(value: Any) -> bytes:
        return b"".join([_one(value, *field) for field in fields])

    return encode


def _one(values: Mapping[str, Any], name: str, encode: Encoder, default: bytes | None) -> bytes:
    return default if name not in values and default is not None else encode(values[name])


def _recursive(type_: Recursive) -> Encoder:
    """Return the encoder of a record within itself, which is made when the first value comes."""
    made: list[Encoder] = []

    def encode(value: Any) -> bytes:
        if not made:
            made.append(tree_encoder(type_.record))
        return made[0](value)

    return encode


def _items(item: Encoder) -> Encoder:
    return lambda value: (write_long(len(value)) if value else b"") + b"".join(map(item, value)) + b"\0"


def _map(item: Encoder) -> Encoder:
    text = tree_encoder(Scalar(Kind.STRING))
    entries = _items(lambda pair: text(pair[0]) + item(pair[1]))
    return lambda value: entries(list(value.items()))


def _leaf(schema: Any) -> Encoder:
    import fastavro  # only what encodes with it needs it

    def encode(value: Any) -> bytes:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, {"value": value})
        return out.getvalue()

    return encode


def unstored_bytes(field: Field) -> bytes:
    """Return the bytes of a field without a column: null, or a record without values."""
    return b"\x00" * bool(field.single) + _unstored(field.type)


def _unstored(type_: Type) -> bytes:
    match type_:
        case Optional(null_first=null_first):
            return b"\x00" if null_first else b"\x02"
        case Record():
            return b"".join(map(unstored_bytes, type_.written))
        case _:
            raise TypeError("a type that has a column")
