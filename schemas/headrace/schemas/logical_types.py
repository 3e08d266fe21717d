"""Logical types of Avro: those that make another column than their base, and notices of those that do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from headrace.schemas.avro_keys import nearest
from headrace.schemas.decimal_limits import BIGNUMERIC, MAX_SCALE, MAX_WHOLE
from headrace.schemas.errors import ContractError
from headrace.schemas.model import Decimal, Kind

_KINDS: Final = {
    ("int", "date"): Kind.DATE,
    ("int", "time-millis"): Kind.TIME_MILLIS,
    ("long", "time-micros"): Kind.TIME_MICROS,
    ("long", "timestamp-millis"): Kind.TIMESTAMP_MILLIS,
    ("long", "timestamp-micros"): Kind.TIMESTAMP_MICROS,
    ("long", "local-timestamp-millis"): Kind.LOCAL_TIMESTAMP_MILLIS,
    ("long", "local-timestamp-micros"): Kind.LOCAL_TIMESTAMP_MICROS,
    ("string", "uuid"): Kind.UUID,
}
_SQL_TYPES: Final = {("string", "JSON"): Kind.JSON}  # as BigQuery exports and loads such columns
_DECIMALS: Final = ("bytes", "fixed")


def logical_kind(base: str, logical: object) -> Kind | None:
    """Return the kind that a logical type makes of its base; None if the base stays as it is."""
    return _KINDS.get((base, logical)) if isinstance(logical, str) else None


def sql_kind(base: object, sql_type: object) -> Kind | None:
    """Return the kind that BigQuery's ``sqlType`` makes of its base; None if the base stays as it is."""
    return _SQL_TYPES.get((base, sql_type)) if isinstance(base, str) and isinstance(sql_type, str) else None


def is_decimal(base: object, logical: object) -> bool:
    """Return whether a base with a logical type is a decimal."""
    return logical == "decimal" and base in _DECIMALS


def unread_notice(base: str, logical: object) -> str:
    """Return what becomes of a value whose logical type makes no column of its own.

    >>> unread_notice("int", "time_millis")
    "the logical type 'time_millis' makes no column of its own on int: it is read as int; nearly time-millis"
    """
    known = [name for of, name in _KINDS if of == base] + (["decimal"] if base in _DECIMALS else [])
    meant = nearest(logical, known) if isinstance(logical, str) else None
    hint = f"; nearly {meant}" if meant else ""
    return f"the logical type {str(logical)[:40]!r} makes no column of its own on {base}: it is read as {base}{hint}"


def decimal_of(avro: Mapping[str, Any], where: str, size: int | None) -> Decimal:
    """Return a decimal, on a fixed of *size* bytes or on bytes.

    BIGNUMERIC holds 38 digits before the point. A larger precision, such as Kafka Connect's 64, is read as the largest
    that a column holds; an event with more digits is refused.

    Raises:
        ContractError: precision or scale are invalid, or beyond 38 digits after the point.
    """
    precision, scale = avro.get("precision"), avro.get("scale", 0)
    for number in (precision, scale):
        if isinstance(number, bool) or not isinstance(number, int):
            raise ContractError(
                where,
                "a decimal without a precision",
                "write precision, and a scale other than 0, as whole numbers",
            )
    assert isinstance(precision, int)  # noqa: S101 checked above, for the type checker
    if precision < 1 or not 0 <= scale <= min(precision, MAX_SCALE):
        raise ContractError(
            where,
            "a decimal that BIGNUMERIC cannot hold",
            f"use at most {MAX_SCALE} digits after the point (scale), and no scale beyond the precision",
        )
    if size is not None and 10**precision > 2 ** (8 * size - 1):
        fitting = len(str(2 ** (8 * size - 1))) - 1
        raise ContractError(
            where,
            f"a fixed of {size} bytes is too small for {precision} digits",
            f"use a larger size, or a precision of at most {fitting}",
        )
    return Decimal(min(precision, scale + MAX_WHOLE), scale, size)


def decimal_notice(stated: int) -> str:
    """Return what becomes of a decimal with a precision that no column holds."""
    return f"its precision is {stated}, and {BIGNUMERIC}: events with more are refused"
