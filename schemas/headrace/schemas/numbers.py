"""Strict readers of numbers; every module that reads a number from text or JSON uses them.

Digits are ASCII, without separators. No digit is lost: a number that a field cannot hold is refused. Only ``float`` and
``double``, which are approximate, take the nearest value; a number that would become infinite or zero is refused.
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
_LARGEST_POWER: Final = 400  # of ten; no number beyond it fits into a column of a contract
_BLANKS: Final = " \t"
_FLOAT: Final = struct.Struct("<f")
_EXACT: Final = Context(prec=MAX_DIGITS, traps=[Inexact, InvalidOperation])


def read_decimal(text: str) -> Decimal:
    """Read a finite number with all its digits.

    Raises:
        UnreadableTextError: the text is not a finite number; the error never contains the text.
    """
    text = text.strip(_BLANKS)
    if len(text) > MAX_DIGITS or not _NUMBER.fullmatch(text):
        raise UnreadableTextError(_WRITE)
    return Decimal(text)


def read_whole(text: str) -> int:
    """Read a whole number; ``12.0`` is one too.

    Raises:
        UnreadableTextError: the text is not a whole number; the error never contains the text.
    """
    text = text.strip(_BLANKS)
    if _WHOLE.fullmatch(text):
        return int(text)
    try:
        return whole(read_decimal(text))
    except UnreadableTextError as error:
        raise UnreadableTextError(_WRITE_WHOLE, error.why) from None


def read_floating(text: str, single: bool = False) -> float:
    """Read a number as the nearest double, or as a float if *single*; NaN and infinities only by name.

    Raises:
        UnreadableTextError: the text is not a number, or it would become infinite or zero; the error never contains the
            text.
    """
    text = text.strip(_BLANKS)
    return float(text) if text.lower() in _SPECIAL else floating(read_decimal(text), single)


def whole(value: Decimal) -> int:
    """Convert a number without a fraction into an integer.

    Raises:
        UnreadableTextError: the number has a fraction, or it is not finite.
    """
    if not value.is_finite() or value.adjusted() > _LARGEST_POWER or value != value.to_integral_value():
        raise UnreadableTextError(_WRITE_WHOLE, "a number that is not whole")
    return int(value)


def floating(value: Decimal, single: bool = False) -> float:
    """Convert a number into the nearest double; *single* checks that a float can hold it too.

    Raises:
        UnreadableTextError: a finite number would become infinite, or a number other than zero would become zero.
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
    """Return a finite number with exactly *scale* digits after the point: 12.5 and 12.500 become 12.50.

    Returns None if that would lose a digit, or needs more than *precision* digits. Zero has no sign. The cost does not
    depend on the number of digits or zeros of *value*.
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
    """Convert a number, or a text with one, into a decimal with all its digits; a double as Python prints it.

    Raises:
        UnreadableTextError: the value is not a finite number; booleans are not numbers.
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
    """Convert a number of units into microseconds; one unit has *each* microseconds.

    Raises:
        UnreadableTextError: the value is not a number, or it is finer than a microsecond.
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


def beyond_remedy(kind: str) -> str:
    """Return the remedy for a number that a float or a double does not hold."""
    return "use a double in the contract" if kind == "float" else "use a decimal in the contract"
