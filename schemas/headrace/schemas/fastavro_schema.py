"""A contract's tree as a schema of fastavro, for encoding. Names of types are our own, because bytes have no names."""

from __future__ import annotations

import re
from itertools import count
from typing import Any, Final, assert_never

from headrace.schemas.model import (
    AVRO_TYPES,
    MISSING,
    NOTHING,
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

_SYMBOL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def fastavro_schema(record: Record) -> Any:
    """Return the parsed schema with which events of *record* are encoded; absent fields get their defaults.

    fastavro refuses some symbols that other programs write, and some legal defaults, so these are set after its parser.
    """
    import fastavro  # only what encodes with it needs it

    builder = _Builder()
    parsed: Any = fastavro.parse_schema(builder.record(record))
    named = parsed["__named_schemas"]
    for name, symbols in builder.symbols.items():
        named[name]["symbols"] = list(symbols)
    for name, fields in builder.fields.items():
        for given, field in zip(named[name]["fields"], fields, strict=True):
            if not is_stored(field.type):
                given["default"] = _nothing(field.type)
            elif field.default is not MISSING:
                given["default"] = field.default
    return parsed


def schema_of_value(type_: Type) -> Any:
    """Return the schema of a record whose one field, ``value``, is of *type_*."""
    return fastavro_schema(Record("Value", (Field("value", type_),)))


class _Builder:
    """Builder that gives each type a name of its own; a record that is used again is named, not repeated."""

    def __init__(self) -> None:
        self.symbols: dict[str, tuple[str, ...]] = {}
        self.fields: dict[str, list[Field]] = {}
        self._numbers = count()
        self._records: dict[int, str] = {}

    def record(self, record: Record) -> Any:
        if id(record) in self._records:
            return self._records[id(record)]
        name = self._records[id(record)] = self._name("Record")
        self.fields[name] = fields = [field for field in record.written if not has_no_bytes(field)]
        return {
            "type": "record",
            "name": name,
            "fields": [{"name": field.name, "type": _single(self._type(field.type), field.single)} for field in fields],
        }

    def _type(self, type_: Type) -> Any:
        match type_:
            case Optional(item, null_first):
                return ["null", self._type(item)] if null_first else [self._type(item), "null"]
            case Record():
                return "null" if type_ == NOTHING else self.record(type_)
            case Array(items, single):
                return {"type": "array", "items": _single(self._type(items), single)}
            case Map(values, single):
                return {"type": "map", "values": _single(self._type(values), single)}
            case Enumeration(symbols):
                return self._enum(symbols)
            case Fixed(size):
                return {"type": "fixed", "name": self._name("Fixed"), "size": size}
            case Decimal(precision, scale, size):
                fixed = {"type": "bytes"} if size is None else self._type(Fixed(size))
                return {**fixed, "logicalType": "decimal", "precision": precision, "scale": scale}
            case Union():
                return [self._type(branch.type) if branch else "null" for branch in type_.written]
            case Recursive():
                return self.record(type_.record)
            case Scalar(Kind.JSON):
                return AVRO_TYPES[Kind.JSON]
            case Scalar(kind):
                return {"type": AVRO_TYPES[kind], "logicalType": str(kind)} if kind in AVRO_TYPES else str(kind)
            case _:
                assert_never(type_)

    def _enum(self, symbols: tuple[str, ...]) -> Any:
        name = self._name("Enum")
        if all(map(_SYMBOL.fullmatch, symbols)):
            return {"type": "enum", "name": name, "symbols": list(symbols)}
        self.symbols[name] = symbols
        return {"type": "enum", "name": name, "symbols": [f"S{number}" for number in range(len(symbols))]}

    def _name(self, kind: str) -> str:
        return f"{kind}{next(self._numbers)}"


def _single(avro: Any, single: str) -> Any:
    return [avro] if single else avro


def has_no_bytes(field: Field) -> bool:
    """Return whether a field takes no bytes, whatever its value."""
    found = field.type
    return isinstance(found, Record) and not field.single and all(map(has_no_bytes, found.written))


def _nothing(type_: Type) -> Any:
    """Return the value of a field without a column."""
    return {} if isinstance(type_, Record) and type_ != NOTHING else None
