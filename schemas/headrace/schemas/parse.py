"""Parser of Avro JSON into the tree of :mod:`headrace.schemas.model`; refuses types that the tree cannot hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from headrace.schemas.annotations import parse_pii
from headrace.schemas.avro_keys import ANNOTATED, EVENT, FIELD, KEYS, check_keys
from headrace.schemas.avro_names import PRIMITIVES, FullName, checked_name, checked_names
from headrace.schemas.classification import NOT_PERSONAL
from headrace.schemas.column_annotations import with_columns
from headrace.schemas.column_names import column_names
from headrace.schemas.defaults import parse_default
from headrace.schemas.errors import ContractError
from headrace.schemas.faults import Faults
from headrace.schemas.logical_types import decimal_notice, decimal_of, is_decimal, logical_kind, sql_kind, unread_notice
from headrace.schemas.model import (
    MISSING,
    Array,
    Branch,
    Decimal,
    Field,
    Fixed,
    Kind,
    Map,
    Optional,
    Record,
    Scalar,
    Type,
    Union,
    is_stored,
)
from headrace.schemas.named_types import check_doc, parse_enum, parse_size
from headrace.schemas.recursion import is_endless
from headrace.schemas.table_limits import Sizes
from headrace.schemas.type_scope import TypeScope
from headrace.schemas.unions import branch_name, member_names, refuse_twice

MAX_DEPTH = 32
UNREAD: Final = Scalar(Kind.STRING)  # this object stands for a type that is faulty


class ParsedEvent(NamedTuple):
    """The record of an event, and what its reader should know: types that are read otherwise than they say."""

    record: Record
    notices: tuple[str, ...]


def parse_record(avro: Mapping[str, Any], where: str) -> ParsedEvent:
    """Convert a record's JSON into a tree. ContractError gives the place, the problem and the remedy of each fault."""
    faults = Faults()
    found = parse_event(avro, where, faults)
    faults.raise_all()
    return found


def parse_event(avro: Mapping[str, Any], where: str, faults: Faults) -> ParsedEvent:
    """Convert a record's JSON as far as possible, and gather *faults*; a field whose type is faulty has UNREAD.

    Raises:
        ContractError: there is no record.
    """
    if avro.get("type") != "record":
        raise ContractError(where, "not a record", 'an event is a record: write "type": "record"')
    parser = _Parser(faults)
    record = parser.record(avro, _At(where, 1, ""))
    if not record.stored and not faults.found:
        raise ContractError(where, "a record without fields that have a column", "give it a field")
    return ParsedEvent(record, tuple(parser.notices))


def parse_type(avro: object, where: str) -> Type:
    """Convert one type's JSON into a tree; it cannot use names of other types. Raises ContractError likewise."""
    faults = Faults()
    found = _Parser(faults).type(avro, _At(where, 1, "")).type
    faults.raise_all()
    return found


class _At(NamedTuple):
    """Where the parser is: the place, its depth, and the namespace around it."""

    where: str
    depth: int
    namespace: str

    def below(self) -> _At:
        return self._replace(depth=self.depth + 1)


class _Found(NamedTuple):
    """A type, and its name in Avro's JSON encoding if it is written as a union of this type alone."""

    type: Type
    single: str = ""


