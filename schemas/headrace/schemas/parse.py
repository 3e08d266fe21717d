"""Parser of Avro JSON into the tree of :mod:`headrace.schemas.model`; refuses types that the tree cannot hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from headrace.schemas.annotations import parse_count, parse_flag, parse_pii
from headrace.schemas.errors import ContractError
from headrace.schemas.model import (
    MISSING,
    Array,
    Branch,
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
from headrace.schemas.recursion import is_endless
from headrace.schemas.stored import is_wrapped
from headrace.schemas.unions import branch_name, member_names, namespace_of, refuse_twice
from headrace.schemas.unroll import MOST, unrolled

MAX_DEPTH = 32
MAX_LEVELS = 15  # of nested records: BigQuery's limit; a map is one level
MAX_COLUMNS = 10_000  # of one table, with nested ones: BigQuery's limit
MAX_NAME = 128  # characters of any name in a contract; BigQuery allows 300 for a column
_NAME = re.compile(rf"[A-Za-z_][A-Za-z0-9_]{{0,{MAX_NAME - 1}}}")
_PRIMITIVES = {"boolean", "int", "long", "float", "double", "string", "bytes"}
_LOGICAL = {
    ("int", "date"): Kind.DATE,
    ("int", "time-millis"): Kind.TIME_MILLIS,
    ("long", "time-micros"): Kind.TIME_MICROS,
    ("long", "timestamp-millis"): Kind.TIMESTAMP_MILLIS,
    ("long", "timestamp-micros"): Kind.TIMESTAMP_MICROS,
    ("long", "local-timestamp-millis"): Kind.LOCAL_TIMESTAMP_MILLIS,
    ("long", "local-timestamp-micros"): Kind.LOCAL_TIMESTAMP_MICROS,
    ("string", "uuid"): Kind.UUID,
}
_RECORD_KEYS = {"type", "name", "namespace", "doc", "fields", "headrace"}
_TYPE_KEYS = {
    "array": {"type", "items"},
    "map": {"type", "values"},
    "enum": {"type", "name", "namespace", "doc", "symbols", "default"},
    "fixed": {"type", "name", "namespace", "doc", "size", "logicalType", "precision", "scale"},
}
_ANNOTATED_KEYS = {"type", "logicalType", "precision", "scale"}
_JSON = {"type": "string", "sqlType": "JSON"}  # as BigQuery exports and loads JSON columns
_FIELD_KEYS = {"name", "type", "doc", "default", "pii", "is_null_column", "column_levels"}


def parse_record(avro: Mapping[str, Any], where: str) -> Record:
    """Convert a record's JSON into a tree. ContractError gives the place, the problem and the remedy."""
    if avro.get("type") != "record":
        raise ContractError(where, "not a record", 'an event is a record: write "type": "record"')
    return unrolled(_Parser().record(avro, where, 1), where, MAX_COLUMNS, MAX_LEVELS)


def parse_type(avro: object, where: str) -> Type:
    """Convert one type's JSON into a tree; it cannot use names of other types. Raises ContractError likewise."""
    return _Parser().type(avro, where, 1)


