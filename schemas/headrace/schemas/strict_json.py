"""JSON strictly by RFC 8259: no NaN, no duplicate keys, and numbers with all their digits.

Python's ``json.loads`` accepts ``NaN``, reads ``1e400`` as Infinity, rounds ``0.1234567890123456789``, keeps the last
of two equal keys, and detects UTF-16.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

from headrace.errors import Exit, HeadraceError
from headrace.schemas.numbers import MAX_DIGITS


class InvalidJsonError(HeadraceError, ValueError, error_code="HR-105", exit_code=Exit.BUG):
    """A text is not JSON. *why* is a clause such as ``not JSON (Expecting value)`` and contains nothing of the text."""

    def __init__(self, why: str, line: int = 0, column: int = 0) -> None:
        super().__init__(why)
        self.why, self.line, self.column = why, line, column


def read_json(text: str | bytes) -> Any:
    """Read one JSON value; whole numbers become ``int``, all others ``Decimal``.

    Raises:
        InvalidJsonError: the text is not JSON.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode()
        return _DECODER.decode(text.removeprefix("\ufeff"))
    except InvalidJsonError:
        raise
    except UnicodeDecodeError:
        why, line, column = "not UTF-8", 0, 0
    except json.JSONDecodeError as error:
        why, line, column = f"not JSON ({error.msg})", error.lineno, error.colno
    except RecursionError:
        why, line, column = "JSON that is nested too deep", 0, 0
    # raised here, without the caught error as its context, because that error holds the text
    raise InvalidJsonError(why, line, column)


def as_double_or_text(number: Decimal) -> float | str:
    """Convert a number of :func:`read_json` for ``json.dumps``: a double, or text if a double would lose a digit."""
    nearest = float(number)
    return nearest if math.isfinite(nearest) and Decimal(repr(nearest)) == number else str(number)


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise InvalidJsonError(_TOO_LONG)
    return int(digits)


def _number(digits: str) -> Decimal:
    if len(digits) > MAX_DIGITS:
        raise InvalidJsonError(_TOO_LONG)
    try:
        return Decimal(digits)
    except InvalidOperation:
        raise InvalidJsonError("JSON with a number beyond any type") from None


def _constant(name: str) -> NoReturn:
    raise InvalidJsonError("not JSON (it has no NaN and no infinities; write them as text)")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidJsonError("JSON with the same key twice in one object")
    if not all(map(str.isascii, found)):
        _check_keys(found)
    return found


def _check_keys(found: Iterable[str]) -> None:
    """Refuse keys with half a surrogate pair: errors may show keys, and UTF-8 cannot hold them. Fields check values."""
    try:
        "".join(found).encode()
    except UnicodeEncodeError:
        raise InvalidJsonError("JSON with half a surrogate pair in a key") from None


_DECODER: Final = json.JSONDecoder(
    parse_int=_whole, parse_float=_number, parse_constant=_constant, object_pairs_hook=_object
)
_TOO_LONG: Final = f"JSON with a number of more than {MAX_DIGITS:,} digits"
