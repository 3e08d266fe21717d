"""Strict readers of dates and times in JSON: text, numbers since an epoch, and arrays."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from headrace.schemas.json_encoding.exact_numbers import ranged, scaled
from headrace.schemas.json_encoding.faults import Fault, Refusal, unexpected
from headrace.schemas.json_encoding.forms import UNITS, Form
from headrace.schemas.json_encoding.plan import Code, Node
from headrace.schemas.json_encoding.tokens import (
    CLOSE_ARRAY,
    COMMA,
    Number,
    expect,
    read_number,
    read_text,
    skip_blanks,
)
from headrace.schemas.varint import write_long

_DAY: Final = rb"([0-9]{4})-([0-9]{2})-([0-9]{2})"
_CLOCK: Final = rb"([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]++))?)?"
_OFFSET: Final = rb"([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?"
_DATE: Final = re.compile(_DAY)
_TIME: Final = re.compile(_CLOCK)
_DATE_AND_TIME: Final = re.compile(_DAY + b"[Tt ]" + _CLOCK + _OFFSET)
_EPOCH: Final = date(1970, 1, 1).toordinal()
_ELEMENTS: Final = {Code.DATE: (3, 3), Code.TIME: (2, 4), Code.LOCAL_TIMESTAMP: (5, 7)}
_TEXTS: Final = frozenset({Form.TEXT, Form.UTC_TEXT, Form.MIDNIGHT})
_ARRAYS: Final = frozenset({Form.ARRAY, Form.ARRAY_MILLIS})
_DIGITS: Final = 19  # of the largest number in a unit
_CLOCK_ZERO: Final = re.compile(rb"00:00(?::00(?:[.,]0+)?)?")
_OFFSET_ZERO: Final = re.compile(rb"(?:[Zz]|[+-]00(?::?00)?)?")


def takes_text(node: Node) -> bool:
    """Return whether *node* accepts a text."""
    return not _TEXTS.isdisjoint(node.forms)


def takes_number(node: Node) -> bool:
    """Return whether *node* accepts a number."""
    return not node.forms.isdisjoint(UNITS)


def takes_array(node: Node) -> bool:
    """Return whether *node* accepts an array."""
    return not _ARRAYS.isdisjoint(node.forms)


def moment_of_number(node: Node, number: Number, at: int) -> bytes:
    """Return the Avro bytes of a number since midnight or 1970, in the unit that the convention states."""
    if Form.FRACTIONAL_SECONDS in node.forms and not number.has_point and number.exponent >= 0:
        raise Refusal(Fault.NO_FRACTION, at, node)
    return write_long(ranged(scaled(number, node.power, _DIGITS, node, at), node, at))


def moment_of_text(node: Node, data: bytes, at: int) -> tuple[bytes, int]:
    """Read a date or time from the text at *at*."""
    text, after = read_text(data, at)
    if node.code is Code.DATE:
        return write_long(_date_of_text(node, text, at)), after
    match = (_TIME if node.code is Code.TIME else _DATE_AND_TIME).fullmatch(text)
    if not match:
        raise Refusal(Fault.BAD_TEXT, at, node)
    *day, hour, minute, second, fraction = match.groups()[: 4 if node.code is Code.TIME else 7]
    offset = None if node.code is Code.TIME else match[8]
    _check_offset(node, offset, at)
    days = _days(node, [*map(int, day)], at) if day else 0
    seconds = _seconds(node, int(hour), int(minute), int(second or 0), at)
    minutes = _offset_minutes(node, offset, at)
    part = _part_of_text(node, fraction or b"", at)
    whole = (days * 86_400 + seconds - minutes * 60) * 10**node.digits + part
    return write_long(ranged(whole, node, at)), after


def moment_of_array(node: Node, data: bytes, start: int) -> tuple[bytes, int]:
    """Read a date or time from the array at *start*, such as ``[2026,11,20,5,15]``."""
    numbers, after = _numbers(node, data, start)
    days = _days(node, numbers[:3], start) if node.code is not Code.TIME else 0
    clock = (numbers if node.code is Code.TIME else numbers[3:]) + [0, 0, 0, 0]
    if node.code is Code.DATE:
        return write_long(ranged(days, node, start)), after
    seconds = _seconds(node, clock[0], clock[1], clock[2], start)
    part = _part_of_array(node, clock[3], start)
    return write_long(ranged((days * 86_400 + seconds) * 10**node.digits + part, node, start)), after


def _numbers(node: Node, data: bytes, start: int) -> tuple[list[int], int]:
    least, most = _ELEMENTS[node.code]
    numbers: list[int] = []
    at = skip_blanks(data, start + 1)
    while len(numbers) <= most and data[at] != CLOSE_ARRAY:
        if numbers:
            at = expect(data, at, COMMA)
        if data[at] not in b"-0123456789":
            raise unexpected(node, data, at)
        number, after = read_number(data, at)
        if not is_index(number, 9):
            raise Refusal(Fault.NO_MOMENT, start, node)
        numbers.append(int(number.digits or b"0"))
        at = skip_blanks(data, after)
    if not least <= len(numbers) <= most:
        raise Refusal(Fault.UNEXPECTED, start, node)
    return numbers, at + 1


def is_index(number: Number, most: int) -> bool:
    """Return whether the number is written as a whole one, not negative, of at most *most* digits."""
    plain = not number.negative and not number.has_point and not number.exponent
    return plain and len(number.digits) <= most


def _date_of_text(node: Node, text: bytes, at: int) -> int:
    match = _DATE.match(text)
    rest = text[10:]
    if not match or (Form.MIDNIGHT if rest else Form.TEXT) not in node.forms:
        raise Refusal(Fault.BAD_TEXT, at, node)
    if rest:
        whole = _DATE_AND_TIME.fullmatch(text)
        if not whole:
            raise Refusal(Fault.BAD_TEXT, at, node)
        clock = text[11 : whole.end(7) if whole[7] else whole.end(6) if whole[6] else whole.end(5)]
        if not _CLOCK_ZERO.fullmatch(clock) or not _OFFSET_ZERO.fullmatch(whole[8] or b""):
            raise Refusal(Fault.TOO_FINE, at, node)
    return ranged(_days(node, [*map(int, match.groups())], at), node, at)


def _check_offset(node: Node, offset: bytes | None, at: int) -> None:
    if node.code is Code.TIMESTAMP and offset is None and Form.UTC_TEXT not in node.forms:
        raise Refusal(Fault.NO_OFFSET, at, node)
    if node.code is Code.LOCAL_TIMESTAMP and offset is not None:
        raise Refusal(Fault.HAS_OFFSET, at, node)


def _days(node: Node, day: list[int], at: int) -> int:
    try:
        return date(*day).toordinal() - _EPOCH
    except ValueError:
        raise Refusal(Fault.NO_MOMENT, at, node) from None


def _seconds(node: Node, hour: int, minute: int, second: int, at: int) -> int:
    if second == 60:
        raise Refusal(Fault.LEAP_SECOND, at, node)
    if hour > 23 or minute > 59 or second > 59:
        raise Refusal(Fault.NO_MOMENT, at, node)
    return (hour * 60 + minute) * 60 + second


def _offset_minutes(node: Node, offset: bytes | None, at: int) -> int:
    if offset is None or offset in (b"Z", b"z"):
        return 0
    hours, minutes = int(offset[1:3]), int(offset[-2:]) if len(offset) > 3 else 0
    if hours > 23 or minutes > 59:
        raise Refusal(Fault.NO_MOMENT, at, node)
    return (hours * 60 + minutes) * (-1 if offset[0] == 0x2D else 1)


def _part_of_text(node: Node, fraction: bytes, at: int) -> int:
    digits = fraction.rstrip(b"0")
    if len(digits) > node.digits:
        raise Refusal(Fault.TOO_FINE, at, node)
    return int(digits.ljust(node.digits, b"0"))


def _part_of_array(node: Node, part: int, at: int) -> int:
    whole: int = 10**node.part
    if part >= whole:
        raise Refusal(Fault.NO_MOMENT, at, node)
    unit: int = 10**node.digits
    value, rest = divmod(part * unit, whole)
    if rest:
        raise Refusal(Fault.TOO_FINE, at, node)
    return value
