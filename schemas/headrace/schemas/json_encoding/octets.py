"""Strict readers of bytes in JSON: base64, hexadecimal digits, Latin-1, arrays of numbers, and Node's Buffer."""

from __future__ import annotations

import base64
import re
from typing import Final

from headrace.schemas.json_encoding.faults import Fault, Refusal, unexpected
from headrace.schemas.json_encoding.forms import Form
from headrace.schemas.json_encoding.moments import is_index
from headrace.schemas.json_encoding.plan import NO_SIZE, Node
from headrace.schemas.json_encoding.tokens import (
    CLOSE_ARRAY,
    CLOSE_OBJECT,
    COLON,
    COMMA,
    OPEN_ARRAY,
    OPEN_OBJECT,
    QUOTE,
    expect,
    read_number,
    read_text,
    skip_blanks,
)
from headrace.schemas.varint import write_long

_BASE64: Final = re.compile(rb"([A-Za-z0-9+/_-]*+)(={0,2})")
_HEX: Final = re.compile(rb"(?:[0-9a-fA-F]{2})*+")
_TEXTS: Final = frozenset({Form.BASE64, Form.BASE64URL, Form.HEX, Form.LATIN1})
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")


def takes_text(node: Node) -> bool:
    """Return whether *node* accepts a text."""
    return not _TEXTS.isdisjoint(node.forms)


def read_octets(node: Node, data: bytes, at: int) -> tuple[bytes, int]:
    """Read the bytes at *at*, with their length before them unless *node* is a fixed."""
    octets, after = _octets(node, data, at)
    if node.size == NO_SIZE:
        return write_long(len(octets)) + octets, after
    if len(octets) != node.size:
        raise Refusal(Fault.WRONG_SIZE, at, node)
    return octets, after


def _octets(node: Node, data: bytes, at: int) -> tuple[bytes, int]:
    byte = data[at]
    if byte == QUOTE and takes_text(node):
        text, after = read_text(data, at)
        return octets_of_text(node, text, at), after
    if byte == OPEN_ARRAY and Form.OCTETS in node.forms:
        return _array(node, data, at)
    if byte == OPEN_OBJECT and Form.BUFFER in node.forms:
        return _buffer(node, data, at)
    raise unexpected(node, data, at)


def octets_of_text(node: Node, text: bytes, at: int) -> bytes:
    """Return the bytes that a text means in the form of *node*."""
    if Form.LATIN1 in node.forms:
        try:
            return text.decode().encode("latin-1")
        except UnicodeEncodeError:
            raise Refusal(Fault.NOT_LATIN1, at, node) from None
    if Form.HEX in node.forms:
        if not _HEX.fullmatch(text):
            raise Refusal(Fault.BAD_TEXT, at, node)
        return bytes.fromhex(text.decode())
    return _base64(node, text, at)


def _base64(node: Node, text: bytes, at: int) -> bytes:
    match = _BASE64.fullmatch(text)
    if not match or not _is_whole(match[1], match[2]) or not _is_of(node, match[1]):
        raise Refusal(Fault.BAD_TEXT, at, node)
    digits = match[1].translate(_STANDARD)
    octets = base64.b64decode(digits + b"=" * (-len(digits) % 4))
    if base64.b64encode(octets).rstrip(b"=") != digits:
        raise Refusal(Fault.LEFT_OVER, at, node)
    return octets


def _is_whole(digits: bytes, padding: bytes) -> bool:
    return (len(digits) + len(padding)) % 4 == 0 if padding else len(digits) % 4 != 1


def _is_of(node: Node, digits: bytes) -> bool:
    standard, url = b"+" in digits or b"/" in digits, b"-" in digits or b"_" in digits
    return (
        not (standard and url)
        and not (standard and Form.BASE64 not in node.forms)
        and not (url and Form.BASE64URL not in node.forms)
    )


def _array(node: Node, data: bytes, start: int) -> tuple[bytes, int]:
    octets = bytearray()
    at = skip_blanks(data, start + 1)
    while data[at] != CLOSE_ARRAY:
        if octets:
            at = expect(data, at, COMMA)
        if data[at] not in b"-0123456789":
            raise unexpected(node, data, at)
        number, after = read_number(data, at)
        value = int(number.digits or b"0") if is_index(number, 3) else 256
        if value > 255:
            raise Refusal(Fault.UNEXPECTED, at, node)
        octets.append(value)
        at = skip_blanks(data, after)
    return bytes(octets), at + 1


def _buffer(node: Node, data: bytes, start: int) -> tuple[bytes, int]:
    """Read ``{"type": "Buffer", "data": [1, 2]}``."""
    found: dict[bytes, bytes] = {}
    at = skip_blanks(data, start + 1)
    while data[at] != CLOSE_OBJECT:
        if found:
            at = expect(data, at, COMMA)
        if data[at] != QUOTE:
            raise Refusal(Fault.NOT_JSON, at)
        key_at = at
        key, at = read_text(data, at)
        at = expect(data, skip_blanks(data, at), COLON)
        if key in found:
            raise Refusal(Fault.KEY_TWICE, key_at)
        found[key], at = _buffer_value(node, key, data, start, at)
        at = skip_blanks(data, at)
    if found.get(b"type") != b"Buffer" or b"data" not in found:
        raise Refusal(Fault.UNEXPECTED, start, node)
    return found[b"data"], at + 1


def _buffer_value(node: Node, key: bytes, data: bytes, start: int, at: int) -> tuple[bytes, int]:
    if key == b"type" and data[at] == QUOTE:
        return read_text(data, at)
    if key == b"data" and data[at] == OPEN_ARRAY:
        return _array(node, data, at)
    raise Refusal(Fault.UNEXPECTED, start, node)
