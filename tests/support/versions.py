"""Random pairs of versions of a contract: what an older one may have been, so that the newer one reads it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from headrace.schemas.envelope import SchemaRef
from headrace.schemas.registry import Contract, parse_contract
from headrace.schemas.unions import branch_name
from tests.support.strategies import contracts

_DEMOTED = {"long": ["int"], "float": ["int", "long"], "double": ["int", "long", "float"]}
_DEFAULTS: dict[str, Any] = {"boolean": True, "int": -7, "long": 2**40, "float": 0.5, "double": 1e300}
_DEFAULTS |= {"string": "né", "bytes": "\u00ff\u0000"}


@st.composite
def versions(draw: st.DrawFn, unions: bool = True) -> tuple[Contract, Contract]:
    """An older contract and a newer one: fields added, removed, moved, renamed, promoted; nulls and symbols moved."""
    newer = json.loads(draw(contracts(unions=unions)).json)
    older = _older_record(draw, newer)
    old, new = (parse_contract(SchemaRef("thing_happened", 1), json.dumps(each)) for each in (older, newer))
    return old, new


def _older_record(draw: st.DrawFn, newer: dict[str, Any]) -> dict[str, Any]:
    """What *newer* may have been; gives it the defaults that it needs, in place."""
    fields = []
    for field in newer["fields"]:
        default = _default(field["type"])
        if field["name"] != "at" and default is not ... and draw(st.integers(0, 3)) == 0:
            field["default"] = default
            continue
        older = {"name": field["name"], "type": _older(draw, field["type"])}
        if field["name"] != "at" and draw(st.integers(0, 5)) == 0:
            older["name"] = f"{field['name']}_before"
            field["aliases"] = ["never", older["name"]]
        fields.append(older)
    if draw(st.booleans()):
        gone = draw(st.sampled_from(["string", {"type": "map", "values": "long"}, {"type": "array", "items": "bytes"}]))
        fields.append({"name": "gone", "type": draw(st.sampled_from([gone, "double"]))})
    if all(_is_nothing(field["type"]) for field in fields):
        fields.append({"name": "kept", "type": "int"})
    return newer | {"fields": draw(st.permutations(fields))}


def _is_nothing(type_: Any) -> bool:
    """Whether a type has no column."""
    if isinstance(type_, list):
        return all(map(_is_nothing, type_))
    if isinstance(type_, dict) and type_["type"] == "record":
        return all(_is_nothing(field["type"]) for field in type_["fields"])
    return type_ in ("null", {"type": "null"})


def _default(type_: Any) -> Any:
    """A legal default of a type, as its JSON; of a union that of its last branch. `...` if it has no column."""
    if _is_nothing(type_):
        return ...
    if isinstance(type_, list):
        return None if type_[-1] == "null" else _default(type_[-1])
    if isinstance(type_, str):
        return _DEFAULTS[type_]
    match type_["type"]:
        case "array":
            return [_default(type_["items"])] * 2
        case "map":
            return {"a": _default(type_["values"]), "é": _default(type_["values"])}
        case "enum":
            return type_["symbols"][-1]
        case "fixed":
            return "\u0000" * type_["size"]
        case "record":
            return {
                field["name"]: None if _is_nothing(field["type"]) else field.get("default", _default(field["type"]))
                for field in type_["fields"]
            }
        case "string":
            return '{"é":[1]}' if "sqlType" in type_ else "00000000-0000-0000-0000-00000000000f"
        case "bytes":
            return "\u0001"
        case _:
            return 1


def _older(draw: st.DrawFn, type_: Any) -> Any:
    if isinstance(type_, list):
        older = [each if each == "null" else _older(draw, each) for each in draw(st.permutations(type_))]
        if len(older) > 2:
            older = _apart(older if draw(st.booleans()) else older[1:])
        return older
    if isinstance(type_, str):
        return draw(st.sampled_from([type_, *_DEMOTED.get(type_, [])]))
    match type_["type"]:
        case "array":
            return type_ | {"items": _older(draw, type_["items"])}
        case "map":
            return type_ | {"values": _older(draw, type_["values"])}
        case "enum":
            return type_ | {"symbols": draw(st.permutations(type_["symbols"]))}
        case "record":
            return _older_record(draw, type_)
        case _:
            return type_


def _apart(branches: list[Any]) -> list[Any]:
    """A union without a branch of the same type as an earlier one."""
    found: dict[str, Any] = {}
    for each in branches:
        found.setdefault(branch_name(each, ""), each)
    return [*found.values()] if len(found) > 1 else [*found.values(), "boolean"]
