"""Types of expressions as Arrow types, and conversions between them."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

BOOL: Final = pa.bool_()
INT64: Final = pa.int64()
FLOAT64: Final = pa.float64()
STRING: Final = pa.string()
BYTES: Final = pa.binary()
DATE: Final = pa.date32()
TIME: Final = pa.time64("us")
DATETIME: Final = pa.timestamp("us")
TIMESTAMP: Final = pa.timestamp("us", "UTC")
NULL: Final = pa.null()
_INT64_AS_NUMERIC: Final = pa.decimal128(19, 0)
_NAMES: Final = {
    BOOL: "BOOL",
    INT64: "INT64",
    FLOAT64: "FLOAT64",
    STRING: "STRING",
    BYTES: "BYTES",
    DATE: "DATE",
    TIME: "TIME",
    DATETIME: "DATETIME",
    TIMESTAMP: "TIMESTAMP",
    NULL: "NULL",
}
_ORDERED: Final = frozenset({BOOL, INT64, FLOAT64, STRING, BYTES, DATE, TIME, DATETIME, TIMESTAMP})


def name_of(type_: pa.DataType) -> str:
    """Return GoogleSQL's name of a type.

    >>> name_of(pa.int64())
    'INT64'
    """
    return _NAMES.get(type_) or ("NUMERIC" if pa.types.is_decimal(type_) else "STRUCT or ARRAY")


def of_column(type_: pa.DataType) -> pa.DataType:
    """Return the type of a column in expressions: all integers are INT64, and all floating-point numbers FLOAT64."""
    if pa.types.is_integer(type_):
        return INT64
    return FLOAT64 if pa.types.is_floating(type_) else type_


def is_number(type_: pa.DataType) -> bool:
    """Return whether the type supports arithmetic."""
    return type_ in (INT64, FLOAT64) or pa.types.is_decimal(type_)


def is_ordered(type_: pa.DataType) -> bool:
    """Return whether values of the type can be compared."""
    return type_ in _ORDERED or pa.types.is_decimal(type_)


def common(left: pa.DataType, right: pa.DataType) -> pa.DataType | None:
    """Return the type to which both can be converted without loss, as in GoogleSQL; None without one."""
    if left == right or right == NULL:
        return left
    if left == NULL:
        return right
    if not (is_number(left) and is_number(right)):
        return None
    if FLOAT64 in (left, right):
        return FLOAT64
    one, other = (_INT64_AS_NUMERIC if each == INT64 else each for each in (left, right))
    scale = max(one.scale, other.scale)
    digits = max(one.precision - one.scale, other.precision - other.scale)
    return pa.decimal256(digits + scale, scale) if digits + scale <= 76 else None


def cast(values: pa.Array, type_: pa.DataType) -> pa.Array:
    """Convert values to another type; raises ArrowInvalid if one does not fit."""
    if values.type == type_:
        return values
    if values.type == FLOAT64 and type_ == INT64:
        values = pc.round(values, round_mode="half_towards_infinity")
    if values.type == INT64 and pa.types.is_floating(type_):
        return values.cast(type_, safe=False)  # rounded beyond 2^53
    if values.type == INT64 and pa.types.is_decimal(type_):  # Arrow demands room for any INT64, whatever the values are
        values = values.cast(pa.decimal256(19 + type_.scale, type_.scale))
    return values.cast(type_)


def may_become(type_: pa.DataType, declared: pa.DataType) -> bool:
    """Return whether an expression's values can be stored in a column of the *declared* type if they fit."""
    if type_ == NULL or of_column(declared) == type_:
        return True
    return (type_ == INT64 and is_number(of_column(declared))) or bool(
        pa.types.is_decimal(declared) and pa.types.is_decimal(type_)
    )
