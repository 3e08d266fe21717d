"""Readers of single values: each takes the text and a position, and returns Avro bytes and the next position."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from headrace.schemas.json_encoding import moments, octets
from headrace.schemas.json_encoding.exact_numbers import (
    decimal_bytes,
    floating,
    is_safe,
    ranged,
    scaled,
    special,
)
from headrace.schemas.json_encoding.faults import Fault, Refusal, unexpected
from headrace.schemas.json_encoding.forms import Form
from headrace.schemas.json_encoding.plan import NO_SIZE, Code, Node
from headrace.schemas.json_encoding.tokens import (
    MINUS,
    OPEN_ARRAY,
    OPEN_OBJECT,
    QUOTE,
    Number,
    number_of_text,
    read_literal,
    read_number,
    read_text,
)
from headrace.schemas.model import Decimal
from headrace.schemas.scalars import longest_decimal
from headrace.schemas.varint import write_long

Read: TypeAlias = Callable[[bytes, int], tuple[bytes, int]]

_SAFE: Final = 2**53 - 1
_DIGITS: Final = 19  # of the largest long
_INDEX_DIGITS: Final = 9
_DECIMAL_OCTETS: Final = frozenset({Form.LATIN1, Form.BASE64})  # forms of a decimal as its two's complement
_DIGIT_BYTES: Final = frozenset(b"0123456789")
_SPECIALS: Final[Mapping[bytes, float]] = {
    b"NaN": float("nan"),
    b"Infinity": float("inf"),
    b"-Infinity": float("-inf"),
}
_DASHED: Final = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PLAIN: Final = re.compile(rb"[0-9a-fA-F]{32}")


def is_number(data: bytes, at: int) -> bool:
    """Return whether a number begins at *at*."""
    return data[at] in _DIGIT_BYTES or data[at] == MINUS


def _text(text: bytes) -> bytes:
    return write_long(len(text)) + text


def _boolean(node: Node, data: bytes, at: int) -> tuple[bytes, int]:
    if data[at] not in b"tf":
        raise unexpected(node, data, at)
    return (b"\1" if data[at] == 0x74 else b"\0"), read_literal(data, at)


def _number(node: Node, data: bytes, at: int) -> tuple[Number, int]:
    """Read a number in one of the forms number, safe-number and text."""
    if is_number(data, at) and not node.forms.isdisjoint((Form.NUMBER, Form.SAFE_NUMBER)):
        return read_number(data, at)
    if data[at] != QUOTE or Form.TEXT not in node.forms:
        raise unexpected(node, data, at)
    text, after = read_text(data, at)
    number = number_of_text(text, at)
    if number is None:
        raise Refusal(Fault.BAD_TEXT, at, node)
    return number, after


def _whole(node: Node, data: bytes, at: int) -> tuple[bytes, int]:
    number, after = _number(node, data, at)
    value = ranged(scaled(number, 0, _DIGITS, node, at), node, at)
    if abs(value) > _SAFE and Form.SAFE_NUMBER in node.forms and data[at] != QUOTE:
        raise Refusal(Fault.UNSAFE, at, node)
    return write_long(value), after


def _decimal(node: Node, data: bytes, at: int) -> tuple[bytes, int]:
    if not _DECIMAL_OCTETS.isdisjoint(node.forms):
        return _decimal_of_octets(node, data, at)
    number, after = _number(node, data, at)
    value = decimal_bytes(scaled(number, node.power, node.precision, node, at), node)
    if Form.SAFE_NUMBER in node.forms and data[at] != QUOTE and not is_safe(number):
        raise Refusal(Fault.UNSAFE, at, node)
    return (_text(value) if node.size == NO_SIZE else value), after


def _decimal_of_octets(node: Node, data: bytes, at: int) -> tuple[bytes, int]:
    if data[at] != QUOTE:
        raise unexpected(node, data, at)
    text, after = read_text(data, at)
    value = octets.octets_of_text(node, text, at)
    if node.size == NO_SIZE and not 1 <= len(value) <= longest_decimal(Decimal(node.precision, node.power)):
        raise Refusal(Fault.DECIMAL_LENGTH, at, node)
    shortest = 1 if Form.BASE64 in node.forms else node.size
    if node.size != NO_SIZE and not shortest <= len(value) <= node.size:
        raise Refusal(Fault.WRONG_SIZE, at, node)
    if abs(int.from_bytes(value, "big", signed=True)) >= 10**node.precision:
        raise Refusal(Fault.TOO_MANY_DIGITS, at, node)
    return (_text(value) if node.size == NO_SIZE else _extended(value, node.size)), after


def _extended(complement: bytes, size: int) -> bytes:
    """Return a two's complement in *size* bytes."""
    return complement.rjust(size, b"\xff" if complement[0] & 0x80 else b"\0")


