"""Positions of a payload's values, up to the value that the decoder refuses."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from headrace.errors import Exit, HeadraceError
from headrace.schemas.classification import Pii
from headrace.schemas.containers import FAILURES, array_reader, optional_reader, record_reader, single_reader
from headrace.schemas.decoder import compile_decoder, value_reader
from headrace.schemas.errors import UndecodableError
from headrace.schemas.model import Array, Branch, Field, Kind, Map, Optional, Record, Scalar, Type, Union
from headrace.schemas.scalars import Read
from headrace.schemas.union_readers import choice_reader

_INDEX: Final = re.compile(r"^\[[^\]]*\]")
KEPT: Final = 500  # values at the beginning, and as many before the end; a payload may hold hundreds of thousands


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value that holds no other values; its bytes are ``data[start:end]``, with the branch of its union.

    *pii* is the annotation of its field or of an enclosing field; None if it is not personal.
    """

    path: str
    start: int
    end: int
    type: Type
    value: Any = field(repr=False)
    pii: Pii | None


@dataclass(frozen=True, slots=True)
class Trace:
    """The values before *stop*, in order: the first 500 and the last 500, and *left_out* values between them.

    *stop* is ``None`` for a valid datum.
    """

    leaves: tuple[Leaf, ...]
    left_out: int
    stop: UndecodableError | None


def trace(record: Record, data: bytes) -> Trace:
    """Read *data* as a datum of *record* with the strict decoder, and return the position of every value.

    Positions count from the first byte of *data*, whether the datum begins there or behind a header.
    """
    stop = None
    try:
        compile_decoder(record, record)(data)
    except UndecodableError as error:
        stop = error
    if stop is not None and stop.offset is None:
        return Trace((), 0, stop)
    walk = _Walk(len(data) if stop is None or stop.offset is None else stop.offset)
    try:
        walk.reader(record, "", None)(data, record.header)
    except (_BeyondError, *FAILURES):
        pass  # the decoder has already reported the place and the problem
    return Trace((*walk.first, *walk.last), walk.seen - len(walk.first) - len(walk.last), stop)


def pii_at(record: Record, path: str) -> Pii | None:
    """Return the annotation of the field at *path* (such as ``items[2].price``), or of an enclosing field.

    A name may hold points. If a path could mean several fields, the annotation of any of them counts.
    """
    return _pii_among([(each.name, each.mask, each.type) for each in record.fields], path)


def _pii_among(parts: Iterable[tuple[str, Pii | None, Type]], path: str) -> Pii | None:
    """Return the annotation at *path* within fields or branches, each with its name, its annotation and its type."""
    for name, own, type_ in parts:
        if path != name and not path.startswith((f"{name}.", f"{name}[")):
            continue
        found = own or _pii_below(type_, path[len(name) :])
        if found:
            return found
    return None


def _pii_below(type_: Type, path: str) -> Pii | None:
    while isinstance(type_, Optional | Array | Map):
        if not isinstance(type_, Optional):
            path = _INDEX.sub("", path, count=1)
        type_ = type_.items if isinstance(type_, Array) else _entry(type_) if isinstance(type_, Map) else type_.item
    path = path.removeprefix(".")
    if isinstance(type_, Union):
        return _pii_among([(each.member, each.field.mask, each.type) for each in type_.branches], path)
    return pii_at(type_, path) if isinstance(type_, Record) and path else None


def _entry(map_: Map) -> Record:
    return Record("entry", (Field("key", Scalar(Kind.STRING)), Field("value", map_.values, single=map_.single)))


class _BeyondError(HeadraceError, error_code="HR-108", exit_code=Exit.BUG):
    """The walk has reached the place at which the decoder stopped."""


class _Walk:
    """Reader that uses the decoder's readers, and records the position of each value."""

    def __init__(self, limit: int) -> None:
        self.first: list[Leaf] = []
        self.last: deque[Leaf] = deque(maxlen=KEPT)
        self.seen = 0
        self._limit = limit

    def reader(self, type_: Type, path: str, pii: Pii | None) -> Read:
        match type_:
            case Record():
                return record_reader([(f.name, None, self._field(f, path, pii)) for f in type_.written], {})
            case Array():
                return self._array(type_.items, type_.single, path, pii)
            case Map():
                return self._array(_entry(type_), "", path, pii)
            case Optional(item=Record() | Array() | Map()):
                return self._optional_parts(type_, path, pii)
            case Union():
                return self._union(type_, path, pii)
            case _:
                return self._leaf(type_, path, pii)

    def _field(self, f: Field, path: str, pii: Pii | None) -> Read:
        here = f"{path}.{f.name}" if path else f.name
        return self._whole(lambda data, position: self.reader(f.type, here, pii or f.mask)(data, position), f.single)

    def _array(self, items: Type, single: str, path: str, pii: Pii | None) -> Read:
        index = count()

        def item(data: bytes, position: int) -> tuple[Any, int]:
            return self.reader(items, f"{path}[{next(index)}]", pii)(data, position)

        return array_reader(self._whole(item, single))

    def _whole(self, read: Read, single: str) -> Read:
        return single_reader(read) if single else read

    def _optional_parts(self, type_: Optional, path: str, pii: Pii | None) -> Read:
        read = optional_reader(self.reader(type_.item, path, pii), type_.null_first)

        def optional(data: bytes, position: int) -> tuple[Any, int]:
            value, end = read(data, position)
            if value is None:
                self._note(Leaf(path, position, end, type_, None, pii))
            return value, end

        return optional

    def _union(self, union: Union, path: str, pii: Pii | None) -> Read:
        readers = [("", None) if each is None else self._branch(each, path, pii) for each in union.written]
        read = choice_reader(readers, union.null, None)

        def one_of(data: bytes, position: int) -> tuple[Any, int]:
            value, end = read(data, position)
            if union.null is not None and data[position] == 2 * union.null:
                self._note(Leaf(path, position, end, union, None, pii))
            return value, end

        return one_of

    def _branch(self, branch: Branch, path: str, pii: Pii | None) -> tuple[str, Read]:
        here = f"{path}.{branch.member}"
        own = branch.pii if isinstance(branch.pii, Pii) else None
        return branch.member, lambda data, position: self.reader(branch.type, here, pii or own)(data, position)

    def _leaf(self, type_: Type, path: str, pii: Pii | None) -> Read:
        read = value_reader(type_)

        def leaf(data: bytes, position: int) -> tuple[Any, int]:
            value, end = read(data, position)
            self._note(Leaf(path, position, end, type_, value, pii))
            return value, end

        return leaf

    def _note(self, leaf: Leaf) -> None:
        if leaf.end > self._limit:
            raise _BeyondError
        self.seen += 1
        if len(self.first) < KEPT:
            self.first.append(leaf)
        else:
            self.last.append(leaf)
