"""Avro data read by ``fastavro``, in the form of a row: the oracle of the test vectors."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, cast

import fastavro
from fastavro.types import Schema

from tests.wire.row_json import in_json


def read(schema: Mapping[str, Any], payload: bytes) -> tuple[Any, int]:
    """The value of a datum, and how many bytes it has."""
    data = io.BytesIO(payload)
    value = fastavro.schemaless_reader(data, _plain(schema), None, return_named_type=True)
    return value, data.tell()


def written(schema: Mapping[str, Any], value: Any) -> bytes:
    """The bytes of a value that :func:`read` gave."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, _plain(schema), value)
    return out.getvalue()


def as_row(schema: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a record, as rows of the vectors have them."""
    return dict(_columns(schema, value, {}))


def _plain(schema: Mapping[str, Any]) -> Schema:
    return cast("Schema", {**schema, "headrace": None})


def _columns(schema: Mapping[str, Any], value: Mapping[str, Any], named: dict[str, Any]) -> Any:
    for field in schema["fields"]:
        found = value[field["name"]]
        yield field["name"], _of(field["type"], found, named)
        if field.get("is_null_column"):
            yield f"{field['name']}_is_null", found is None


def _of(type_: Any, value: Any, named: dict[str, Any]) -> Any:
    if isinstance(type_, list):
        return _of_union([each for each in type_ if each != "null"], value, named)
    described = named.get(type_, {"type": type_}) if isinstance(type_, str) else type_
    named.update({described["name"]: described} if "name" in described else {})
    match described["type"]:
        case "record":
            return dict(_columns(described, value, named))
        case "array":
            items = described["items"]
            listed = [_of(items, each, named) for each in value]
            wrapper = "value" if isinstance(items, list) else "items" if _is_list(items) else None
            return [{wrapper: each} for each in listed] if wrapper else listed
        case "map":
            return [{"key": key, "value": _of(described["values"], each, named)} for key, each in value.items()]
        case _:
            return in_json(value)


def _is_list(type_: Any) -> bool:
    return isinstance(type_, dict) and type_["type"] in ("array", "map")


def _of_union(branches: list[Any], value: Any, named: dict[str, Any]) -> Any:
    if len(branches) == 1:
        return (
            [] if value is None and _is_list(branches[0]) else None if value is None else _of(branches[0], value, named)
        )
    if value is None:
        return None
    members = {_member(each): each for each in branches}
    chosen = _chosen(value)
    value = value[1] if isinstance(value, tuple) else value
    return {
        name: _of(each, value, named) if name == chosen else [] if _is_list(each) else None
        for name, each in members.items()
    }


def _chosen(value: Any) -> str:
    match value:
        case (str() as name, _):
            return f"{name.replace('.', '_')}_value"
        case str():
            return "string_value"
        case list():
            return "array_value"
        case _:
            return "long_value"


def _member(type_: Any) -> str:
    if isinstance(type_, str):
        return f"{type_}_value"
    full = f"{type_['namespace']}_{type_['name']}" if "namespace" in type_ else type_["type"]
    return f"{full}_value"