class _Parser:
    """Parser that keeps named types, so that it finds a definition by its name, and a record within itself."""

    def __init__(self, faults: Faults) -> None:
        self.notices: list[str] = []
        self._faults = faults
        self._names = TypeScope()
        self._sizes = Sizes()

    def record(self, avro: Mapping[str, Any], at: _At) -> Record:
        with self._faults.gathered():
            check_keys(avro, EVENT if at.depth == 1 else KEYS["record"], at.where)
        name = self._names.declare(avro, at.namespace, at.where)
        doc = self._faults.read(lambda: check_doc(avro, at.where), "")
        with self._names.open_record(name) as complete:
            fields = self._fields(avro, at._replace(namespace=name.namespace))
            record = replace(self._with_columns(name, fields, at), doc=doc)
            self._sizes.measure(record, at.where)
            complete.append(record)
            if is_endless(record):
                remedy = "make the inner one optional, or a list"
                raise ContractError(at.where, f"{name} contains itself without end", remedy)
        return record

    def _fields(self, avro: Mapping[str, Any], at: _At) -> list[Field]:
        fields = avro.get("fields")
        if not isinstance(fields, list):
            raise ContractError(at.where, "a record without fields", 'write "fields": [...]')
        parsed: list[Field] = []
        for number, field in enumerate(fields):
            with self._faults.gathered():
                parsed.append(self._field(field, at, number))
        return parsed

    def _with_columns(self, name: FullName, parsed: Sequence[Field], at: _At) -> Record:
        """Return the record of *parsed* fields, each with its column, or among those that have none."""
        names = [field.name for field in parsed]
        if len(set(names)) != len(names):
            twice = next(each for each in names if names.count(each) > 1)
            raise ContractError(f"{at.where}.{twice}", "named twice", "rename one")
        stored: list[Field] = []
        unstored = []
        for field, column in zip(parsed, column_names(names, at.depth == 1), strict=True):
            if not is_stored(field.type):
                unstored.append((len(stored), field))
                self._note(f"{at.where}.{field.name}", "it never has a value, so it has no column")
                continue
            if column != field.name:
                self._note(f"{at.where}.{field.name}", f"BigQuery cannot hold its name: its column is {column}")
            stored.append(field if column == field.name else replace(field, renamed=column))
        return Record(name.name, tuple(stored), unstored=tuple(unstored), namespace=name.namespace)

    def _field(self, avro: object, at: _At, number: int) -> Field:
        place = f"{at.where}.fields[{number}]"
        if not isinstance(avro, Mapping):
            raise ContractError(place, "a field that is not a JSON object", 'write {"name": ..., "type": ...}')
        name = checked_name(avro.get("name"), place)
        where = f"{at.where}.{name}"
        if "logicalType" in avro:
            self._note(where, "a logicalType beside the type has no meaning; it belongs into the type")
        read = self._faults.read
        type_, single = read(lambda: self.type(avro.get("type"), at._replace(where=where).below()), _Found(UNREAD))
        has_default = "default" in avro and type_ is not UNREAD and is_stored(type_)
        read(lambda: check_keys(avro, FIELD, where), None)
        field = Field(
            name=name,
            type=type_,
            doc=read(lambda: check_doc(avro, where), ""),
            default=read(lambda: parse_default(type_, avro["default"], where), MISSING) if has_default else MISSING,
            pii=read(lambda: parse_pii(avro["pii"], f"{where}.pii"), NOT_PERSONAL) if "pii" in avro else None,
            aliases=read(lambda: checked_names(avro.get("aliases"), f"{where}.aliases", "aliases"), ()),
            single=single,
        )
        return read(lambda: with_columns(field, avro, where), field)

    def type(self, avro: object, at: _At) -> _Found:
        if at.depth > MAX_DEPTH:
            raise ContractError(at.where, f"nested deeper than {MAX_DEPTH}", "flatten the record")
        if isinstance(avro, list):
            return self._union(avro, at)
        if isinstance(avro, str):
            return _Found(self._names.type(avro, at.namespace, at.where))
        if not isinstance(avro, Mapping):
            raise ContractError(at.where, "has no type", 'give it an Avro type, such as "string"')
        return self._complex(avro, at)

    def _complex(self, avro: Mapping[str, Any], at: _At) -> _Found:
        base = avro.get("type")
        if isinstance(base, str) and base in KEYS and base != "record":
            check_keys(avro, KEYS[base], at.where)
        if base in ("record", "array", "map", "enum") and avro.get("logicalType") is not None:
            self._note(at.where, unread_notice(str(base), avro["logicalType"]))
        match base:
            case "record":
                return _Found(self.record(avro, at))
            case "array":
                items, single = self._items(avro.get("items"), "array", at)
                return _Found(Array(items, single))
            case "map":
                values, single = self._items(avro.get("values"), "map", at)
                return _Found(Map(values, single))
            case "enum":
                return _Found(self._named(avro, at, lambda name: parse_enum(avro, str(name), at.where)))
            case "fixed":
                return _Found(self._named(avro, at, lambda _: self._fixed(avro, at)))
            case _:
                return self._annotated(avro, at)

    def _items(self, avro: object, kind: str, at: _At) -> _Found:
        found = self.type(avro, at.below())
        if not is_stored(found.type):
            raise ContractError(
                at.where,
                f"{'an array' if kind == 'array' else 'a map'} of values that have no column",
                "give the values a type with a value, such as a record with a field",
            )
        return found

    def _annotated(self, avro: Mapping[str, Any], at: _At) -> _Found:
        check_keys(avro, ANNOTATED, at.where)
        base, logical = avro.get("type"), avro.get("logicalType")
        if is_decimal(base, logical):
            return _Found(self._decimal(avro, at, None))
        kind = sql_kind(base, avro.get("sqlType")) or (logical_kind(base, logical) if isinstance(base, str) else None)
        if kind is not None:
            return _Found(Scalar(kind))
        if logical is not None:
            self._note(at.where, unread_notice(base if isinstance(base, str) else "its type", logical))
        return self.type(base, at.below())

    def _union(self, branches: list[Any], at: _At) -> _Found:
        if not branches:
            raise ContractError(at.where, "a union without a type", 'write ["null", type]')
        others = [branch for branch in branches if branch != "null"]
        nulls = len(branches) - len(others)
        if nulls > 1:
            raise ContractError(at.where, "a union with null twice", 'write ["null", type]')
        if len(others) > 1:
            return self._several(branches, at)
        item, single = self.type(others[0] if others else "null", at.below())
        if isinstance(item, Optional | Union) or single:
            raise ContractError(at.where, "a union in a union", 'write null once: ["null", type]')
        if not nulls or not others:
            return _Found(item, self._branch_name(branches[0], at))
        return _Found(Optional(item, branches[0] == "null", self._branch_name(others[0], at)))

    def _several(self, types: list[Any], at: _At) -> _Found:
        """Parse a union of several types, whose column has a member for each of them."""
        others = [each for each in types if each != "null"]
        names = [self._branch_name(each, at) for each in others]
        refuse_twice(names, at.where)
        branches = tuple(
            self._branch(each, name, member, at)
            for each, name, member in zip(others, names, member_names(names), strict=True)
        )
        return _Found(Union(branches, types.index("null") if "null" in types else None))

    def _branch(self, avro: object, name: str, member: str, at: _At) -> Branch:
        where = f"{at.where}.{member}"
        pii = None
        if isinstance(avro, Mapping) and "pii" in avro:
            pii = parse_pii(avro["pii"], f"{where}.pii")
            avro = {key: value for key, value in avro.items() if key != "pii"}
        type_, single = self.type(avro, at._replace(where=where).below())
        if isinstance(type_, Optional | Union) or single:
            raise ContractError(where, "a union in a union", "list the types of the inner union in the outer one")
        if not is_stored(type_):
            raise ContractError(
                where,
                "a type of a union that has no column",
                'write null as "null"; give a record a field',
            )
        return Branch(name, member, type_, pii)

    def _branch_name(self, avro: object, at: _At) -> str:
        while isinstance(avro, Mapping) and isinstance(avro.get("type"), str | Mapping) and "name" not in avro:
            avro = avro["type"]
        known = self._names.full_name(avro, at.namespace) if isinstance(avro, str) and avro not in PRIMITIVES else None
        return known or branch_name(avro, at.namespace)

    def _fixed(self, avro: Mapping[str, Any], at: _At) -> Type:
        size, logical = parse_size(avro, at.where), avro.get("logicalType")
        if is_decimal("fixed", logical):
            return self._decimal(avro, at, size)
        if logical is not None:
            self._note(at.where, unread_notice("fixed", logical))
        return Fixed(size)

    def _decimal(self, avro: Mapping[str, Any], at: _At, size: int | None) -> Decimal:
        found = decimal_of(avro, at.where, size)
        if found.precision != avro["precision"]:
            self._note(at.where, decimal_notice(avro["precision"]))
        return found

    def _named(self, avro: Mapping[str, Any], at: _At, parse: Callable[[FullName], Type]) -> Type:
        name = self._names.declare(avro, at.namespace, at.where)
        return self._names.keep(name, lambda: parse(name))

    def _note(self, where: str, what: str) -> None:
        self.notices.append(f"{where}: {what}")
