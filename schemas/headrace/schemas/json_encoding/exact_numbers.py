"""Exact conversion of numbers from their digits: whole numbers, decimals, and the nearest float."""

from __future__ import annotations

import decimal
import math
import struct
from typing import Final

from headrace.schemas.json_encoding.faults import Fault, Refusal
from headrace.schemas.json_encoding.plan import Code, Node
from headrace.schemas.json_encoding.tokens import Number

_SAFE_DIGITS: Final = 15  # of a decimal: a double holds each of them
_FLOAT: Final = struct.Struct("<f")
_DOUBLE: Final = struct.Struct("<d")
_HALF: Final = 0x1000_0000  # the bits of a double below those of a float, at the middle of two floats
_BELOW: Final = 0x1FFF_FFFF
_SMALLEST_NORMAL: Final = 2.0**-126
_COMPARE: Final = decimal.Context(prec=decimal.MAX_PREC, Emin=decimal.MIN_EMIN, Emax=decimal.MAX_EMAX)


def scaled(number: Number, power: int, most: int, node: Node, at: int) -> int:
    """Return the number times ten to the *power*, which has to be whole and of at most *most* digits.

    Raises:
        Refusal: it is not whole, or it has more digits.
    """
    digits, shift = number.digits, number.exponent + power
    if not digits:
        return 0
    if shift < 0:
        digits, dropped = digits[:shift], digits[shift:]
        if not digits or dropped.strip(b"0"):
            raise Refusal(Fault.NOT_WHOLE if node.code is Code.WHOLE else Fault.TOO_FINE, at, node)
        shift = 0
    if len(digits) + shift > most:
        raise Refusal(Fault.TOO_MANY_DIGITS if node.code is Code.DECIMAL else Fault.OUT_OF_RANGE, at, node)
    value: int = int(digits) * 10**shift
    return -value if number.negative else value


def ranged(value: int, node: Node, at: int) -> int:
    """Return *value*; raises Refusal if it is not from the node's low to its high."""
    if not node.low <= value <= node.high:
        raise Refusal(Fault.OUT_OF_RANGE, at, node)
    return value


def is_safe(number: Number) -> bool:
    """Return whether the number has at most 15 significant digits."""
    return len(number.digits.rstrip(b"0")) <= _SAFE_DIGITS


def floating(number: Number, node: Node, at: int) -> bytes:
    """Return the bytes of the nearest double or float.

    Raises:
        Refusal: a number other than zero would become zero, or a finite one infinite.
    """
    value = float(number.text)
    if node.code is Code.FLOAT:
        value = _nearest_float(number.text, value)
    if math.isinf(value):
        raise Refusal(Fault.BEYOND_FLOAT, at, node)
    if value == 0 and number.digits:
        raise Refusal(Fault.TOO_SMALL, at, node)
    return special(value, node)


def special(value: float, node: Node) -> bytes:
    """Return the bytes of a double or float."""
    return _FLOAT.pack(value) if node.code is Code.FLOAT else _DOUBLE.pack(value)


def _nearest_float(text: bytes, value: float) -> float:
    if is_between_floats(value):
        value = off_the_middle(text, value)
    try:
        return float(_FLOAT.unpack(_FLOAT.pack(value))[0])
    except OverflowError:
        return math.inf


def is_between_floats(value: float) -> bool:
    """Return whether a double may lie exactly in the middle of two floats."""
    bits = int.from_bytes(_DOUBLE.pack(value), "little")
    return bits & _BELOW == _HALF or 0 < abs(value) < _SMALLEST_NORMAL


def off_the_middle(text: bytes, value: float) -> float:
    """Return a double on the same side of *value*, the double nearest to *text*, as *text* is.

    A double in the middle of two floats would be rounded to the even one, whatever the further digits of the text are.
    """
    exact = decimal.Decimal(text.decode())
    order = int(_COMPARE.compare(exact, decimal.Decimal(value)))
    return math.nextafter(value, order * math.inf) if order else value


def decimal_bytes(value: int, node: Node) -> bytes:
    """Return the two's complement of *value*, as long as a fixed is, or as short as it can be."""
    size = node.size if node.size >= 0 else ((value if value >= 0 else ~value).bit_length() + 8) // 8
    return value.to_bytes(size, "big", signed=True)
