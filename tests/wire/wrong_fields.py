"""Test vectors of single fields that are refused, each for one reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tests.wire.contracts import schema_of
from tests.wire.datum import block, fields_of, sized, varint
from tests.wire.envelopes import PARCEL, SUBJECT
from tests.wire.messages import TIME, Vector, a_refusal
from tests.wire.values_of_types import DECIMALS, LISTS, NUMBERS, TEXTS, TIMES, UNIONS

_OF_TYPES: Final[dict[str, dict[str, Any]]] = {
    "numbers_seen": NUMBERS,
    "texts_seen": TEXTS,
    "times_seen": TIMES,
    "decimals_seen": DECIMALS,
    "lists_seen": LISTS,
    "unions_seen": UNIONS,
    SUBJECT: PARCEL,
}
_DAY: Final = 86_400_000
# Subject, field, its bytes, the end of the name, what it shows, and the job's words.
_FIELDS: Final = (
    ("numbers_seen", "a_boolean", b"\2", "boolean", "A boolean is 00 or 01.", "neither true nor false"),
    (
        "numbers_seen",
        "an_int",
        b"\x80\0",
        "long-varint",
        "An integer has no more bytes than it needs.",
        "an integer longer than it needs to be",
    ),
    ("numbers_seen", "an_int", varint(2**31), "int-of-33-bits", "An int has 32 bits.", "an int beyond 32 bits"),
    (
        "numbers_seen",
        "a_long",
        b"\xff" * 9 + b"\2",
        "long-of-65-bits",
        "A long has 64 bits.",
        "an integer longer than it needs to be",
    ),
    ("texts_seen", "a_string", b"\4\xc3\x28", "text", "Text is UTF-8.", "not UTF-8"),
    ("texts_seen", "a_string", b"\6\xed\xa0\x80", "half-pair", "Half a surrogate pair is not UTF-8.", "not UTF-8"),
    ("texts_seen", "a_string", b"\1", "negative-length", "A length is not negative.", "a negative length"),
    (
        "texts_seen",
        "a_uuid",
        sized(b"0b7f5a3e9c1d4e2f8a6b112233445566"),
        "uuid",
        "A UUID has its hyphens.",
        "not a UUID",
    ),
    (
        "texts_seen",
        "an_enum",
        varint(3),
        "enum",
        "The place of a symbol that the enum does not have.",
        "no symbol of its enum",
    ),
    (
        "texts_seen",
        "an_enum",
        varint(-1),
        "negative-enum",
        "The place of a symbol is not negative.",
        "no symbol of its enum",
    ),
    ("texts_seen", "a_json", sized(b'{"a": 1, "a": 2}'), "json", "JSON has each key once.", "JSON with a key twice"),
    (
        "times_seen",
        "a_date",
        varint(2_932_897),
        "date",
        "A date is before the year 10000.",
        "a date outside years 1 to 9999",
    ),
    ("times_seen", "time_millis", varint(_DAY), "midnight", "A time of day is before 24:00.", "a time of no day"),
    ("times_seen", "time_micros", varint(-1), "negative-time", "A time of day is not negative.", "a time of no day"),
    (
        "times_seen",
        "timestamp_micros",
        varint(-(2**63)),
        "timestamp",
        "A timestamp is in the years 1 to 9999.",
        "a time outside years 1 to 9999",
    ),
    (
        "decimals_seen",
        "money",
        b"\0",
        "decimal-of-no-bytes",
        "Zero is one byte, 00.",
        "a decimal of no bytes or of too many",
    ),
    (
        "decimals_seen",
        "money",
        sized(bytes(5)),
        "decimal-of-many-bytes",
        "Nine digits have at most four bytes.",
        "a decimal of no bytes or of too many",
    ),
    (
        "decimals_seen",
        "money",
        sized((10**9).to_bytes(4)),
        "decimal-of-many-digits",
        "A decimal has no more digits than its precision.",
        "more digits than its precision",
    ),
    (
        "unions_seen",
        "null_first",
        varint(2),
        "branch",
        "The place of a branch that the union does not have.",
        "no branch of its union",
    ),
    (
        "unions_seen",
        "several",
        varint(-1),
        "negative-branch",
        "The place of a branch is not negative.",
        "no branch of its union",
    ),
    (
        SUBJECT,
        "labels",
        block(*[sized(b"a") + sized(b"b")] * 2) + b"\0",
        "key-twice",
        "A key of a map is there once.",
        "a key occurs twice",
    ),
    (
        SUBJECT,
        "stops",
        varint(-1) + varint(2) + varint(1) + b"\0",
        "block-size",
        "The size of a block is that of its items.",
        "a block of another size than it says",
    ),
)


def _with(subject: str, field: str, data: bytes) -> bytes:
    values = {"at": TIME, **_OF_TYPES[subject]}
    return b"".join({**fields_of(schema_of(subject, 1), values), field: data}.values())


def vectors_of_fields() -> Iterator[Vector]:
    """Yield the vectors of wrong fields."""
    for subject, field, data, name, shows, detail in _FIELDS:
        payload = _with(subject, field, data)
        yield a_refusal(
            f"payload-{name}", shows, "undecodable_payload", detail, subject, _OF_TYPES[subject], payload=payload
        )
