"""Enums and limits that Python and the compiled module share; they are compared when the module is loaded.

``native/columns/constants.c`` defines the same constants.
"""

from __future__ import annotations

from enum import IntEnum

from headrace.schemas.compiled_modules import values_of
from headrace.schemas.decoder import MAX_PAYLOAD_BYTES
from headrace.schemas.layout import Layout
from headrace.schemas.model import MAX_COLUMN_BYTES, MAX_ITEMS
from headrace.schemas.parse import MAX_DEPTH
from headrace.schemas.program import Code


class Status(IntEnum):
    """The result of decoding one message."""

    ACCEPTED = 0
    ENDS = 1
    BEYOND_64_BITS = 2
    LONGER_THAN_NEEDED = 3
    NEGATIVE_LENGTH = 4
    NO_BRANCH = 5
    NO_BOOLEAN = 6
    NOT_UTF8 = 7
    NO_UUID = 8
    OUT_OF_RANGE = 9
    NO_SYMBOL = 10
    DECIMAL_LENGTH = 11
    TOO_MANY_DIGITS = 12
    TOO_MANY_ITEMS = 13
    MORE_ITEMS_THAN_BYTES = 14
    BLOCK_SIZE = 15
    DUPLICATE_KEY = 16
    TOO_WIDE = 17
    BYTES_FOLLOW = 18
    TOO_LARGE = 19
    TWO_READINGS = 20
    UNREADABLE = 21
    NOT_JSON = 22
    BAD_SUBTREE = 23
    NO_MEMORY = 24
    COLUMN_FULL = 25
    RAISED = 26


def shared_constants() -> dict[str, dict[str, int]]:
    """Return the constants of the Python code, by group and name."""
    return {
        "opcodes": values_of(Code),
        "layouts": values_of(Layout),
        "statuses": values_of(Status),
        "limits": {
            "MAX_DEPTH": MAX_DEPTH,
            "MAX_ITEMS": MAX_ITEMS,
            "MAX_PAYLOAD": MAX_PAYLOAD_BYTES,
            "MAX_WIDTH": MAX_COLUMN_BYTES,
        },
    }
