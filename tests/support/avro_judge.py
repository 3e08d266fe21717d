"""What fastavro makes of an event that it reads with the schema of another version.

fastavro applies the logical types of the writer. A program that only has the reader's schema applies those of the
reader, so values are resolved without logical types first, and then understood as the reader's schema says.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import fastavro
from fastavro.read import SchemaResolutionError

UNREADABLE = (ValueError, TypeError, KeyError, IndexError, EOFError, OverflowError, SchemaResolutionError)


def is_misread(data: bytes, writer: Any, reader: Any) -> bool:
    """Whether an event cannot be read, or a field of both versions has another value when it is read."""
    try:
        plain = fastavro.schemaless_reader(
            io.BytesIO(data), without_logical_types(writer), without_logical_types(reader)
        )
        again = io.BytesIO()
        fastavro.schemaless_writer(again, without_logical_types(reader), plain)
        understood = fastavro.schemaless_reader(io.BytesIO(again.getvalue()), reader)
    except UNREADABLE:
        return True
    meant = fastavro.schemaless_reader(io.BytesIO(data), writer)
    return not _is_same(meant, understood, enum_defaults(reader))


def without_logical_types(schema: Any) -> Any:
    """The schema as a tree of bare Avro types."""
    match schema:
        case Mapping():
            return {key: without_logical_types(value) for key, value in schema.items() if key != "logicalType"}
        case list():
            return [without_logical_types(each) for each in schema]
        case _:
            return schema


def enum_defaults(schema: Any) -> set[str]:
    """The defaults of all enums of a schema: what a symbol that a version does not know is read as."""
    match schema:
        case Mapping():
            own = {schema["default"]} if schema.get("type") == "enum" and "default" in schema else set()
            return own.union(*(enum_defaults(each) for each in schema.values()))
        case list():
            return set().union(*(enum_defaults(each) for each in schema))
        case _:
            return set()


def _is_same(meant: Any, understood: Any, defaults: set[str]) -> bool:
    match meant, understood:
        case dict(), dict():
            return all(_is_same(meant[key], understood[key], defaults) for key in meant.keys() & understood.keys())
        case list(), list():
            pairs = zip(meant, understood, strict=True)
            return all(_is_same(one, other, defaults) for one, other in pairs)
        case (bool(), _) | (_, bool()):
            return meant is understood
        case ((int() | float()), (int() | float())):
            return bool(meant == understood)
        case _:
            return type(meant) is type(understood) and (meant == understood or understood in defaults)
