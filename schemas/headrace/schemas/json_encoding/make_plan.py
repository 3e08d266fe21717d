"""Maker of the plan by which a record is read from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, assert_never

from headrace.schemas.defaults import default_datum
from headrace.schemas.json_encoding.forms import UNITS, Form
from headrace.schemas.json_encoding.plan import NO_SIZE, Code, Node
from headrace.schemas.json_encoding.refused_types import refuse_types
from headrace.schemas.json_encoding.rules import JsonRules, UnknownKeys
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
)
from headrace.schemas.scalars import BOUNDS

_LONG: Final = (-(2**63), 2**63 - 1, "a long beyond 64 bits")
_NO_BYTES: Final = b"\0"
_NOT_A_NUMBER: Final = {Code.FLOAT: bytes.fromhex("0000c07f"), Code.DOUBLE: bytes.fromhex("000000000000f87f")}
_EMPTY: Final = frozenset({Code.ARRAY, Code.MAP, Code.STRING, Code.BYTES})
_ZEROS: Final = {Code.BOOLEAN: b"\0", Code.WHOLE: b"\0", Code.FLOAT: bytes(4), Code.DOUBLE: bytes(8)}
_NAMED_BY_GOAVRO: Final = frozenset(
    {Kind.DATE, Kind.TIME_MILLIS, Kind.TIME_MICROS, Kind.TIMESTAMP_MILLIS, Kind.TIMESTAMP_MICROS}
)
# Exponent of ten from a unit to seconds.
_TO_SECONDS: Final[Mapping[Form, int]] = {
    Form.SECONDS: 0,
    Form.FRACTIONAL_SECONDS: 0,
    Form.MILLIS: -3,
    Form.MICROS: -6,
    Form.NANOS: -9,
}
_DIGITS: Final[Mapping[Kind, int]] = {
    Kind.TIME_MILLIS: 3,
    Kind.TIME_MICROS: 6,
    Kind.TIMESTAMP_MILLIS: 3,
    Kind.TIMESTAMP_MICROS: 6,
    Kind.LOCAL_TIMESTAMP_MILLIS: 3,
    Kind.LOCAL_TIMESTAMP_MICROS: 6,
}


def plan(record: Record, rules: JsonRules) -> Node:
    """Return how an event of *record* is read from JSON by *rules*; the result is a datum of :func:`as_json_has_it`.

    Raises:
        ContractError: the record has a type that JSON payloads cannot hold yet.
    """
    refuse_types(record, record.name, unions=rules.tagged)
    return _Planner(rules).node(record, record.name, "")


def as_json_has_it(record: Record) -> Record:
    """Return the record without what only Avro's bytes have: branches of unions of one type.

    Fields without a column have no bytes.
    """
    unstored = tuple((place, replace(field, type=NOTHING, single="")) for place, field in record.unstored)
    return replace(record, fields=tuple(map(_plain_field, record.fields)), unstored=unstored)


def _plain_field(field: Field) -> Field:
    return replace(field, type=_plain_type(field.type), single="")


def _plain_type(type_: Type) -> Type:
    match type_:
        case Optional():
            return replace(type_, item=_plain_type(type_.item))
        case Record():
            return as_json_has_it(type_)
        case Array():
            return Array(_plain_type(type_.items))
        case Map():
            return Map(_plain_type(type_.values))
        case Union(branches):
            return replace(type_, branches=tuple(replace(each, type=_plain_type(each.type)) for each in branches))
        case Scalar() | Decimal() | Fixed() | Enumeration() | Recursive():
            return type_
        case _:
            assert_never(type_)


class _Planner:
    def __init__(self, rules: JsonRules) -> None:
        self._rules = rules

    def _record(self, record: Record, where: str, name: str) -> Node:
        children = tuple(self._field(field, f"{where}.{field.name}") for field in record.fields)
        ignore = self._rules.unknown_keys is UnknownKeys.IGNORE or bool(record.unstored)
        return Node(Code.RECORD, name, children=children, ignore=ignore)

    def _field(self, field: Field, where: str) -> Node:
        node = self._single(field.single, field.type, self.node(field.type, where, field.name))
        if field.default is not MISSING:
            return replace(node, absent=default_datum(_plain_field(field), where))
        return replace(node, absent=self._absent(node))

    def _absent(self, node: Node) -> bytes | None:
        absent = self._rules.absent
        if node.optional:
            return _null_of(node) if Form.NULL in absent else None
        if node.code in _EMPTY and node.size == NO_SIZE:
            return _NO_BYTES if Form.EMPTY in absent else None
        return _ZEROS.get(node.code) if Form.ZERO in absent else None

    def node(self, type_: Type, where: str, name: str) -> Node:
        """Return the plan of one value."""
        return replace(self._node(type_, where, name), stated=not self._rules.tagged)

    def _single(self, name: str, type_: Type, node: Node) -> Node:
        """Return the plan of a value that is written as a union of one type: in Avro's JSON with the type's name."""
        return replace(node, tag=name, logical_tag=_logical_tag(type_)) if name and self._rules.tagged else node

    def _node(self, type_: Type, where: str, name: str) -> Node:
        match type_:
            case Optional(item, null_first, branch):
                node = self._single(branch, item, self.node(item, where, name))
                return replace(node, optional=1 if null_first else 2, null=None)
            case Record():
                return self._record(type_, where, name)
            case Array(items, single):
                null = _NO_BYTES if Form.EMPTY in self._rules.null else None
                return Node(
                    Code.ARRAY, name, null=null, children=(self._single(single, items, self.node(items, where, "")),)
                )
            case Map(values, single):
                null = _NO_BYTES if Form.EMPTY in self._rules.null else None
                children = (Node(Code.STRING, "key"), self._single(single, values, self.node(values, where, "value")))
                return Node(Code.MAP, name, null=null, children=children)
            case Enumeration(symbols):
                return Node(Code.ENUM, name, self._rules.enums, "enums", symbols=symbols)
            case Fixed(size):
                return Node(Code.BYTES, name, self._rules.bytes, "bytes", size=size)
            case Decimal():
                return self._decimal(type_, name)
            case Scalar(kind):
                return self._scalar(kind, name)
            case Union():
                return self._union(type_, where, name)
            case Recursive():
                raise TypeError("a type that was refused before")
            case _:
                assert_never(type_)

    def _union(self, union: Union, where: str, name: str) -> Node:
        children = tuple(self.node(each.type, where, each.member) for each in union.branches)
        tags = [(each.name, _logical_tag(each.type)) for each in union.branches]
        branches = tuple((tag, place) for place, both in enumerate(tags) for tag in both if tag is not None)
        null_place = -1 if union.null is None else union.null
        return Node(Code.UNION, name, children=children, branches=branches, null_place=null_place)

    def _decimal(self, type_: Decimal, name: str) -> Node:
        size = -1 if type_.size is None else type_.size
        return Node(
            Code.DECIMAL,
            name,
            self._rules.decimals,
            "decimals",
            power=type_.scale,
            precision=type_.precision,
            size=size,
        )

    def _scalar(self, kind: Kind, name: str) -> Node:
        rules = self._rules
        match kind:
            case Kind.BOOLEAN:
                return Node(Code.BOOLEAN, name)
            case Kind.INT:
                low, high, _, why = BOUNDS[kind]
                return Node(Code.WHOLE, name, frozenset({Form.NUMBER}), low=low, high=high, beyond=why)
            case Kind.LONG:
                low, high, why = _LONG
                return Node(Code.WHOLE, name, rules.longs, "longs", low=low, high=high, beyond=why)
            case Kind.FLOAT | Kind.DOUBLE:
                code = Code.FLOAT if kind is Kind.FLOAT else Code.DOUBLE
                null = _NOT_A_NUMBER[code] if Form.NULL in rules.nan else None
                return Node(code, name, rules.nan - {Form.NULL}, "nan", null=null)
            case Kind.STRING | Kind.JSON:
                return Node(Code.STRING, name)
            case Kind.BYTES:
                return Node(Code.BYTES, name, rules.bytes, "bytes")
            case Kind.UUID:
                return Node(Code.UUID, name, rules.uuids, "uuids")
            case Kind.DATE:
                return self._moment(kind, Code.DATE, name, rules.dates, "dates")
            case Kind.TIME_MILLIS | Kind.TIME_MICROS:
                return self._moment(kind, Code.TIME, name, rules.times, "times")
            case Kind.TIMESTAMP_MILLIS | Kind.TIMESTAMP_MICROS:
                return self._moment(kind, Code.TIMESTAMP, name, rules.timestamps, "timestamps")
            case Kind.LOCAL_TIMESTAMP_MILLIS | Kind.LOCAL_TIMESTAMP_MICROS:
                return self._moment(kind, Code.LOCAL_TIMESTAMP, name, rules.local_timestamps, "local_timestamps")
            case _:
                assert_never(kind)

    def _moment(self, kind: Kind, code: Code, name: str, forms: frozenset[Form], setting: str) -> Node:
        low, high, _, why = BOUNDS[kind]
        digits = _DIGITS.get(kind, 0)
        unit = next((form for form in UNITS if form in forms), Form.AVRO)
        power = _TO_SECONDS[unit] + digits if unit in _TO_SECONDS else 0
        part = 3 if Form.ARRAY_MILLIS in forms else 9
        return Node(code, name, forms, setting, low=low, high=high, beyond=why, power=power, digits=digits, part=part)


def _logical_tag(type_: Type) -> str | None:
    """Return the name that Go's goavro gives to a type with a logical type that it knows; None for other types."""
    match type_:
        case Decimal(size=None):
            return "bytes.decimal"
        case Scalar(kind) if kind in _NAMED_BY_GOAVRO:
            return f"{AVRO_TYPES[kind]}.{kind}"
        case _:
            return None


def _null_of(node: Node) -> bytes:
    return b"\0" if node.optional == 1 else b"\2"
