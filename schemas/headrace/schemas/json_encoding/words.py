"""Words for what a text has and what the contract expects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from headrace.schemas.json_encoding.forms import Form
from headrace.schemas.json_encoding.plan import Code, Node

_PLAIN: Final[Mapping[Code, str]] = {
    Code.BOOLEAN: "true or false",
    Code.STRING: "a text",
    Code.RECORD: "an object",
    Code.ARRAY: "an array",
    Code.MAP: "an object",
}
_FORMS: Final[Mapping[Form, str]] = {
    Form.NUMBER: "a number",
    Form.SAFE_NUMBER: "a number",
    Form.SECONDS: "a number of seconds",
    Form.FRACTIONAL_SECONDS: "a number of seconds with a fraction",
    Form.MILLIS: "a number of milliseconds",
    Form.MICROS: "a number of microseconds",
    Form.NANOS: "a number of nanoseconds",
    Form.DAYS: "a number of days",
    Form.AVRO: "a number",
    Form.MIDNIGHT: "a midnight in UTC",
    Form.BASE64: "base64",
    Form.BASE64URL: "base64url",
    Form.HEX: "hexadecimal digits",
    Form.BUFFER: 'an object {"type": "Buffer", "data": [...]}',
    Form.OCTETS: "an array of numbers from 0 to 255",
    Form.LATIN1: "a text with a character for each byte",
    Form.NAME: "the name of a symbol",
    Form.INDEX: "the index of a symbol",
    Form.DASHED: "a UUID",
    Form.PLAIN: "a UUID without dashes",
}
_MOMENTS: Final[Mapping[Code, str]] = {
    Code.DATE: "a date such as 2026-11-20",
    Code.TIME: "a time such as 05:15:00",
    Code.TIMESTAMP: "a time such as 2026-11-20T05:15:00Z",
    Code.LOCAL_TIMESTAMP: "a time such as 2026-11-20T05:15:00",
}
_ARRAYS: Final[Mapping[Code, str]] = {
    Code.DATE: "an array such as [2026,11,20]",
    Code.TIME: "an array such as [5,15,0]",
    Code.LOCAL_TIMESTAMP: "an array such as [2026,11,20,5,15,0]",
}
_FOUND: Final[Mapping[bytes, str]] = {
    b"{": "an object",
    b"[": "an array",
    b'"': "a text",
    b"t": "a boolean",
    b"f": "a boolean",
    b"n": "null",
    b"N": "a bare NaN",
    b"I": "a bare Infinity",
}


def expected(node: Node) -> str:
    """Return the forms that *node* accepts, such as ``a number or a number as text``."""
    if node.code in _PLAIN:
        return _PLAIN[node.code]
    phrases = [_phrase(node.code, form) for form in Form if form in node.forms]
    if node.code in (Code.FLOAT, Code.DOUBLE):
        phrases = ["a number", *(phrase for phrase in phrases if phrase)]
    return " or ".join(dict.fromkeys(phrases))


def _phrase(code: Code, form: Form) -> str:
    if form is Form.TEXT and code in (Code.FLOAT, Code.DOUBLE):
        return '"NaN", "Infinity" or "-Infinity"'
    if form is Form.TOKEN:
        return "NaN, Infinity or -Infinity"
    if form in (Form.TEXT, Form.UTC_TEXT):
        return _MOMENTS.get(code, "a number as text")
    if form in (Form.ARRAY, Form.ARRAY_MILLIS):
        return _ARRAYS[code]
    return _FORMS.get(form, "")


def setting(node: Node) -> str:
    """Return the part of a remedy that names the setting of *node*, if it has one."""
    return f", or state another form in the setting {node.setting}" if node.setting and node.stated else ""


def found(beginning: bytes) -> str:
    """Return what a value is by its first bytes."""
    if beginning == b"-I":
        return "a bare -Infinity"
    return _FOUND.get(beginning[:1], "a number")


def finer(node: Node) -> str:
    """Return the reason for a number or time with digits below the unit of *node*."""
    if node.code is Code.DECIMAL:
        return "more digits after the point than its scale"
    if node.code is Code.DATE:
        return "finer than a day"
    return "finer than a millisecond" if node.digits == 3 else "finer than a microsecond"
