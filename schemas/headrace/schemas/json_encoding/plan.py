"""Plan of how a record is read from JSON: a tree that the compiled and the pure-Python transcoder follow.

:func:`plan` in :mod:`headrace.schemas.json_encoding.make_plan` makes it from a contract and a convention.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from headrace.schemas.json_encoding.forms import Form
from headrace.schemas.parse import MAX_DEPTH


class Code(IntEnum):
    """How a node reads its value. ``native/json/plan.h`` has the same enum."""

    BOOLEAN = 0
    WHOLE = 1  # a whole number from low to high
    DECIMAL = 2
    FLOAT = 3
    DOUBLE = 4
    STRING = 5
    BYTES = 6
    UUID = 7
    ENUM = 8
    DATE = 9
    TIME = 10
    TIMESTAMP = 11
    LOCAL_TIMESTAMP = 12
    RECORD = 13
    ARRAY = 14
    MAP = 15  # two children: the key and the value
    UNION = 16  # a child for each branch but null


NO_SIZE: Final = -1
MAX_LEVELS: Final = MAX_DEPTH + 2  # an envelope may be around a record


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a record.

    *optional* is 1 if null is the first branch of its union, 2 if it is the second, 0 without a union. *tag* is the key
    of the other branch in Avro's JSON encoding, and *logical_tag* the one with its logical type, which Go's goavro
    writes in place of it. *absent* and *null* are the Avro bytes for an absent key and for a null without a union; None
    if these are refused. *ignore* is set for a record whose unknown keys are ignored.

    *power* is the exponent of ten from a number in JSON to the whole number in Avro, *digits* the digits after the
    point of that number's unit, *part* those of the last element of an array. *size* is the size of a fixed, or
    ``NO_SIZE``. *stated* is set if settings of a contract can change its forms.

    *branches* has the keys of a union's branches, each with the index of its child. *null_place* is the place of null
    among them, or -1.
    """

    code: Code
    name: str
    forms: frozenset[Form] = frozenset()
    setting: str = ""
    optional: int = 0
    tag: str | None = None
    logical_tag: str | None = None
    absent: bytes | None = None
    null: bytes | None = None
    children: tuple[Node, ...] = ()
    symbols: tuple[str, ...] = ()
    low: int = 0
    high: int = 0
    beyond: str = ""
    power: int = 0
    digits: int = 0
    part: int = 9
    precision: int = 0
    size: int = NO_SIZE
    ignore: bool = False
    stated: bool = True
    branches: tuple[tuple[str, int], ...] = ()
    null_place: int = -1