def _floating(node: Node, data: bytes, at: int) -> tuple[bytes, int]:
    for token, value in _SPECIALS.items():
        if data.startswith(token, at):
            if Form.TOKEN not in node.forms:
                raise Refusal(Fault.UNEXPECTED, at, node)
            return special(value, node), at + len(token)
    if is_number(data, at):
        number, after = read_number(data, at)
        return floating(number, node, at), after
    if data[at] != QUOTE or Form.TEXT not in node.forms:
        raise unexpected(node, data, at)
    text, after = read_text(data, at)
    if text not in _SPECIALS:
        raise Refusal(Fault.BAD_TEXT, at, node)
    return special(_SPECIALS[text], node), after


def _string(node: Node, data: bytes, at: int) -> tuple[bytes, int]:
    if data[at] != QUOTE:
        raise unexpected(node, data, at)
    text, after = read_text(data, at)
    return _text(text), after


def _bytes(node: Node, data: bytes, at: int) -> tuple[bytes, int]:
    taken = {
        QUOTE: octets.takes_text(node),
        OPEN_ARRAY: Form.OCTETS in node.forms,
        OPEN_OBJECT: Form.BUFFER in node.forms,
    }
    if not taken.get(data[at]):
        raise unexpected(node, data, at)
    return octets.read_octets(node, data, at)


def _uuid(node: Node, data: bytes, at: int) -> tuple[bytes, int]:
    if data[at] != QUOTE:
        raise unexpected(node, data, at)
    text, after = read_text(data, at)
    if Form.PLAIN in node.forms and _PLAIN.fullmatch(text):
        text = b"-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    elif Form.DASHED not in node.forms or not _DASHED.fullmatch(text):
        raise Refusal(Fault.BAD_TEXT, at, node)
    return _text(text.lower()), after


def enum_reader(node: Node) -> Read:
    """Return the reader of a symbol's name or index."""
    places = {symbol.encode(): place for place, symbol in enumerate(node.symbols)}
    return lambda data, at: _symbol(node, places, data, at)


def _symbol(node: Node, places: Mapping[bytes, int], data: bytes, at: int) -> tuple[bytes, int]:
    if data[at] == QUOTE and Form.NAME in node.forms:
        text, after = read_text(data, at)
        index = places.get(text)
    elif is_number(data, at) and Form.INDEX in node.forms:
        number, after = read_number(data, at)
        found = int(number.digits or b"0") if moments.is_index(number, _INDEX_DIGITS) else len(node.symbols)
        index = found if found < len(node.symbols) else None
    else:
        raise unexpected(node, data, at)
    if index is None:
        raise Refusal(Fault.NO_SYMBOL, at, node)
    return write_long(index), after


def _moment(node: Node, data: bytes, at: int) -> tuple[bytes, int]:
    if data[at] == QUOTE and moments.takes_text(node):
        return moments.moment_of_text(node, data, at)
    if is_number(data, at) and moments.takes_number(node):
        number, after = read_number(data, at)
        return moments.moment_of_number(node, number, at), after
    if data[at] == OPEN_ARRAY and moments.takes_array(node):
        return moments.moment_of_array(node, data, at)
    raise unexpected(node, data, at)


VALUES: Final[Mapping[Code, Callable[[Node, bytes, int], tuple[bytes, int]]]] = {
    Code.BOOLEAN: _boolean,
    Code.WHOLE: _whole,
    Code.DECIMAL: _decimal,
    Code.FLOAT: _floating,
    Code.DOUBLE: _floating,
    Code.STRING: _string,
    Code.BYTES: _bytes,
    Code.UUID: _uuid,
    Code.DATE: _moment,
    Code.TIME: _moment,
    Code.TIMESTAMP: _moment,
    Code.LOCAL_TIMESTAMP: _moment,
}
