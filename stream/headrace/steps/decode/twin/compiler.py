"""A reader's columns as parts, and the steps that fill them from what one of its writers wrote."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from headrace.bigquery.event_table import arrow_schema
from headrace.schemas.layout import Layout, column_of
from headrace.schemas.model import Array, Decimal, Enumeration, Fixed, Kind, Map, Optional, Record, Scalar, Type, bare
from headrace.schemas.resolve import Fields, Items, Nullable, Resolved, Symbols, Value
from headrace.schemas.scalars import BOUNDS, longest_decimal
from headrace.steps.decode.twin import leaves, parts, steps

_DTYPES: Final[dict[Layout, tuple[type[np.generic], int]]] = {
    Layout.BITS: (np.bool_, 0),
    Layout.INT32: (np.int32, 0),
    Layout.INT64: (np.int64, 0),
    Layout.FLOAT32: (np.float32, 0),
    Layout.FLOAT64: (np.float64, 0),
    Layout.DECIMAL128: (np.int64, 2),
    Layout.DECIMAL256: (np.int64, 4),
}
_WORDS: Final = {Kind.STRING: "string", Kind.UUID: "uuid", Kind.BYTES: "bytes"}
_RAW: Final = frozenset({Kind.BOOLEAN, Kind.FLOAT, Kind.DOUBLE})
_NOTHING: Final = pa.struct([])
_HIDDEN: Final[dict[Kind, tuple[type[np.generic], pa.DataType]]] = {
    Kind.BOOLEAN: (np.bool_, pa.bool_()),
    Kind.FLOAT: (np.float32, pa.float32()),
    Kind.DOUBLE: (np.float64, pa.float64()),
}


class Sheet:
    """All parts of one reader, the texts of its defaults, and how far back its decimals look."""

    def __init__(self, reader: Record) -> None:
        self.texts = bytearray()
        self.back = 0
        self.root = parts.Struct(pa.struct(list(arrow_schema(reader))), False, None)
        _add_fields(self.root, reader)

    def program(self, resolved: Fields) -> steps.Step:
        """Compile what reads *resolved*."""
        return self._fields(resolved, self.root)

    def _fields(self, fields: Fields, part: parts.Struct) -> steps.Step:
        made: list[steps.Step] = []
        for step in fields.steps:
            kept = 0 <= step.place < len(part.children)
            child = part.children[step.place] if kept else _hidden(step.value, part.above)
            if not kept:
                part.hidden.append(child)
            made.append(self._step(step.value, child))
        for place, value in fields.defaults if part.children else ():
            if value is not None and value != []:
                made.append(self._default(value, part.children[place]))
        return steps.Fields(made)

    def _step(self, resolved: Resolved, part: parts.Part) -> steps.Step:
        if isinstance(resolved, Nullable):
            return steps.Nullable(self._bare(resolved.item, part), part, resolved.null_first)
        step = self._bare(resolved, part)
        return steps.Present(step, part) if part.nullable else step

    def _bare(self, resolved: Resolved, part: parts.Part) -> steps.Step:
        match resolved, part:
            case Fields(), parts.Struct():
                return self._fields(resolved, part)
            case Items() as items, parts.Lists():
                return steps.Items(self._step(items.entry, part.items), part, items.width)
            case Symbols(symbols), parts.Symbols():
                return leaves.Symbol(part, symbols)
            case Value(Decimal(precision, _, size) as type_), parts.Numbers():
                step = leaves.Decimal(part, size, longest_decimal(type_), 10**precision)
                self.back = max(self.back, step.back)
                return step
            case Value(Fixed(size)), _:
                return leaves.Text(part, size)
            case Value(Scalar(kind)), parts.Numbers():
                return leaves.Raw(part, kind) if kind in _RAW else leaves.WholeNumber(part, BOUNDS.get(kind))
            case _:
                return leaves.Text(part)

    def _default(self, value: object, part: parts.Part) -> steps.Step:
        if isinstance(part, parts.Symbols):
            return steps.Default(part, part.symbols.index(str(value)))
        if isinstance(part, parts.Texts) and part.default is None:
            text = str(value).encode()
            part.default = len(self.texts), len(text)
            self.texts += text
        return steps.Default(part, value)


def _part(type_: Type, arrow: pa.DataType, above: parts.Lists | None) -> parts.Part:
    """The part of one type of a reader, and those below it."""
    nullable = isinstance(type_, Optional)
    match bare(type_):
        case Record() as record:
            struct = parts.Struct(arrow, nullable, above)
            _add_fields(struct, record)
            return struct
        case Array(items):
            lists = parts.Lists(arrow, nullable, above, of_map=False)
            lists.items = _part(items, arrow.value_type, lists)
            return lists
        case Map(values):
            lists = parts.Lists(arrow, nullable, above, of_map=True)
            entry = parts.Struct(arrow.value_type, False, lists)
            entry.children = [
                parts.Texts(pa.string(), False, lists, "string"),
                _part(values, arrow.value_type.field("value").type, lists),
            ]
            lists.items = entry
            return lists
        case Enumeration(symbols):
            return parts.Symbols(arrow, nullable, above, symbols)
        case Scalar(kind) if kind in _WORDS:
            return parts.Texts(arrow, nullable, above, _WORDS[kind])
        case Fixed():
            return parts.Texts(arrow, nullable, above)
        case _:
            return parts.Numbers(arrow, nullable, above, *_DTYPES[column_of(type_).layout])


def _add_fields(struct: parts.Struct, record: Record) -> None:
    struct.children = [
        _part(field.type, struct.type.field(index).type, struct.above) for index, field in enumerate(record.fields)
    ]


def _hidden(resolved: Resolved, above: parts.Lists | None) -> parts.Part:
    """A part for what is read over: it has to be right as well."""
    match resolved:
        case Nullable(item):
            return _hidden(item, above)
        case Fields():
            return parts.Struct(_NOTHING, False, above)
        case Items(item, of_map):
            lists = parts.Lists(pa.list_(_NOTHING), False, above, of_map)
            lists.items = _hidden_entry(item, lists) if of_map else _hidden(item, lists)
            lists.type = pa.list_(lists.items.type)
            return lists
        case Symbols(symbols):
            return parts.Symbols(pa.string(), False, above, symbols)
        case Value(Decimal()):
            return parts.Numbers(pa.decimal256(76, 0), False, above, np.int64, 4)
        case Value(Scalar(kind)) if kind not in _WORDS:
            dtype, arrow = _HIDDEN.get(kind, (np.int64, pa.int64()))
            return parts.Numbers(arrow, False, above, dtype)
        case Value(Scalar(kind)):
            return parts.Texts(pa.binary(), False, above, _WORDS[kind])
        case Value():
            return parts.Texts(pa.binary(), False, above)


def _hidden_entry(value: Resolved, above: parts.Lists) -> parts.Struct:
    key, hidden = parts.Texts(pa.binary(), False, above, "string"), _hidden(value, above)
    entry = parts.Struct(pa.struct([("key", key.type), ("value", hidden.type)]), False, above)
    entry.children = [key, hidden]
    return entry
