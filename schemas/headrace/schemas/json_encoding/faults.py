"""Faults of a JSON text, in words that both transcoders use. No text contains a value or a key."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from headrace.schemas.containers import joined
from headrace.schemas.decimal_limits import fewer_digits, too_many_digits, wrong_length
from headrace.schemas.decoder import MAX_PAYLOAD_BYTES
from headrace.schemas.errors import UndecodableError
from headrace.schemas.json_encoding.plan import NO_SIZE, Code, Node
from headrace.schemas.json_encoding.words import expected, finer, found, setting
from headrace.schemas.model import MAX_ITEMS, Decimal
from headrace.schemas.numbers import beyond_remedy

MAX_NUMBER: Final = 1_000  # characters of a number
MAX_SKIPPED: Final = 64  # levels of an ignored value


class Fault(IntEnum):
    """Kind of fault of a text. ``native/json/plan.h`` has the same enum."""

    ACCEPTED = 0
    ENDS = 1
    NOT_JSON = 2
    NOT_UTF8 = 3
    CONTROL = 4
    BAD_ESCAPE = 5
    HALF_PAIR = 6
    BYTES_FOLLOW = 7
    TOO_LARGE = 8
    TOO_DEEP = 9
    LONG_NUMBER = 10
    UNEXPECTED = 11
    NULL_VALUE = 12
    ABSENT = 13
    UNKNOWN_KEY = 14
    KEY_TWICE = 15
    TOO_MANY_ITEMS = 16
    LARGE_DATUM = 17
    NO_BRANCH = 18
    BAD_TEXT = 19
    NOT_WHOLE = 20
    OUT_OF_RANGE = 21
    UNSAFE = 22
    NO_FRACTION = 23
    TOO_MANY_DIGITS = 24
    TOO_FINE = 25
    BEYOND_FLOAT = 26
    TOO_SMALL = 27
    NO_MOMENT = 28
    LEAP_SECOND = 29
    NO_OFFSET = 30
    HAS_OFFSET = 31
    NO_SYMBOL = 32
    WRONG_SIZE = 33
    LEFT_OVER = 34
    NOT_LATIN1 = 35
    DECIMAL_LENGTH = 36
    NO_MEMORY = 37


class Refusal(Exception):  # noqa: N818
    """A text is refused at byte *offset*. Containers add to *path*; *node* is the value that was read."""

    def __init__(self, fault: Fault, offset: int, node: Node | None = None) -> None:
        super().__init__(fault.name)
        self.fault, self.offset, self.node = fault, offset, node
        self.path: list[str] = []


_SYNTAX: Final[Mapping[Fault, tuple[str, str]]] = {
    Fault.ENDS: ("the text ends in the middle", "send the whole event"),
    Fault.NOT_JSON: ("not JSON", "send one JSON object"),
    Fault.NOT_UTF8: ("text that is not UTF-8", "send UTF-8"),
    Fault.CONTROL: ("a control character in a text", "escape it, such as \\n"),
    Fault.BAD_ESCAPE: (
        "an escape that JSON does not have",
        'use \\", \\\\, \\/, \\b, \\f, \\n, \\r, \\t or \\u and 4 digits',
    ),
    Fault.HALF_PAIR: ("half a surrogate pair", "send the whole character"),
    Fault.TOO_DEEP: (f"an ignored value nested deeper than {MAX_SKIPPED}", "leave it out"),
    Fault.LONG_NUMBER: (f"a number of more than {MAX_NUMBER:,} characters", "round it"),
    Fault.KEY_TWICE: ("a key occurs twice", "write it once"),
    Fault.TOO_MANY_ITEMS: (f"more than {MAX_ITEMS} items", "send several events"),
    Fault.LARGE_DATUM: (f"more than {MAX_PAYLOAD_BYTES} bytes as Avro", "send several events"),
    Fault.NO_MOMENT: ("a day or time that does not exist", "check it"),
    Fault.LEAP_SECOND: ("a leap second, which no column holds", "write the second before or after it"),
    Fault.HAS_OFFSET: ("a time with an offset", "leave the offset out, or use a timestamp in the contract"),
    Fault.LEFT_OVER: ("base64 with bits left over at its end", "encode the bytes again"),
    Fault.NOT_LATIN1: ("a character beyond U+00FF", "write one character for each byte"),
}


_BEGINNINGS: Final = frozenset(b'{["tf-0123456789')


def unexpected(node: Node, data: bytes, at: int) -> Refusal:
    """Return the refusal of a value that *node* does not accept."""
    if data.startswith(b"null", at):
        return Refusal(Fault.NULL_VALUE, at, node)
    return Refusal(Fault.UNEXPECTED if data[at] in _BEGINNINGS else Fault.NOT_JSON, at, node)


def error(fault: Fault, node: Node | None, path: list[str], offset: int, data: bytes) -> UndecodableError:
    """Return the error for a fault of *node* in the text *data*."""
    if fault is Fault.TOO_LARGE:
        return UndecodableError(f"larger than {MAX_PAYLOAD_BYTES} bytes", remedy="send several events")
    if fault is Fault.BYTES_FOLLOW:
        return UndecodableError(
            f"{len(data) - offset} bytes follow the JSON object", offset=offset, remedy="send one object a message"
        )
    why, remedy = _SYNTAX[fault] if fault in _SYNTAX else _of_value(fault, node, data, offset)
    return UndecodableError(why, joined(path), offset, remedy, _setting(fault, node))


def _of_value(fault: Fault, node: Node | None, data: bytes, offset: int) -> tuple[str, str]:
    assert node is not None  # noqa: S101 only faults of _SYNTAX have none
    if fault in (Fault.UNEXPECTED, Fault.BAD_TEXT):
        thing = found(data[offset : offset + 2]) if fault is Fault.UNEXPECTED else "a text"
        return f"{thing} where the contract has {expected(node)}", f"write that{setting(node)}"
    if fault is Fault.UNKNOWN_KEY:
        return "a key that the contract does not have", "add the field in a new version"
    if fault is Fault.NULL_VALUE:
        return "null, and the field is not optional", _null_remedy(node)
    if fault is Fault.ABSENT:
        return "absent, and it has no default", f"write it{_absent_remedy(node)}"
    if fault is Fault.NO_BRANCH:
        tags = [node.tag] if node.tag is not None else [tag for tag, _ in node.branches]
        return "no branch of its union", f'write {" or ".join(f"""{{"{tag}": value}}""" for tag in tags)}'
    if fault is Fault.OUT_OF_RANGE:
        return node.beyond, f"check its unit{setting(node)}" if node.setting != "longs" else "use a decimal"
    if fault is Fault.UNSAFE:
        digits = "of more than 15 digits" if node.code is Code.DECIMAL else "beyond 2^53 - 1"
        return f"a number {digits}, which JavaScript may have rounded", f"write it as text{setting(node)}"
    if fault is Fault.NO_FRACTION:
        return "a whole number, which may be seconds or milliseconds", f'set {node.setting} to "seconds" or "millis"'
    return _of_number(fault, node)


def _of_number(fault: Fault, node: Node) -> tuple[str, str]:
    kind = node.code.name.lower()
    size = "" if node.size == NO_SIZE else f"{node.size} "
    decimal = Decimal(node.precision, node.power)
    return {
        Fault.NOT_WHOLE: ("a number with a fraction where the contract has a whole number", "round it"),
        Fault.TOO_MANY_DIGITS: (too_many_digits(decimal), fewer_digits(decimal)),
        Fault.TOO_FINE: (finer(node), "round it"),
        Fault.BEYOND_FLOAT: (f"a number beyond a {kind}", beyond_remedy(kind)),
        Fault.TOO_SMALL: (f"a number too small for a {kind}", "use a decimal in the contract"),
        Fault.NO_OFFSET: ("a time without an offset", f"write it, such as 2026-11-20T05:15:00Z{setting(node)}"),
        Fault.NO_SYMBOL: ("no symbol of its enum", "use one of the contract, or add the symbol in a new version"),
        Fault.DECIMAL_LENGTH: (wrong_length(decimal), "write as many as its digits need"),
        Fault.WRONG_SIZE: (f"not {size}bytes", f"write exactly {size}bytes"),
    }[fault]


def _setting(fault: Fault, node: Node | None) -> str:
    """Return the rule for JSON by which the contract accepts such values, or an empty text."""
    if node is None or not node.stated:
        return ""
    if fault is Fault.UNKNOWN_KEY:
        return ', or set "unknown_keys": "ignore"'
    if fault is Fault.NULL_VALUE and node.code in (Code.ARRAY, Code.MAP):
        return ', or set "null": "empty"'
    return ""


def _null_remedy(node: Node) -> str:
    if node.code in (Code.ARRAY, Code.MAP) and node.stated:
        return "write an empty one"
    if node.code in (Code.FLOAT, Code.DOUBLE) and node.stated:
        return 'write a number, or add "null" to nan'
    return "write a value, or make the field optional in a new version"


def _absent_remedy(node: Node) -> str:
    if not node.stated:
        return ", or give the field a default in a new version"
    if node.optional:
        return ', or add "null" to absent'
    if node.code in (Code.ARRAY, Code.MAP, Code.STRING, Code.BYTES) and node.size == NO_SIZE:
        return ', or add "empty" to absent'
    if node.code in (Code.BOOLEAN, Code.WHOLE, Code.FLOAT, Code.DOUBLE):
        return ', or add "zero" to absent'
    return ", or give the field a default in a new version"
