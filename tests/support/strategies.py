"""Random contracts that the lint accepts, and random events that they accept."""

from __future__ import annotations

import decimal
import json
from datetime import UTC, date, datetime, time
from itertools import count
from typing import Any, NamedTuple

from hypothesis import settings
from hypothesis import strategies as st

from headrace.schemas.envelope import SchemaRef
from headrace.schemas.json_text import canonical
from headrace.schemas.model import (
    Array,
    Decimal,
    Enumeration,
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
from headrace.schemas.registry import Contract, parse_contract
from tests.support.builders import a_record, contract_json

FIXED_PROFILE = settings(derandomize=True, database=None, max_examples=80)

_WIDE = decimal.Context(prec=80)
_KINDS: dict[str, Any] = {
    **{name: name for name in ("boolean", "int", "long", "string", "bytes")},
    "json": {"type": "string", "sqlType": "JSON"},
    "date": {"type": "int", "logicalType": "date"},
    "time-millis": {"type": "int", "logicalType": "time-millis"},
    "time-micros": {"type": "long", "logicalType": "time-micros"},
    "timestamp-millis": {"type": "long", "logicalType": "timestamp-millis"},
    "timestamp-micros": {"type": "long", "logicalType": "timestamp-micros"},
    "local-timestamp-millis": {"type": "long", "logicalType": "local-timestamp-millis"},
    "local-timestamp-micros": {"type": "long", "logicalType": "local-timestamp-micros"},
}
# Types with several spellings of one value: NaNs, upper case, padded numbers.
_LOOSE: dict[str, Any] = {"float": "float", "double": "double", "uuid": {"type": "string", "logicalType": "uuid"}}


class Style(NamedTuple):
    """What contracts may have: see :func:`contracts`."""

    exact: bool
    unions: bool


@st.composite
def contracts(draw: st.DrawFn, exact: bool = False, unions: bool = True) -> Contract:
    """Any contract the lint accepts; *exact* ones write every value in one way only.

    *unions* is whether it may have unions of several types.
    """
    names = count()
    fields = draw(_fields(names, Style(exact, unions), depth=0, at_most=6))
    return parse_contract(SchemaRef("thing_happened", 1), json.dumps(contract_json(*fields)))


@st.composite
def _fields(draw: st.DrawFn, names: count[int], style: Style, depth: int, at_most: int) -> list[tuple[str, Any]]:
    """Fields of a record, at least one of them with a column."""
    types = draw(st.lists(_types(names, style, depth), min_size=1, max_size=at_most))
    for nothing in draw(st.lists(_nothing(names, style), max_size=2)) if draw(st.booleans()) else ():
        types.insert(draw(st.integers(0, len(types))), nothing)
    return [(f"f{index}", type_) for index, type_ in enumerate(types)]


@st.composite
def _nothing(draw: st.DrawFn, names: count[int], style: Style) -> Any:
    """A type without a column; *exact* ones have one spelling."""
    empty = a_record(
        f"N{next(names)}", *draw(st.sampled_from([(), (("n", "null"),), (("n", ["null"]), ("m", "null"))]))
    )
    found = ["null", {"type": "null"}, ["null"], empty, [empty]]
    return draw(st.sampled_from(found if style.exact else [*found, ["null", empty], [empty, "null"]]))


@st.composite
def _types(draw: st.DrawFn, names: count[int], style: Style, depth: int) -> Any:
    shapes = ["single", "single", "optional", "array", "map", "only", "list of lists"]
    shape = draw(st.sampled_from([*shapes, "union"] if style.unions else shapes))
    if shape == "union":
        return draw(_unions(names, style, depth))
    item = draw(_items(names, style, depth))
    match shape:
        case "only":
            return [item]
        case "list of lists":
            return draw(_lists(item))
        case "optional":
            return draw(st.sampled_from([["null", item], [item, "null"]]))
        case "array":
            return {"type": "array", "items": draw(st.sampled_from([item, item, [item]]))}
        case "map":
            return {"type": "map", "values": draw(st.sampled_from([item, ["null", item], [item]]))}
        case _:
            return item


@st.composite
def _lists(draw: st.DrawFn, item: Any) -> Any:
    """A list whose items are lists or nullable, or that is itself nullable."""
    for _ in range(draw(st.integers(1, 2))):
        item = draw(st.sampled_from([item, item if isinstance(item, list) else ["null", item]]))
        item = draw(st.sampled_from([{"type": "array", "items": item}, {"type": "map", "values": item}]))
    return draw(st.sampled_from([item, ["null", item], [item, "null"]]))


@st.composite
def _unions(draw: st.DrawFn, names: count[int], style: Style, depth: int) -> Any:
    """A union of types that other decoders tell apart by the Python types of their values, with null or without it."""
    items = draw(st.lists(_items(names, style, depth + 1), min_size=2, max_size=6))
    items += draw(st.lists(st.sampled_from([{"type": "array", "items": "long"}, "string", "bytes"]), max_size=2))
    apart = {_python_type(item): item for item in items} | {"boolean": "boolean", "string": "string"}
    return draw(st.permutations([*apart.values(), *draw(st.sampled_from([[], ["null"]]))]))


def _python_type(avro: Any) -> str:
    """What values of a type are in other decoders."""
    base = avro["type"] if isinstance(avro, dict) else avro
    if base in ("fixed", "bytes"):
        return "bytes"
    return {"long": "int", "double": "float", "enum": "string"}.get(str(base), str(base))


@st.composite
def _items(draw: st.DrawFn, names: count[int], style: Style, depth: int) -> Any:
    kinds = list((_KINDS if style.exact else _KINDS | _LOOSE).values())
    shapes = ["kind"] * 5 + ["enum", "fixed", "decimal-fixed"] + (["record"] * 3 if depth < 3 else [])
    match draw(st.sampled_from(shapes if style.exact else [*shapes, "decimal"])):
        case "enum":
            symbols = [f"S{index}" for index in range(draw(st.integers(1, 80)))]
            return {"type": "enum", "name": f"E{next(names)}", "symbols": symbols}
        case "fixed":
            return {"type": "fixed", "name": f"F{next(names)}", "size": draw(st.integers(1, 20))}
        case "decimal":
            return {"type": "bytes", "logicalType": "decimal", **draw(_precisions())}
        case "decimal-fixed":
            shape = draw(_precisions())
            size = ((10 ** shape["precision"]).bit_length() + 8) // 8
            return {
                "type": "fixed",
                "name": f"D{next(names)}",
                "size": size + draw(st.integers(0, 2)),
                "logicalType": "decimal",
                **shape,
            }
        case "record":
            fields = draw(_fields(names, style, depth + 1, at_most=3))
            return a_record(draw(st.sampled_from(["", "a.", "a.b."])) + f"R{next(names)}", *fields)
        case _:
            return draw(st.sampled_from(kinds))


@st.composite
def _precisions(draw: st.DrawFn) -> dict[str, int]:
    precision = draw(st.one_of(st.sampled_from([1, 38, 76]), st.integers(1, 76)))
    return {"precision": precision, "scale": draw(st.integers(max(0, precision - 38), min(precision, 38)))}


def events(record: Record) -> st.SearchStrategy[dict[str, Any]]:
    """Any event of *record*, extremes often among them."""
    return st.fixed_dictionaries({field.name: _values(field.type) for field in record.fields})


def _values(type_: Type) -> st.SearchStrategy[Any]:
    match type_:
        case Optional():
            return st.none() | _values(type_.item)
        case Union():
            some = [st.fixed_dictionaries({each.name: _values(each.type)}) for each in type_.branches]
            return st.one_of([*some, st.none()] if type_.null is not None else some)
        case Array():
            return st.lists(_values(type_.items), max_size=4)
        case Map():
            return st.dictionaries(st.text(max_size=8), _values(type_.values), max_size=4)
        case Record():
            return events(type_)
        case Enumeration():
            return st.sampled_from(type_.symbols)
        case Fixed():
            return st.binary(min_size=type_.size, max_size=type_.size)
        case Decimal():
            return _decimals(type_)
        case Scalar():
            return _SCALARS[type_.kind]
        case Recursive():
            return st.deferred(lambda: events(type_.record))


def _decimals(type_: Decimal) -> st.SearchStrategy[decimal.Decimal]:
    most = 10**type_.precision - 1
    unscaled = st.integers(-most, most) | st.sampled_from([0, 1, -1, 127, -128, most, -most]).filter(
        lambda number: abs(number) <= most
    )
    return unscaled.map(lambda number: decimal.Decimal(number).scaleb(-type_.scale, _WIDE))


def _whole_millis(moment: Any) -> Any:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


_LOCAL = st.datetimes() | st.sampled_from([datetime.min, datetime.max, datetime(1970, 1, 1)])
_INSTANTS = _LOCAL.map(lambda moment: moment.replace(tzinfo=UTC))
_TIMES = st.times() | st.sampled_from([time.min, time.max])
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=4), inside, max_size=3),
    max_leaves=5,
)
_SCALARS: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.BOOLEAN: st.booleans(),
    Kind.INT: st.integers(-(2**31), 2**31 - 1) | st.sampled_from([-(2**31), 2**31 - 1]),
    Kind.LONG: st.integers(-(2**63), 2**63 - 1) | st.sampled_from([-(2**63), 2**63 - 1]),
    Kind.FLOAT: st.floats(width=32),
    Kind.DOUBLE: st.floats(),
    Kind.STRING: st.text(max_size=12),
    Kind.BYTES: st.binary(max_size=12),
    Kind.UUID: st.uuids() | st.uuids().map(str),
    Kind.JSON: json_values.map(json.dumps).map(canonical),
    Kind.DATE: st.dates() | st.sampled_from([date.min, date.max]),
    Kind.TIME_MILLIS: _TIMES.map(_whole_millis),
    Kind.TIME_MICROS: _TIMES,
    Kind.TIMESTAMP_MILLIS: _INSTANTS.map(_whole_millis),
    Kind.TIMESTAMP_MICROS: _INSTANTS,
    Kind.LOCAL_TIMESTAMP_MILLIS: _LOCAL.map(_whole_millis),
    Kind.LOCAL_TIMESTAMP_MICROS: _LOCAL,
}


def damaged(data: st.DataObject, payload: bytes) -> bytes:
    """*payload*, good in one case of three; else cut, lengthened, or with some bytes changed."""
    match data.draw(st.integers(0, 5)):
        case 0 | 1:
            return payload
        case 2:
            return payload[: data.draw(st.integers(0, len(payload)))]
        case 3:
            return payload + data.draw(st.binary(min_size=1, max_size=12))
        case _:
            changed = bytearray(payload)
            for _ in range(data.draw(st.integers(1, 3))):
                place = data.draw(st.integers(0, len(payload) - 1))
                changed[place] = data.draw(st.sampled_from([0, 1, 2, 3, 0x7F, 0x80, 0xFF]) | st.integers(0, 255))
            return bytes(changed)
