"""Avro's rules for unions: which branch of a reader's union takes a value, and what each branch of a writer becomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias, assert_never

from headrace.schemas.errors import ContractError
from headrace.schemas.model import (
    AVRO_TYPES,
    Array,
    Branch,
    Decimal,
    Enumeration,
    Fixed,
    Map,
    Optional,
    Record,
    Recursive,
    Scalar,
    Type,
    Union,
    is_nullable,
)
from headrace.schemas.no_list import NO_LIST
from headrace.schemas.stored import is_list

if TYPE_CHECKING:  # the module imports this one
    from headrace.schemas.resolve import Resolved


class Absent(Enum):
    """A branch as written that has no value: null, or a type that the reader's version cannot read."""

    NULL = "null"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of one of the *branches*, by its index as written; *nothing* is null as the reader holds it."""

    branches: tuple[Resolved | Absent, ...]
    names: tuple[str, ...]
    nothing: Any = None


@dataclass(frozen=True, slots=True)
class Member:
    """A struct in which the member at *place* has a value, and each other one has its value of *empty*."""

    place: int
    value: Resolved
    names: tuple[str, ...]
    empty: tuple[Any, ...]


Resolve: TypeAlias = Callable[[Type, Type, str], "Resolved"]


def of_union(writer: Union, reader: Type, path: str, resolve: Resolve) -> Choice:
    """Return how a value of the union *writer* is read as *reader*; a branch that cannot be read is marked.

    Raises:
        ContractError: no branch can be read.
    """
    found: list[Resolved | Absent] = []
    first: ContractError | None = None
    for branch in writer.written:
        if branch is None:
            found.append(Absent.NULL if is_nullable(reader) else Absent.UNREADABLE)
            continue
        at = f"{path}.{branch.member}"
        try:
            if isinstance(reader, Union):
                found.append(_member(branch.type, branch.name, reader, at, resolve))
            else:
                found.append(resolve(branch.type, reader, at))
        except ContractError as error:
            first = first or error
            found.append(Absent.UNREADABLE)
    if first is not None and all(isinstance(each, Absent) for each in found):
        raise first
    names = tuple("" if branch is None else branch.member for branch in writer.written)
    return Choice(tuple(found), names, NO_LIST if is_list(reader) else None)


def into_union(writer: Type, reader: Union, path: str, resolve: Resolve) -> Resolved:
    """Return how a value of *writer*, which is no union of several types, becomes a member of the union *reader*.

    Raises:
        ContractError: no branch can hold it.
    """
    if not isinstance(writer, Optional):
        return _member(writer, name_of(writer), reader, path, resolve)
    if reader.null is None:
        raise ContractError(path, "null cannot be read as its union", "keep null in the union")
    from headrace.schemas.resolve import Nullable  # here, because that module imports this one

    name = writer.branch or name_of(writer.item)
    return Nullable(_member(writer.item, name, reader, path, resolve), writer.null_first)


def _member(writer: Type, name: str, reader: Union, path: str, resolve: Resolve) -> Member:
    """Return the first branch that can hold a value of *writer*."""
    for place, branch in candidates(writer, name, reader):
        try:
            value = resolve(writer, branch.type, path)
        except ContractError:
            continue
        names = tuple(each.member for each in reader.branches)
        return Member(place, value, names, tuple(NO_LIST if is_list(each.type) else None for each in reader.branches))
    raise ContractError(path, "no branch of the union can hold it", "keep the type as a branch of the union")


def candidates(writer: Type, name: str, reader: Union) -> Iterator[tuple[int, Branch]]:
    """Yield the branches that may hold a value of *writer*, the best first, with their places.

    A branch of the same name comes first, then one of the same name without its namespace. Then come the promotions of
    Avro, so that no number changes its type while another branch holds it. A name is empty if it is not known.
    """
    places = list(enumerate(reader.branches))
    yield from (pair for pair in places if pair[1].name == name)
    yield from (pair for pair in places if pair[1].name != name and _short(pair[1].name) == _short(name))
    named = isinstance(writer, Record | Recursive | Enumeration | Fixed) and name
    yield from () if named else (pair for pair in places if _short(pair[1].name) != _short(name))


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def name_of(type_: Type) -> str:
    """Return the name of a type as a branch of a union; it is empty for an enum or a fixed."""
    match type_:
        case Scalar(kind):
            return AVRO_TYPES.get(kind, kind.value)
        case Record():
            return type_.full_name
        case Recursive(name):
            return name
        case Array():
            return "array"
        case Map():
            return "map"
        case Decimal(size=None):
            return "bytes"
        case Enumeration() | Fixed() | Decimal() | Optional() | Union():
            return ""
        case _:
            assert_never(type_)
