"""What the decoder has read, written again: the payload's canonical form."""

from __future__ import annotations

import json
from typing import Any

from headrace.schemas.from_json import fields_from_json
from headrace.schemas.model import Array, Kind, Map, Optional, Record, Recursive, Scalar, Type, Union
from headrace.schemas.no_list import NO_LIST
from headrace.schemas.registry import Contract
from headrace.schemas.stored import stored, wrapper_of
from tests.support.builders import encode

_MILLIS = {Kind.TIME_MILLIS, Kind.TIMESTAMP_MILLIS, Kind.LOCAL_TIMESTAMP_MILLIS}


def writable(type_: Type, value: Any) -> Any:
    """What the decoder reads, as fastavro writes it."""
    match type_:
        case Optional():
            return None if value is None or value is NO_LIST else writable(type_.item, value)
        case Union():
            return None if value is None else _branch(type_, value)
        case Record():
            return {field.name: writable(field.type, value[field.name]) for field in type_.fields}
        case Array():
            name = wrapper_of(type_.items)
            return [writable(type_.items, item if name is None else item[name]) for item in value]
        case Map():
            return {entry["key"]: writable(type_.values, entry["value"]) for entry in value}
        case Recursive():
            return fields_from_json(type_.record, json.loads(value))
        case Scalar(kind) if kind in _MILLIS:
            assert value % 1000 == 0
            return value // 1000
        case _:
            return value


def _branch(union: Union, members: dict[str, Any]) -> dict[str, Any]:
    """The branch that has a value; a column of a list is never null, so an empty one counts only if no other has."""
    given = [each for each in union.branches if not (members[each.member] is None or members[each.member] is NO_LIST)]
    full = [each for each in given if members[each.member] != []]
    assert len(full) <= 1
    branch = (full or given)[0]
    return {branch.name: writable(branch.type, members[branch.member])}


def write_again(contract: Contract, values: list[Any]) -> bytes:
    """The canonical bytes of *values*, as a decoder read them."""
    named = {field.name: value for field, value in zip(stored(contract.record).fields, values, strict=True)}
    return encode(contract, writable(contract.record, named))
