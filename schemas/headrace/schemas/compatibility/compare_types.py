"""Comparison of types in one direction: can events of a writer's version be read with a reader's version?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from headrace.schemas.compatibility.matched_fields import matched
from headrace.schemas.compatibility.rules import Break, Direction, Rule
from headrace.schemas.model import (
    INSTANTS,
    MISSING,
    NOTHING,
    Array,
    Branch,
    Decimal,
    Enumeration,
    Field,
    Kind,
    Map,
    Optional,
    Record,
    Recursive,
    Scalar,
    Type,
    Union,
    is_nullable,
    is_stored,
)
from headrace.schemas.resolve import PROMOTED, named_type
from headrace.schemas.resolve_unions import candidates, name_of

_LOCAL: Final = frozenset({Kind.LOCAL_TIMESTAMP_MILLIS, Kind.LOCAL_TIMESTAMP_MICROS})
_TIMES: Final = frozenset({Kind.TIME_MILLIS, Kind.TIME_MICROS})
_UNITS: Final = (INSTANTS, _LOCAL, _TIMES)
_ADD_FIELD: Final = "keep the type, and add a new field with a default instead"
_NEW_FIELD: Final = 'give it a default, or make it ["null", type] with "default": null'
_TWO_STEPS: Final = "keep it, or give it a default in a version of its own, and remove it in the next"


class Reading:
    """The walk through two versions in one *direction*. Paths are those of the newer version where it has the field."""

    def __init__(self, direction: Direction) -> None:
        self._direction = direction
        self._is_backward = direction is Direction.BACKWARD
        self._inside: set[tuple[str, str]] = set()  # records within themselves that are being compared

    def record(self, writer: Record, reader: Record, path: str = "") -> Iterator[Break]:
        """Yield what keeps events of *writer* from being read with *reader*; *path* is empty, or ends with a point."""
        pair = writer.full_name, reader.full_name
        if pair in self._inside:
            return
        self._inside.add(pair)
        pairs = matched(writer, reader)
        for one, other in pairs:
            yield from self._field(one, other, f"{path}{other.name if self._is_backward else one.name}")
        found = {id(other) for _, other in pairs}
        for field in reader.written:
            if id(field) not in found and field.default is MISSING and is_stored(field.type):
                yield self._missing(field, f"{path}{field.name}")
        self._inside.discard(pair)

    def _missing(self, field: Field, path: str) -> Break:
        if self._is_backward:
            why = "it is new and has no default, so older events have no value for it"
            return Break(Rule.FIELD_ADDED_WITHOUT_DEFAULT, path, why, _NEW_FIELD, self._direction)
        why = "it is gone under this name, and readers of the older version have no default for it"
        return Break(Rule.FIELD_REMOVED, path, why, _TWO_STEPS, self._direction)

    def _field(self, writer: Field, reader: Field, path: str) -> Iterator[Break]:
        is_same = writer.type == reader.type
        is_null = writer.type == NOTHING and reader.optional
        if not (is_same or is_null):
            yield from self.type(writer.type, reader.type, path)

    def type(self, writer: Type, reader: Type, path: str) -> Iterator[Break]:
        """Yield what keeps values of *writer* from being read as *reader*."""
        match writer, reader:
            case (Union(), _) | (_, Union()):
                yield from self._unions(writer, reader, path)
            case Optional(), _:
                if not isinstance(reader, Optional):
                    yield self._null(path)
                yield from self.type(writer.item, reader.item if isinstance(reader, Optional) else reader, path)
            case _, Optional():
                yield from self.type(writer, reader.item, path)
            case ((Record() | Recursive()), (Record() | Recursive())):
                yield from self._records(writer, reader, path)
            case Array(one), Array(other):
                yield from self.type(one, other, path)
            case Map(one), Map(other):
                yield from self.type(one, other, path)
            case Enumeration(), Enumeration():
                yield from self._symbols(writer, reader, path)
            case _:
                yield from self._values(writer, reader, path)

    def _records(self, writer: Record | Recursive, reader: Record | Recursive, path: str) -> Iterator[Break]:
        if (writer == NOTHING) != (reader == NOTHING):
            yield self._changed(Rule.TYPE_CHANGED, writer, reader, path)
            return
        one = writer.record if isinstance(writer, Recursive) else writer
        other = reader.record if isinstance(reader, Recursive) else reader
        yield from self.record(one, other, f"{path}.")

    def _values(self, writer: Type, reader: Type, path: str) -> Iterator[Break]:
        match writer, reader:
            case Decimal(), Decimal():
                if (writer.precision, writer.scale) != (reader.precision, reader.scale):
                    yield self._changed(Rule.DECIMAL_CHANGED, writer, reader, path)
                elif writer.size != reader.size and not self._is_backward:  # the job reads them, Avro does not
                    yield self._changed(Rule.TYPE_CHANGED, writer, reader, path)
            case Scalar(kind), Scalar(into):
                if kind is not into and (kind, into) not in PROMOTED:
                    unit = any(kind in kinds and into in kinds for kinds in _UNITS)
                    rule = Rule.TIMESTAMP_UNIT_CHANGED if unit else Rule.TYPE_CHANGED
                    yield self._changed(rule, writer, reader, path)
            case _ if writer != reader:
                yield self._changed(Rule.TYPE_CHANGED, writer, reader, path)

    def _symbols(self, writer: Enumeration, reader: Enumeration, path: str) -> Iterator[Break]:
        gone = [each for each in writer.symbols if each not in reader.symbols]
        if not gone or reader.default is not None:
            return
        listed = f"symbol {gone[0]}" if len(gone) == 1 else f"symbols {', '.join(gone)}"
        verb = "is" if len(gone) == 1 else "are"
        if self._is_backward:
            remedy = "keep it, or give the enum a default"
            yield Break(Rule.ENUM_SYMBOL_REMOVED, path, f"{listed} {verb} gone", remedy, self._direction)
        else:
            why = f"{listed} {verb} new, and readers of the older version have no default for it"
            remedy = "give the enum a default in a version of its own, and add the symbol in the next"
            yield Break(Rule.ENUM_SYMBOL_ADDED, path, why, remedy, self._direction)

    def _unions(self, writer: Type, reader: Type, path: str) -> Iterator[Break]:
        if is_nullable(writer) and not is_nullable(reader):
            yield self._null(path)
        for name, member, type_ in _branches(writer):
            at = f"{path}.{member}" if member else path
            best: Sequence[Break] | None = None
            for is_same, other in _readers(type_, name, reader):
                found = list(self.type(type_, other, at))
                if not found:
                    break
                best = found if best is None and is_same else best
            else:
                yield from best or [self._lost(type_, at)]

    def _lost(self, type_: Type, path: str) -> Break:
        version = "this version" if self._is_backward else "the older version"
        why = f"the union of {version} has no type that holds {named_type(type_)}"
        return Break(Rule.TYPE_CHANGED, path, why, "keep every type of the union", self._direction)

    def _null(self, path: str) -> Break:
        if self._is_backward:
            why = "null is gone, and older events may have it"
            return Break(Rule.TYPE_CHANGED, path, why, "keep null in the union", self._direction)
        why = "null is new, and readers of the older version do not allow it"
        return Break(Rule.TYPE_CHANGED, path, why, _ADD_FIELD, self._direction)

    def _changed(self, rule: Rule, writer: Type, reader: Type, path: str) -> Break:
        old, new = (writer, reader) if self._is_backward else (reader, writer)
        who = "older events cannot be read" if self._is_backward else "readers of the older version fail on new events"
        why = f"{named_type(old)} becomes {named_type(new)}, so {who}"
        return Break(rule, path, why, _ADD_FIELD, self._direction)


def _branches(writer: Type) -> Iterator[tuple[str, str, Type]]:
    """Yield name, member and type of what a writer may write, without null; no member for the only type."""
    match writer:
        case Union(branches):
            yield from ((each.name, each.member, each.type) for each in branches)
        case Optional(item):
            yield writer.branch or name_of(item), "", item
        case _:
            yield name_of(writer), "", writer


def _readers(writer: Type, name: str, reader: Type) -> Iterator[tuple[bool, Type]]:
    """Yield the types that may hold a value of *writer*, the best first, and whether each has the same name."""
    match reader:
        case Union():
            yield from ((_is_same(each, name), each.type) for _, each in candidates(writer, name, reader))
        case Optional(item):
            yield True, item
        case _:
            yield True, reader


def _is_same(branch: Branch, name: str) -> bool:
    return branch.name.rpartition(".")[2] == name.rpartition(".")[2]