class _Parser:
    """Parser that keeps named types, so that it finds a definition by its name and refuses a recursive type."""

    def __init__(self) -> None:
        self._named: dict[str, Type] = {}
        self._open: dict[str, list[Record]] = {}  # by name; a list gets the record when it is complete
        self._namespace = ""
        # of each record: levels and columns, with every use of a named type counted
        self._sizes: dict[str, tuple[int, int]] = {}

    def record(self, avro: Mapping[str, Any], where: str, depth: int) -> Record:
        _refuse_keys(avro, _RECORD_KEYS if depth == 1 else _RECORD_KEYS - {"headrace"}, where)
        name = self._declare(avro, where)
        check_doc(avro, where)
        fields = avro.get("fields")
        if not isinstance(fields, list) or not fields:
            raise ContractError(where, "a record without fields", "give it a field")
        self._open[name] = complete = []
        around, self._namespace = self._namespace, namespace_of(avro, self._namespace)
        parsed = tuple(self._field(field, where, number, depth) for number, field in enumerate(fields))
        self._namespace = around
        del self._open[name]
        lowered = [field.name.lower() for field in parsed]
        for duplicate in {name for name in lowered if lowered.count(name) > 1}:
            raise ContractError(
                f"{where}.{duplicate}", "named twice", "rename one; BigQuery ignores upper and lower case"
            )
        self._measure(name, parsed, where)
        record = Record(name, parsed)
        complete.append(record)
        if is_endless(record):
            raise ContractError(where, f"{name} contains itself without end", "make the inner one optional, or a list")
        self._named[name] = record
        return record

    def _measure(self, name: str, fields: tuple[Field, ...], where: str) -> None:
        sizes = [self._size(field.type) for field in fields]
        levels, columns = 1 + max(levels for levels, _ in sizes), 1 + sum(columns for _, columns in sizes)
        if levels > MAX_LEVELS + 1:  # the outermost record is the row itself
            raise ContractError(where, f"records nested deeper than {MAX_LEVELS}", "flatten the record")
        if columns > MAX_COLUMNS:
            raise ContractError(where, f"more than {MAX_COLUMNS} columns, used types unfolded", "split the event")
        self._sizes[name] = levels, columns

    def _size(self, type_: Type) -> tuple[int, int]:
        match type_:
            case Record():
                return self._sizes[type_.name]
            case Optional(item):
                return self._size(item)
            case Array(items):
                levels, columns = self._size(items)
                wrapped = int(is_wrapped(items))
                return levels + wrapped, columns + wrapped
            case Map():
                levels, columns = self._size(type_.values)
                return levels + 1, columns + 2
            case Union(branches):
                sizes = [self._size(branch.type) for branch in branches]
                return 1 + max(levels for levels, _ in sizes), 1 + sum(columns for _, columns in sizes)
            case _:
                return 0, 1

    def _field(self, avro: object, where: str, number: int, depth: int) -> Field:
        place = f"{where}.fields[{number}]"
        if not isinstance(avro, Mapping):
            raise ContractError(place, "a field that is not a JSON object", 'write {"name": ..., "type": ...}')
        name = _name(avro.get("name"), place)
        where = f"{where}.{name}"
        _refuse_keys(avro, _FIELD_KEYS, where)
        return Field(
            name=name,
            type=self.type(avro.get("type"), where, depth + 1),
            doc=check_doc(avro, where),
            default=avro.get("default", MISSING),
            pii=parse_pii(avro["pii"], f"{where}.pii") if "pii" in avro else None,
            is_null_column=parse_flag(avro, "is_null_column", where),
            column_levels=parse_count(avro, "column_levels", MOST, where),
        )

    def type(self, avro: object, where: str, depth: int) -> Type:
        if depth > MAX_DEPTH:
            raise ContractError(where, f"nested deeper than {MAX_DEPTH}", "flatten the record")
        if isinstance(avro, list):
            return self._union(avro, where, depth)
        if isinstance(avro, str):
            return self._named_or_primitive(avro, where)
        if not isinstance(avro, Mapping):
            raise ContractError(where, "has no type", 'give it an Avro type, such as "string"')
        return self._complex(avro, where, depth)

    def _complex(self, avro: Mapping[str, Any], where: str, depth: int) -> Type:
        base = avro.get("type")
        if isinstance(base, str) and base in _TYPE_KEYS:
            _refuse_keys(avro, _TYPE_KEYS[base], where)
        match base:
            case "record":
                return self.record(avro, where, depth)
            case "array":
                return Array(self.type(avro.get("items"), where, depth + 1))
            case "map":
                return Map(self.type(avro.get("values"), where, depth + 1))
            case "enum":
                return self._enum(avro, where)
            case "fixed":
                return self._fixed(avro, where)
            case _:
                return self._annotated(avro, where, depth)

    def _annotated(self, avro: Mapping[str, Any], where: str, depth: int) -> Type:
        if avro == _JSON:
            return Scalar(Kind.JSON)
        _refuse_keys(avro, _ANNOTATED_KEYS, where)
        base, logical = avro.get("type"), avro.get("logicalType")
        if logical is None:
            return self.type(base, where, depth + 1)
        if base == "bytes" and logical == "decimal":
            return _decimal(avro, where, None)
        kind = _LOGICAL.get((str(base), str(logical)))
        if kind is None:
            raise _unknown_logical_type(logical, base, where)
        return Scalar(kind)

    def _named_or_primitive(self, name: str, where: str) -> Type:
        if name in _PRIMITIVES:
            return Scalar(Kind(name))
        if name == "null":
            raise ContractError(where, "null alone is not a type", 'write ["null", type]')
        short = name.rpartition(".")[2]
        if short in self._open:
            return Recursive(short, self._open[short])
        if short not in self._named:
            raise ContractError(
                where,
                f"unknown type {name!r}",
                f"use {', '.join(sorted(_PRIMITIVES))}, or define the type before its first use",
            )
        return self._named[short]

    def _union(self, branches: list[Any], where: str, depth: int) -> Type:
        others = [branch for branch in branches if branch != "null"]
        nulls = len(branches) - len(others)
        if not others:
            raise ContractError(where, "a union without a type", 'write ["null", type]')
        if nulls > 1:
            raise ContractError(where, "a union with null twice", 'write ["null", type]')
        if len(others) > 1:
            return self._several(branches, where, depth)
        if not nulls:
            raise ContractError(where, "a union of one type", "write the type itself, without the brackets")
        null_first = branches[0] == "null"
        item = self.type(branches[1 if null_first else 0], where, depth + 1)
        if isinstance(item, Optional | Union):
            raise ContractError(where, "a union in a union", 'write null once: ["null", type]')
        return Optional(item, null_first)

    def _several(self, types: list[Any], where: str, depth: int) -> Union:
        """Parse a union of several types, whose column has a member for each of them."""
        others = [each for each in types if each != "null"]
        names = [branch_name(each, self._namespace) for each in others]
        refuse_twice(names, where)
        branches = tuple(
            self._branch(each, name, member, where, depth)
            for each, name, member in zip(others, names, member_names(names), strict=True)
        )
        return Union(branches, types.index("null") if "null" in types else None)

    def _branch(self, avro: object, name: str, member: str, where: str, depth: int) -> Branch:
        where = f"{where}.{member}"
        pii = None
        if isinstance(avro, Mapping) and "pii" in avro:
            pii = parse_pii(avro["pii"], f"{where}.pii")
            avro = {key: value for key, value in avro.items() if key != "pii"}
        type_ = self.type(avro, where, depth + 1)
        if isinstance(type_, Optional | Union):
            raise ContractError(where, "a union in a union", "list the types of the inner union in the outer one")
        return Branch(name, member, type_, pii)

    def _enum(self, avro: Mapping[str, Any], where: str) -> Enumeration:
        name = self._declare(avro, where)
        symbols = avro.get("symbols")
        if not isinstance(symbols, list) or not symbols:
            raise ContractError(where, "an enum without symbols", 'write "symbols": ["ONE", "OTHER"]')
        names = tuple(_name(symbol, f"{where}.symbols[{number}]") for number, symbol in enumerate(symbols))
        for symbol in names:
            if names.count(symbol) > 1:
                raise ContractError(where, f"symbol {symbol} is listed twice", "list it once")
        parsed = Enumeration(names, avro.get("default"))
        if parsed.default is not None and parsed.default not in parsed.symbols:
            raise ContractError(where, "its default is not one of its symbols", "choose one of the symbols")
        self._named[name] = parsed
        return parsed

    def _fixed(self, avro: Mapping[str, Any], where: str) -> Type:
        name = self._declare(avro, where)
        size = avro.get("size")
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= 1_048_576:
            raise ContractError(
                where, "the size of a fixed is not a whole number from 1 to 1048576", "give it such a size"
            )
        logical = avro.get("logicalType")
        if logical not in (None, "decimal"):
            raise _unknown_logical_type(logical, "fixed", where)
        parsed = _decimal(avro, where, size) if logical else Fixed(size)
        self._named[name] = parsed
        return parsed

    def _declare(self, avro: Mapping[str, Any], where: str) -> str:
        name = _name(avro.get("name"), f"{where}: type")
        if name in self._named or name in self._open:
            raise ContractError(
                where, f"{name} is defined twice", f'define it once, and write "type": "{name}" where it is used again'
            )
        return name


