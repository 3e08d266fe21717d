"""Functions that expressions may call: GoogleSQL's functions, implemented by Arrow's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from headrace.sql.node import ExpressionError, Node, alike, call
from headrace.sql.types import BOOL, DATE, DATETIME, FLOAT64, INT64, NULL, STRING, TIME, TIMESTAMP, is_number, name_of

_DAY: Final = 86_400_000_000
_UNITS: Final = {
    "MICROSECOND": 1,
    "MILLISECOND": 1_000,
    "SECOND": 1_000_000,
    "MINUTE": 60_000_000,
    "HOUR": 3_600_000_000,
    "DAY": _DAY,
}
_CALENDAR: Final = ("DAY", "MONTH", "QUARTER", "YEAR")
_CLOCK: Final = ("SECOND", "MINUTE", "HOUR")
_DATE_PARTS: Final[Mapping[str, Callable[[pa.Array], pa.Array]]] = {
    "YEAR": pc.year,
    "QUARTER": pc.quarter,
    "MONTH": pc.month,
    "DAY": pc.day,
    "DAYOFYEAR": pc.day_of_year,
    "DAYOFWEEK": lambda values: pc.day_of_week(values, count_from_zero=False, week_start=7),
}
_TIME_PARTS: Final[Mapping[str, Callable[[pa.Array], pa.Array]]] = {
    "HOUR": pc.hour,
    "MINUTE": pc.minute,
    "SECOND": pc.second,
}


def arithmetic(name: str, function: Callable[[pa.Array, pa.Array], pa.Array], left: Node, right: Node) -> Node:
    """Compile a sum, difference or product: whole numbers are exact or refused, decimals keep all their digits."""
    left, right = alike(name, _number(name, left), _number(name, right))
    try:
        type_ = function(pa.array([], left.type), pa.array([], right.type)).type
    except pa.ArrowInvalid as error:
        raise ExpressionError(f"{name} has more than 76 digits", "CAST one side AS FLOAT64") from error
    return call(type_, function, left, right)


def divide(left: Node, right: Node) -> Node:
    """Compile ``a / b``; the result is FLOAT64, and a division by zero is refused."""
    return call(FLOAT64, pc.divide_checked, _float("/", left), _float("/", right))


def safe_divide(left: Node, right: Node) -> Node:
    """Compile ``SAFE_DIVIDE``, which is null if the divisor is zero."""

    def run(numbers: pa.Array, by: pa.Array) -> pa.Array:
        return pc.divide(numbers, pc.if_else(pc.equal(by, 0.0), pa.scalar(None, FLOAT64), by))

    return call(FLOAT64, run, _float("SAFE_DIVIDE", left), _float("SAFE_DIVIDE", right))


def whole_divide(left: Node, right: Node) -> Node:
    """Compile ``DIV`` of whole numbers, rounded towards zero."""
    return call(INT64, pc.divide_checked, need("DIV", left, INT64), need("DIV", right, INT64))


def modulo(left: Node, right: Node) -> Node:
    """Compile ``MOD`` of whole numbers, with the sign of the first one."""

    def run(numbers: pa.Array, by: pa.Array) -> pa.Array:
        return pc.subtract(numbers, pc.multiply(pc.divide_checked(numbers, by), by))

    return call(INT64, run, need("MOD", left, INT64), need("MOD", right, INT64))


def absolute(value: Node) -> Node:
    """Compile ``ABS``."""
    return call(_number("ABS", value).type, pc.abs_checked, value)


def negative(value: Node) -> Node:
    """Compile ``-a``."""
    return call(_number("-", value).type, pc.negate_checked, value)


def rounded(value: Node, digits: int) -> Node:
    """Compile ``ROUND``, which rounds halves away from zero."""
    value = _float("ROUND", value)
    return call(FLOAT64, lambda numbers: pc.round(numbers, digits, round_mode="half_towards_infinity"), value)


def whole(name: str, function: Callable[[pa.Array], pa.Array], value: Node) -> Node:
    """Compile ``FLOOR`` or ``CEIL``."""
    return call(FLOAT64, function, _float(name, value))


def text(name: str, function: Callable[..., pa.Array], value: Node, type_: pa.DataType = STRING) -> Node:
    """Compile a function of a text."""
    return call(type_, function, need(name, value, STRING))


def concat(*values: Node) -> Node:
    """Compile ``||`` or ``CONCAT``."""
    empty = pa.scalar("", STRING)
    texts = [need("CONCAT", value, STRING) for value in values]
    return call(STRING, lambda *columns: pc.binary_join_element_wise(*columns, empty), *texts)


def like(value: Node, pattern: str) -> Node:
    """Compile ``LIKE``, with ``%`` and ``_``."""
    return text("LIKE", lambda values: pc.match_like(values, pattern), value, BOOL)


def part(name: str, value: Node) -> Node:
    """Compile ``EXTRACT(name FROM value)``, in UTC."""
    function = None
    if value.type in (DATE, DATETIME, TIMESTAMP):
        function = _DATE_PARTS.get(name)
    if function is None and value.type in (TIME, DATETIME, TIMESTAMP):
        function = _TIME_PARTS.get(name)
    if function is None:
        known = ", ".join([*_DATE_PARTS, *_TIME_PARTS])
        raise ExpressionError(f"EXTRACT({name} FROM {name_of(value.type)}) is not known", f"known parts are {known}")
    return call(INT64, lambda values: function(_in_utc(values)).cast(INT64), value)


def truncated(name: str, unit: str, value: Node, type_: pa.DataType) -> Node:
    """Compile ``TIMESTAMP_TRUNC``, ``DATETIME_TRUNC`` or ``DATE_TRUNC``, in UTC."""
    known = _CALENDAR if type_ == DATE else (*_CLOCK, *_CALENDAR)
    if unit not in known:
        raise ExpressionError(f"{name} to {unit} is not known", f"known are {', '.join(known)}")
    value = need(name, value, type_)

    def run(values: pa.Array) -> pa.Array:
        floored = pc.floor_temporal(_in_utc(values), unit=unit.lower())
        return floored if type_ == DATE else floored.cast(INT64).cast(type_)

    return call(type_, run, value)


def difference(name: str, unit: str, left: Node, right: Node, type_: pa.DataType) -> Node:
    """Compile ``TIMESTAMP_DIFF``: the number of whole units between *right* and *left*, rounded towards zero.

    ``DATETIME_DIFF`` and ``DATE_DIFF`` count the unit boundaries between the two, as BigQuery does.
    """
    known = ("DAY",) if type_ == DATE else tuple(_UNITS)
    if unit not in known:
        raise ExpressionError(f"{name} in {unit} is not known", f"known are {', '.join(known)}")
    width = pa.int32() if type_ == DATE else INT64
    per = 1 if type_ == DATE else _UNITS[unit]

    def counted(values: pa.Array) -> pa.Array:
        begun = pc.floor_temporal(values, unit=unit.lower()) if type_ == DATETIME else values
        return begun.cast(width).cast(INT64)

    def run(until: pa.Array, since: pa.Array) -> pa.Array:
        return pc.divide(pc.subtract(counted(until), counted(since)), pa.scalar(per, INT64))

    return call(INT64, run, need(name, left, type_), need(name, right, type_))


def date_of(value: Node) -> Node:
    """Compile ``DATE(moment)``: its day in UTC."""
    if value.type not in (TIMESTAMP, DATETIME):
        raise ExpressionError(f"DATE of {name_of(value.type)} is not known", "give it a TIMESTAMP or DATETIME")
    return call(DATE, lambda values: pc.floor_temporal(_in_utc(values), unit="day").cast(DATE), value)


def need(name: str, value: Node, type_: pa.DataType) -> Node:
    """Return *value* as *type_*; raises ExpressionError if it is of another type and not null."""
    if value.type not in (type_, NULL):
        raise ExpressionError(
            f"{name} takes {name_of(type_)}, not {name_of(value.type)}", f"CAST it AS {name_of(type_)}"
        )
    return value.as_(type_)


def unit_of(node: Any) -> str:
    """Return the name of a unit or part of time."""
    return str(node.name if isinstance(node, exp.Var | exp.Literal) else node.sql(dialect="bigquery")).upper()


def _in_utc(values: pa.Array) -> pa.Array:
    """Return moments without their zone, which is always UTC: Arrow would look it up in the machine's zones."""
    return values.cast(INT64).cast(DATETIME) if values.type == TIMESTAMP else values


def _number(name: str, value: Node) -> Node:
    if not is_number(value.type) and value.type != NULL:
        raise ExpressionError(f"{name} is not defined for {name_of(value.type)}", "give it a number")
    return value.as_(INT64) if value.type == NULL else value


def _float(name: str, value: Node) -> Node:
    return _number(name, value).as_(FLOAT64)
