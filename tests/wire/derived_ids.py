"""Test vectors of derived ids: values whose text differs between languages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tests.wire.messages import Vector, a_duplicate, a_refusal, a_row

SUBJECT: Final = "keys_seen"
_PLAIN: Final[dict[str, Any]] = {
    "a_boolean": False,
    "a_long": "0",
    "a_string": "",
    "a_uuid": "00000000-0000-0000-0000-000000000000",
    "an_enum": "CLUBS",
    "some_bytes": "",
    "a_decimal": "0",
    "a_date": "1970-01-01",
    "a_time": "00:00:00",
    "at_millis": "1970-01-01T00:00:00Z",
    "at_local": "1970-01-01T00:00:00",
    "at": "2026-03-14T15:09:26Z",
}
# What is hashed, written by hand: each piece after the subject, in the order of the contract's identity.
_PIECES: Final = {
    "a_boolean": "false",
    "a_long": "0",
    "a_string": '""',
    "a_uuid": '"00000000-0000-0000-0000-000000000000"',
    "an_enum": '"CLUBS"',
    "some_bytes": '""',
    "a_decimal": '"0"',
    "a_date": '"1970-01-01"',
    "a_time": '"00:00:00"',
    "at_millis": '"1970-01-01T00:00:00Z"',
    "at_local": '"1970-01-01T00:00:00"',
    "at": '"2026-03-14T15:09:26Z"',
}
_CASES: Final[tuple[tuple[str, str, dict[str, tuple[Any, str]]], ...]] = (
    ("plain", "Zero, false, empty text and midnight.", {}),
    (
        "half-second",
        "Half a second has six digits in every time.",
        {
            "a_time": ("23:59:59.500000", '"23:59:59.500000"'),
            "at_millis": ("2026-03-14T15:09:26.500000Z", '"2026-03-14T15:09:26.500000Z"'),
            "at_local": ("2026-03-14T15:09:26.500000", '"2026-03-14T15:09:26.500000"'),
            "at": ("2026-03-14T15:09:26.500000Z", '"2026-03-14T15:09:26.500000Z"'),
        },
    ),
    (
        "microsecond",
        "A microsecond has zeros in front: six digits in every time.",
        {
            "a_time": ("00:00:00.000001", '"00:00:00.000001"'),
            "at_millis": ("2026-03-14T15:09:26.001000Z", '"2026-03-14T15:09:26.001000Z"'),
            "at_local": ("2026-03-14T15:09:26.000001", '"2026-03-14T15:09:26.000001"'),
            "at": ("2026-03-14T15:09:26.000001Z", '"2026-03-14T15:09:26.000001Z"'),
        },
    ),
    (
        "markup",
        "Ampersands, angle brackets, slashes and apostrophes are not escaped.",
        {"a_string": ("a&b <i>c</i> d/e 'f'", "\"a&b <i>c</i> d/e 'f'\"")},
    ),
    (
        "quotes",
        "Quotation marks and backslashes are escaped.",
        {"a_string": ('say "hi" \\ bye', '"say \\"hi\\" \\\\ bye"')},
    ),
    (
        "controls",
        "Control characters are escaped, the usual ones by letter and others with four digits in lower case.",
        {"a_string": ("\b\t\n\f\r\x00\x1f", '"\\b\\t\\n\\f\\r\\u0000\\u001f"')},
    ),
    (
        "not-ascii",
        "Nothing beyond ASCII is escaped, nor U+007F, U+2028 and U+2029.",
        {"a_string": ("Zoë 漢字 😀 \x7f \u2028\u2029", '"Zoë 漢字 😀 \x7f \u2028\u2029"')},
    ),
    (
        "not-normalised",
        "Text is neither normalised nor trimmed: the letter and its accent are two characters.",
        {"a_string": (" e\u0301 ", '" e\u0301 "')},
    ),
    (
        "scale",
        "A decimal has no zeros at its end, whatever its scale: 12.5000 is 12.5, and 100.0000 is 100.",
        {"a_decimal": ("12.5", '"12.5"')},
    ),
    ("whole-decimal", "Zeros before the point stay.", {"a_decimal": ("100", '"100"')}),
    ("small-decimal", "A decimal below 1 has one 0 before the point.", {"a_decimal": ("-0.0001", '"-0.0001"')}),
    (
        "negative",
        "Negative numbers, and times before 1970.",
        {
            "a_boolean": (True, "true"),
            "a_long": ("-9223372036854775808", "-9223372036854775808"),
            "a_decimal": ("-12345678901234.5678", '"-12345678901234.5678"'),
            "a_date": ("0001-01-01", '"0001-01-01"'),
            "at_millis": ("1969-12-31T23:59:59.999000Z", '"1969-12-31T23:59:59.999000Z"'),
            "at_local": ("0001-01-01T00:00:00.000001", '"0001-01-01T00:00:00.000001"'),
        },
    ),
    (
        "texts-of-values",
        "An enum is its symbol, bytes are hexadecimal digits in lower case, and so is a UUID.",
        {
            "a_uuid": ("abcdefab-cdef-abcd-efab-cdefabcdefab", '"abcdefab-cdef-abcd-efab-cdefabcdefab"'),
            "an_enum": ("SPADES", '"SPADES"'),
            "some_bytes": ("00ffab", '"00ffab"'),
        },
    ),
)


def vectors_of_ids() -> Iterator[Vector]:
    """Yield the vectors of derived ids, of a contract that checks them."""
    rows = {name: _row(name, shows, changes) for name, shows, changes in _CASES}
    yield from rows.values()
    upper = {"a_uuid": "ABCDEFAB-CDEF-ABCD-EFAB-CDEFABCDEFAB"}
    yield a_duplicate(
        rows["texts-of-values"],
        "id-of-upper-uuid",
        "A UUID in upper case has the id of the one in lower case.",
        written=upper,
    )
    derived = rows["plain"]["attributes"]["ce-id"]
    for name, shows, own in (
        ("id-of-its-own", "The contract checks ids, and this one is not derived.", "event-1"),
        ("id-in-upper-case", "An id is compared as text: a derived one is in lower case.", derived.upper()),
    ):
        detail = (
            f"the id is not {derived}, which the contract's identity ({', '.join(_PIECES)}) gives; see docs/identity.md"
        )
        yield a_refusal(name, shows, "malformed_envelope", detail, SUBJECT, _PLAIN, ce_id=own)


def _row(name: str, shows: str, changes: dict[str, tuple[Any, str]]) -> Vector:
    values = {**_PLAIN, **{field: value for field, (value, _) in changes.items()}}
    pieces = {**_PIECES, **{field: piece for field, (_, piece) in changes.items()}}
    return a_row(f"id-{name}", shows, SUBJECT, values, id_name=f'["{SUBJECT}",{",".join(pieces.values())}]')
