"""Strict reader of JSON's tokens in UTF-8: blanks, texts, numbers, and values that are passed over.

A fault of a text or a number has the offset of its first byte, one of the structure the offset of the wrong byte.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from headrace.schemas.json_encoding.faults import MAX_NUMBER, MAX_SKIPPED, Fault, Refusal

_BLANKS: Final = re.compile(rb"[ \t\n\r]*")
_TEXT: Final = re.compile(rb'(?:[^"\\\x00-\x1f]++|\\[\x00-\xff])*+')
_NUMBER: Final = re.compile(rb"(-?)(0|[1-9][0-9]*+)(?:\.([0-9]++))?(?:[eE]([+-]?[0-9]++))?")
_NUMBER_AS_TEXT: Final = re.compile(rb"([+-]?)([0-9]*+)(?:\.([0-9]*+))?(?:[eE]([+-]?[0-9]++))?")
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPED: Final = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LITERALS: Final = {0x74: b"true", 0x66: b"false", 0x6E: b"null"}
_CLOSING: Final = {0x7B: 0x7D, 0x5B: 0x5D}
_BLANK: Final = frozenset(b" \t\n\r")
QUOTE, COMMA, COLON, MINUS = b'",:-'
OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY = b"{}[]"
_LARGEST_EXPONENT: Final = 100_000  # beyond it, every number is beyond every type


class Number(NamedTuple):
    """A number: its digits without leading zeros, and the exponent of ten of the last digit."""

    negative: bool
    digits: bytes
    exponent: int
    has_point: bool
    text: bytes


def skip_blanks(data: bytes, at: int) -> int:
    """Return the position of the next byte that is not blank; raises Refusal at the end of the data."""
    if at < len(data) and data[at] in _BLANK:
        at = after_blanks(data, at)
    if at == len(data):
        raise Refusal(Fault.ENDS, at)
    return at


def after_blanks(data: bytes, at: int) -> int:
    """Return the position after blanks, which may be the end of the data."""
    match = _BLANKS.match(data, at)
    assert match  # noqa: S101 it matches nothing, too
    return match.end()


def expect(data: bytes, at: int, byte: int) -> int:
    """Return the position after *byte* and the blanks behind it; raises Refusal if another byte is at *at*."""
    if data[at] != byte:
        raise Refusal(Fault.NOT_JSON, at)
    return skip_blanks(data, at + 1)


def read_text(data: bytes, at: int) -> tuple[bytes, int]:
    """Read the text whose opening quote is at *at*, as UTF-8 without escapes."""
    match = _TEXT.match(data, at + 1)
    assert match  # noqa: S101 it matches nothing, too
    end = match.end()
    if end == len(data) or data[end] == 0x5C:
        raise Refusal(Fault.ENDS, len(data))
    if data[end] != QUOTE:
        raise Refusal(Fault.CONTROL, at)
    raw = data[at + 1 : end]
    if raw.isascii() and b"\\" not in raw:
        return raw, end + 1
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise Refusal(Fault.NOT_UTF8, at) from None
    return (_unescaped(text, at) if "\\" in text else raw), end + 1


def _unescaped(text: str, at: int) -> bytes:
    def character(match: re.Match[str]) -> str:
        code, other = match.groups()
        if code is None and other not in _ESCAPED:
            raise Refusal(Fault.BAD_ESCAPE, at)
        return chr(int(code, 16)) if code else _ESCAPED[other]

    units = _ESCAPE.sub(character, text).encode("utf-16-le", "surrogatepass")
    try:
        return units.decode("utf-16-le").encode()
    except UnicodeDecodeError:
        raise Refusal(Fault.HALF_PAIR, at) from None


def read_number(data: bytes, at: int) -> tuple[Number, int]:
    """Read a number as JSON writes it."""
    match = _NUMBER.match(data, at)
    if not match:
        raise Refusal(Fault.NOT_JSON, at)
    if match.end() - at > MAX_NUMBER:
        raise Refusal(Fault.LONG_NUMBER, at)
    return _number(match), match.end()


def number_of_text(text: bytes, at: int) -> Number | None:
    """Return the number that a text at *at* holds; a sign, leading zeros and a bare point are allowed, too."""
    match = _NUMBER_AS_TEXT.fullmatch(text)
    if not match or not (match[2] or match[3]):
        return None
    if len(text) > MAX_NUMBER:
        raise Refusal(Fault.LONG_NUMBER, at)
    return _number(match)


def _number(match: re.Match[bytes]) -> Number:
    sign, whole, fraction, exponent = match.groups()
    power = max(-_LARGEST_EXPONENT, min(_LARGEST_EXPONENT, int(exponent or 0)))
    digits = (whole + (fraction or b"")).lstrip(b"0")
    return Number(sign == b"-", digits, power - len(fraction or b""), fraction is not None, match[0])


def read_literal(data: bytes, at: int) -> int:
    """Return the position after ``true``, ``false`` or ``null``, which begins at *at*."""
    literal = _LITERALS.get(data[at])
    if literal is None or not data.startswith(literal, at):
        raise Refusal(Fault.NOT_JSON, at)
    return at + len(literal)


def skip_value(data: bytes, at: int) -> int:
    """Return the position after the value at *at*; its syntax is checked."""
    closing: list[int] = []
    while True:
        byte = data[at]
        if byte in _CLOSING:
            if len(closing) == MAX_SKIPPED:
                raise Refusal(Fault.TOO_DEEP, at)
            after = skip_blanks(data, at + 1)
            if data[after] != _CLOSING[byte]:
                closing.append(_CLOSING[byte])
                at = _skip_key(data, after) if byte == OPEN_OBJECT else after
                continue
            at = after + 1
        else:
            at = _skip_scalar(data, at)
        at = _skip_closed(data, at, closing)
        if not closing:
            return at
        at = skip_blanks(data, at + 1)
        if closing[-1] == CLOSE_OBJECT:
            at = _skip_key(data, at)


def _skip_closed(data: bytes, at: int, closing: list[int]) -> int:
    """Return the position of the comma after a value, or of the end of all that *closing* holds."""
    while closing:
        at = skip_blanks(data, at)
        if data[at] == COMMA:
            return at
        if data[at] != closing.pop():
            raise Refusal(Fault.NOT_JSON, at)
        at += 1
    return at


def _skip_key(data: bytes, at: int) -> int:
    if data[at] != QUOTE:
        raise Refusal(Fault.NOT_JSON, at)
    _, at = read_text(data, at)
    return expect(data, skip_blanks(data, at), COLON)


def _skip_scalar(data: bytes, at: int) -> int:
    byte = data[at]
    if byte == QUOTE:
        return read_text(data, at)[1]
    if byte == MINUS or 0x30 <= byte <= 0x39:
        match = _NUMBER.match(data, at)
        if not match:
            raise Refusal(Fault.NOT_JSON, at)
        return match.end()
    return read_literal(data, at)
