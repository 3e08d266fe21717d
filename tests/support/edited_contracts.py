"""Random changes of contracts, as people make them: one field or one type is another one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from hypothesis import strategies as st

from headrace.schemas.envelope import SchemaRef
from headrace.schemas.errors import ContractError
from headrace.schemas.registry import Contract, parse_contract
from tests.support.strategies import contracts

_TYPES = [
    *("boolean", "int", "long", "float", "double", "string", "bytes"),
    {"type": "string", "sqlType": "JSON"},
    *({"type": "string", "logicalType": name} for name in ("uuid",)),
    *({"type": "int", "logicalType": name} for name in ("date", "time-millis")),
    *(
        {"type": "long", "logicalType": f"{name}-{unit}"}
        for name in ("timestamp", "local-timestamp")
        for unit in ("millis", "micros")
    ),
    *({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": scale} for scale in (2, 3)),
    {"type": "enum", "name": "Colour", "symbols": ["red", "blue"]},
    {"type": "fixed", "name": "Four", "size": 4},
    {"type": "array", "items": "string"},
    {"type": "map", "values": "int"},
    {"type": "record", "name": "Point", "fields": [{"name": "x", "type": "int"}]},
]
_WIDER = {"int": "long", "long": "double", "float": "double"}
_OTHER_UNIT = {"millis": "micros", "micros": "millis"}


class Versions(NamedTuple):
    """Two versions of a contract."""

    old: Contract
    new: Contract


@st.composite
def versions(draw: st.DrawFn, edits: int = 1, unions: bool = True) -> Versions:
    """A contract, and a version of it with up to *edits* changes that the lint accepts; most often with changes."""
    old = draw(contracts(unions=unions))
    given = json.loads(old.json)
    for _ in range(draw(st.integers(1, edits))):
        record = draw(st.sampled_from(list(_records(given))))
        draw(st.sampled_from([_retype, _retype, _retype, _add, _remove, _rename, _default]))(draw, record)
    try:
        return Versions(old, parse_contract(SchemaRef(old.subject, 2), json.dumps(given)))
    except ContractError:  # of a type that does not fit, or a name twice
        return Versions(old, parse_contract(SchemaRef(old.subject, 2), old.json))


def _records(schema: Any) -> Iterator[dict[str, Any]]:
    """Every record of a schema that has a field."""
    if isinstance(schema, dict):
        if schema.get("type") == "record" and schema["fields"]:
            yield schema
        for key in ("fields", "type", "items", "values"):
            yield from _records(schema.get(key))
    if isinstance(schema, list):
        for each in schema:
            yield from _records(each)


def _field(draw: st.DrawFn, record: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = draw(
        st.sampled_from([each for each in record["fields"] if each["name"] != "at"] or record["fields"])
    )
    return found


def _retype(draw: st.DrawFn, record: dict[str, Any]) -> None:
    field = _field(draw, record)
    field["type"] = _changed(draw, field["type"])
    field.pop("default", None)


def _changed(draw: st.DrawFn, type_: Any) -> Any:
    """Another type, often one that is much like it."""
    if type_ == {"type": "null"} or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(_TYPES))
    if isinstance(type_, list):
        return _other_union(draw, type_)
    if isinstance(type_, str):
        return draw(st.sampled_from([_WIDER.get(type_, "string"), ["null", type_], {"type": "array", "items": type_}]))
    changed = dict(type_)
    for key in ("items", "values"):
        if key in changed:
            return changed | {key: _changed(draw, changed[key])}
    if "symbols" in changed:
        return _other_enum(draw, changed)
    if "precision" in changed:
        return changed | {"scale": max(0, changed["scale"] - 1)}
    if changed.get("logicalType", "").startswith(("timestamp", "local")):
        base, _, unit = changed["logicalType"].rpartition("-")
        return changed | {"logicalType": f"{base}-{_OTHER_UNIT[unit]}"}
    if "size" in changed and "logicalType" not in changed:
        return changed | {"size": changed["size"] + 1}
    return draw(st.sampled_from([["null", type_], draw(st.sampled_from(_TYPES))]))


def _other_union(draw: st.DrawFn, types: list[Any]) -> Any:
    if len(types) > 2 and draw(st.booleans()):
        gone = draw(st.integers(0, len(types) - 1))
        return types[:gone] + types[gone + 1 :]
    if "null" in types and draw(st.booleans()):
        others = [each for each in types if each != "null"]
        return others[0] if len(others) == 1 else others
    number = draw(st.integers(0, len(types) - 1))
    more = [each for each in ("null", "boolean", "double") if each not in types]
    return draw(
        st.sampled_from(
            [
                types[::-1],
                [*types, draw(st.sampled_from(more))] if more else types,
                [*types[:number], _changed(draw, types[number]), *types[number + 1 :]]
                if types[number] != "null"
                else types,
            ]
        )
    )


def _other_enum(draw: st.DrawFn, enum: dict[str, Any]) -> dict[str, Any]:
    symbols = list(enum["symbols"])
    if len(symbols) > 1 and draw(st.booleans()):
        symbols.pop(draw(st.integers(0, len(symbols) - 1)))
    else:
        symbols.append("NEW")
    default = {"default": symbols[0]} if draw(st.booleans()) else {}
    return enum | {"symbols": symbols} | default


def _add(draw: st.DrawFn, record: dict[str, Any]) -> None:
    type_, default = draw(
        st.sampled_from(
            [("int", 7), ("string", "text"), (["null", "long"], None), ({"type": "array", "items": "int"}, [1])]
        )
    )
    more = {"default": default} if draw(st.booleans()) else {}
    place = draw(st.integers(0, len(record["fields"])))
    record["fields"].insert(place, {"name": "added", "type": type_, **more})


def _remove(draw: st.DrawFn, record: dict[str, Any]) -> None:
    if len(record["fields"]) > 1:
        record["fields"].remove(_field(draw, record))


def _rename(draw: st.DrawFn, record: dict[str, Any]) -> None:
    field = _field(draw, record)
    if field["name"] != "at":
        field["aliases"] = [field["name"]] if draw(st.booleans()) else []
        field["name"] = "renamed"


def _default(draw: st.DrawFn, record: dict[str, Any]) -> None:
    field = _field(draw, record)
    if isinstance(field["type"], list) and "null" in field["type"]:
        field["default"] = None
