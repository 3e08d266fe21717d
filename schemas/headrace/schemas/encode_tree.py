"""Encoder of records with unions of several types, whose values name their branch.

Avro's library chooses a branch by the value, and takes the first one that might hold it. Here the value says which. The
library still encodes the innermost values.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from decimal import Context
from decimal import Decimal as Number
from typing import Any, Final, TypeAlias, assert_never

import fastavro

from headrace.schemas.model import (
    AVRO_TYPES,
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
        case Record(fields=fields):
            return _record([(field.name, tree_encoder(field.type), _default(field)) for field in fields])
        case Array(items):
            return _items(tree_encoder(items))
        case Map(values):
            return _map(tree_encoder(values))
        case Scalar() | Decimal() | Fixed() | Enumeration():
            return _leaf(fastavro.parse_schema(_avro(type_)))
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
    def encode(value: Any) -> bytes:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, value)
        return out.getvalue()

    return encode


def _default(field: Field) -> bytes | None:
    """Return the encoded default of a field; None if it has none."""
    return None if field.default is MISSING else tree_encoder(field.type)(_of_json(field.type, field.default))


def _of_json(type_: Type, default: Any) -> Any:
    """Convert a default from JSON as Avro writes it: bytes as text of code points, a union's value without a name."""
    match type_:
        case Optional(item):
            return None if default is None else _of_json(item, default)
        case Union(branches):
            return None if default is None else {branches[0].name: _of_json(branches[0].type, default)}
        case Record(fields=fields):
            return {each.name: _of_json(each.type, default[each.name]) for each in fields if each.name in default}
        case Array(items):
            return [_of_json(items, each) for each in default]
        case Map(values):
            return {key: _of_json(values, each) for key, each in default.items()}
        case Fixed():
            return default.encode("latin-1")
        case Decimal(_, scale):
            return Number(int.from_bytes(default.encode("latin-1"), signed=True)).scaleb(-scale, _DIGITS)
        case Scalar(kind):
            return default.encode("latin-1") if kind is Kind.BYTES else default
        case Enumeration() | Recursive():
            return default
        case _:
            assert_never(type_)


_NAMES: Final = {"name": "Leaf"}
_DIGITS: Final = Context(prec=80)


def _avro(type_: Scalar | Decimal | Fixed | Enumeration) -> Any:
    """Return the Avro schema of one plain value."""
    match type_:
        case Scalar(kind):
            base = AVRO_TYPES.get(kind)
            if kind is Kind.JSON:
                return base
            return kind.value if base is None else {"type": base, "logicalType": kind.value}
        case Decimal(precision, scale, size):
            around = {"type": "bytes"} if size is None else {"type": "fixed", "size": size, **_NAMES}
            return {**around, "logicalType": "decimal", "precision": precision, "scale": scale}
        case Fixed(size):
            return {"type": "fixed", "size": size, **_NAMES}
        case Enumeration(symbols):
            return {"type": "enum", "symbols": list(symbols), **_NAMES}
        case _:
            assert_never(type_)
