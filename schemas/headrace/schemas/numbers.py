"""Strict readers of numbers; whatever reads one of them out of a text or out of JSON reads it here.

Digits are ASCII's, without separators. Nothing is cut: a number that a field cannot hold is refused. Only for ``float``
and ``double``, which are approximate by nature, the nearest value is taken; a number that would become infinite or zero
is refused.
"""

from __future__ import annotations

import math
import re
import struct
from decimal import Context, Decimal, Inexact, InvalidOperation
from fractions import Fraction
from functools import cache
from typing import Any, Final

from headrace.schemas.errors import UnreadableTextError

MAX_DIGITS: Final = 1_000
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,5})?")
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,40}")
_SPECIAL: Final = frozenset({"nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"})
_LARGEST_POWER: Final = 400  # of ten; beyond it nothing that a contract can hold begins
_BLANKS: Final = " \t"
_FLOAT: Final = struct.Struct("<f")
_EXACT: Final = Context(prec=MAX_DIGITS, traps=[Inexact, InvalidOperation])


def read_decimal(text: str) -> Decimal:
    """Read a finite number, every digit of it.

    Raises:
        UnreadableTextError: the text is no such number; the error never shows the text.
    """
    text = text.strip(_BLANKS)
    if len(text) > MAX_DIGITS or not _NUMBER.fullmatch(text):
        raise UnreadableTextError(_WRITE)
    return Decimal(text)


def read_whole(text: str) -> int:
    """Read a whole number; ``12.0`` is one too.

    Raises:
        UnreadableTextError: the text is no such number; the error never shows the text.
    """
    text = text.strip(_BLANKS)
    if _WHOLE.fullmatch(text):
        return int(text)
    try:
        return whole(read_decimal(text))
    except UnreadableTextError as error:
        raise UnreadableTextError(_WRITE_WHOLE, error.why) from None


def read_floating(text: str, single: bool = False) -> float:
    """Read a number as the nearest double (*single*: to be a float); NaN and infinities only by their names.

    Raises:
        UnreadableTextError: the text is no such number, or would become infinite or zero; the error never shows the
            text.
    """
    text = text.strip(_BLANKS)
    return float(text) if text.lower() in _SPECIAL else floating(read_decimal(text), single)


def whole(value: Decimal) -> int:
    """Turn a number without a fraction into an integer.

    Raises:
        UnreadableTextError: it has a fraction, or is none.
    """
    if not value.is_finite() or value.adjusted() > _LARGEST_POWER or value != value.to_integral_value():
        raise UnreadableTextError(_WRITE_WHOLE, "a number that is not whole")
    return int(value)


def floating(value: Decimal, single: bool = False) -> float:
    """Turn a number into the nearest double; *single*: it is to be a float.

    Raises:
        UnreadableTextError: a finite number would become infinite, or one that is not zero would become zero.
    """
    if value.is_snan():
        raise UnreadableTextError("write NaN", "a signalling NaN")
    nearest = float(value)
    if not value.is_finite():
        return nearest
    name = "float" if single else "double"
    if math.isinf(nearest):
        raise UnreadableTextError("use a decimal in the contract", f"a number beyond a {name}")
    held = _FLOAT.unpack(_FLOAT.pack(nearest))[0] if single and abs(nearest) < 1 else nearest
    if value and not held:
        raise UnreadableTextError("use a decimal in the contract", f"a number too small for a {name}")
    return nearest


def at_scale(value: Decimal, precision: int, scale: int) -> Decimal | None:
    """Write a finite number with exactly *scale* digits after the point: 12.5 and 12.500 are 12.50.

    None where that would lose a digit, or takes more than *precision* digits. Zero has no sign. However many digits or
    zeros *value* has, none are written out.
    """
    if not value:
        return Decimal((0, (0,), -scale))
    if value.adjusted() >= precision - scale:
        return None
    try:
        return value.quantize(_unit(scale), context=_EXACT)
    except Inexact:
        return None


@cache
def _unit(scale: int) -> Decimal:
    return Decimal((0, (1,), -scale))


def exact(value: Any) -> Decimal:
    """Turn a number of JSON or of a file, or a text that says one, into all its digits; a double as it is printed.

    Raises:
        UnreadableTextError: it is no finite number: booleans are none.
    """
    match value:
        case bool():
            raise UnreadableTextError(_WRITE, "a boolean, which is no number")
        case int():
            return Decimal(value)
        case float() if math.isfinite(value):
            return read_decimal(repr(value))
        case Decimal() if value.is_finite():
            return value
        case str():
            return read_decimal(value)
        case _:
            raise UnreadableTextError(_WRITE, f"no number (got {type(value).__name__})")


def micros_of(value: Any, each: int) -> int:
    """Count the microseconds of a number of units; *each* unit has so many.

    Raises:
        UnreadableTextError: it is no number, or finer than a microsecond.
    """
    number = exact(value)
    if number.adjusted() > _LARGEST_POWER:
        raise UnreadableTextError("check its unit", "outside years 1 to 9999 in UTC")
    if number and number.adjusted() < -_LARGEST_POWER:
        raise UnreadableTextError("round it", "finer than a microsecond")
    micros = Fraction(number) * each
    if micros.denominator != 1:
        raise UnreadableTextError("round it", "finer than a microsecond")
    return int(micros)


_WRITE: Final = 'write a number such as "12.50"'
_WRITE_WHOLE: Final = "write a whole number"
