"""Forms of a value in JSON, and the forms that each setting of a convention may name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final


class Form(StrEnum):
    """How a value is written in JSON. ``native/json/plan.h`` lists the same forms in the same order."""

    NUMBER = "number"
    SAFE_NUMBER = "safe-number"
    TEXT = "text"
    UTC_TEXT = "utc-text"
    MIDNIGHT = "midnight"
    SECONDS = "seconds"
    FRACTIONAL_SECONDS = "fractional-seconds"
    MILLIS = "millis"
    MICROS = "micros"
    NANOS = "nanos"
    DAYS = "days"
    AVRO = "avro"
    ARRAY = "array"
    ARRAY_MILLIS = "array-millis"
    BASE64 = "base64"
    BASE64URL = "base64url"
    HEX = "hex"
    BUFFER = "buffer"
    OCTETS = "octets"
    LATIN1 = "latin-1"
    NAME = "name"
    INDEX = "index"
    DASHED = "dashed"
    PLAIN = "plain"
    TOKEN = "token"  # noqa: S105 a bare word of JSON, no secret
    NULL = "null"
    EMPTY = "empty"
    ZERO = "zero"


_PLACES: Final = {form: place for place, form in enumerate(Form)}
# A number is in one unit: of these forms, a setting may name one.
UNITS: Final = (
    Form.SECONDS,
    Form.FRACTIONAL_SECONDS,
    Form.MILLIS,
    Form.MICROS,
    Form.NANOS,
    Form.DAYS,
    Form.AVRO,
)
# Of each group, a setting may name one form, because one value could be read in two ways.
EXCLUSIVE: Final = (
    UNITS,
    (Form.NUMBER, Form.SAFE_NUMBER),
    (Form.ARRAY, Form.ARRAY_MILLIS),
    (Form.BASE64, Form.HEX),
    (Form.BASE64URL, Form.HEX),
    (Form.BASE64, Form.TEXT),
    (Form.BASE64, Form.NUMBER),
    (Form.BASE64, Form.SAFE_NUMBER),
)
_NUMBERS: Final = (Form.NUMBER, Form.SAFE_NUMBER, Form.TEXT)
_EPOCH: Final = (Form.SECONDS, Form.FRACTIONAL_SECONDS, Form.MILLIS, Form.MICROS, Form.NANOS)
_ARRAYS: Final = (Form.ARRAY, Form.ARRAY_MILLIS)
SETTINGS: Final[Mapping[str, tuple[Form, ...]]] = {
    "decimals": (*_NUMBERS, Form.BASE64),
    "longs": _NUMBERS,
    "timestamps": (Form.TEXT, Form.UTC_TEXT, *_EPOCH, Form.AVRO),
    "local_timestamps": (Form.TEXT, *_EPOCH, Form.AVRO, *_ARRAYS),
    "dates": (Form.TEXT, Form.MIDNIGHT, Form.DAYS, Form.ARRAY),
    "times": (Form.TEXT, *_EPOCH, Form.AVRO, *_ARRAYS),
    "bytes": (Form.BASE64, Form.BASE64URL, Form.HEX, Form.BUFFER, Form.OCTETS),
    "uuids": (Form.DASHED, Form.PLAIN),
    "enums": (Form.NAME, Form.INDEX),
    "nan": (Form.TEXT, Form.TOKEN, Form.NULL),
    "absent": (Form.NULL, Form.EMPTY, Form.ZERO),
    "null": (Form.EMPTY,),
}
MAY_BE_EMPTY: Final = frozenset({"nan", "absent", "null"})


def bits(forms: Iterable[Form]) -> int:
    """Return the forms as a set of bits, for the compiled module."""
    return sum(1 << _PLACES[form] for form in forms)