def _decimal(avro: Mapping[str, Any], where: str, size: int | None) -> Decimal:
    precision, scale = avro.get("precision"), avro.get("scale", 0)
    for number in (precision, scale):
        if isinstance(number, bool) or not isinstance(number, int):
            raise ContractError(
                where,
                "a decimal without a precision",
                "write precision, and a scale other than 0, as whole numbers",
            )
    assert isinstance(precision, int)  # noqa: S101 checked above, for the type checker
    if not 1 <= precision <= 76 or not 0 <= scale <= min(precision, 38) or precision - scale > 38:
        raise ContractError(
            where,
            "a decimal that BIGNUMERIC cannot hold",
            "use at most 38 digits before the point (precision - scale) and 38 after it (scale), no scale beyond the "
            "precision",
        )
    if size is not None and 10**precision > 2 ** (8 * size - 1):
        fitting = len(str(2 ** (8 * size - 1))) - 1
        raise ContractError(
            where,
            f"a fixed of {size} bytes is too small for {precision} digits",
            f"use a larger size, or a precision of at most {fitting}",
        )
    return Decimal(precision, scale, size)


def _unknown_logical_type(logical: object, base: object, where: str) -> ContractError:
    known = [name for of, name in _LOGICAL if of == base] + (["decimal"] if base in ("bytes", "fixed") else [])
    remedy = f"use {', '.join(known)}, or leave logicalType out" if known else "leave logicalType out"
    return ContractError(where, f"logical type {logical!r} on {base!r} is not known", remedy)


def check_doc(avro: Mapping[str, Any], where: str) -> str:
    """Read a doc; null counts as absent. Raises ContractError if it is not text."""
    doc = avro.get("doc")
    if doc is not None and not isinstance(doc, str):
        raise ContractError(f"{where}.doc", "not text", "write a sentence, or leave doc out")
    return doc or ""


def _name(value: object, where: str) -> str:
    if value is None:
        raise ContractError(where, "has no name", 'add "name"')
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ContractError(
            where,
            f"invalid name {str(value)[:40]!r}",
            f"use at most {MAX_NAME} letters, digits and _, and no digit first",
        )
    return value


def _refuse_keys(avro: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in sorted(set(avro) - known):
        if key == "aliases":
            raise ContractError(
                where, "has aliases", "remove them; to rename a field, add the new one beside the old one"
            )
        raise ContractError(where, f"unknown key {key!r}", f"remove it, or use one of {', '.join(sorted(known))}")
