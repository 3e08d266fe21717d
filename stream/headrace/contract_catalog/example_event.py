"""An event of a contract that shows the form of each value, in the JSON that ``headrace publish`` reads."""

from __future__ import annotations

import base64
from typing import Any, Final, assert_never

from headrace.schemas.model import (
    Array,
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

_SCALARS: Final = {
    Kind.BOOLEAN: True,
    Kind.INT: 12,
    Kind.LONG: 12,
    Kind.FLOAT: 1.5,
    Kind.DOUBLE: 1.5,
    Kind.STRING: "text",
    Kind.BYTES: base64.b64encode(b"bytes").decode(),
    Kind.UUID: "0f8fad5b-d9cb-469f-a165-70867728950e",
    Kind.JSON: '{"key":"value"}',
    Kind.DATE: "2026-03-14",
    Kind.TIME_MILLIS: "15:09:26",
    Kind.TIME_MICROS: "15:09:26",
    Kind.TIMESTAMP_MILLIS: "2026-03-14T15:09:26Z",
    Kind.TIMESTAMP_MICROS: "2026-03-14T15:09:26Z",
    Kind.LOCAL_TIMESTAMP_MILLIS: "2026-03-14T15:09:26",
    Kind.LOCAL_TIMESTAMP_MICROS: "2026-03-14T15:09:26",
}


def example_event(record: Record, *, is_full: bool = True) -> dict[str, Any]:
    """Return the fields of an event; without *is_full*, optional values are null, and lists and maps are empty."""
    return {field.name: _of_field(field, is_full) for field in record.fields}


def _of_field(field: Field, is_full: bool) -> Any:
    """Return the value of a field; a text is the name of its field in words."""
    text = " ".join(field.name.split("_")).strip()
    return _value(field.type, is_full, text or field.name)


def _value(type_: Type, is_full: bool, text: str) -> Any:
    match type_:
        case Optional(item):
            return _value(item, is_full, text) if is_full else None
        case Array(items):
            return [_value(items, is_full, text)] if is_full else []
        case Map(values):
            return {"key": _value(values, is_full, text)} if is_full else {}
        case Union():
            return _of_union(type_, is_full, text)
        case Record():
            return example_event(type_, is_full=is_full)
        case Recursive():
            return example_event(type_.record, is_full=False)
        case Enumeration(symbols):
            return symbols[0]
        case Fixed(size):
            return base64.b64encode(bytes(size)).decode()
        case Decimal(precision, scale):
            digits = "12345"[: min(precision - scale, 2) or 1] if precision > scale else "0"
            return f"{digits}.{'5'.ljust(scale, '0')}" if scale else digits
        case Scalar(kind):
            return text if kind is Kind.STRING else _SCALARS[kind]
        case _:
            assert_never(type_)


def _of_union(union: Union, is_full: bool, text: str) -> Any:
    """Return a value of the first type; where it has to end, null, or a type that is not the record itself."""
    if not is_full and union.null is not None:
        return None
    ends = [each for each in union.branches if not isinstance(each.type, Recursive)]
    branch = (ends or union.branches)[0]
    return {branch.name: _value(branch.type, is_full, text)}
