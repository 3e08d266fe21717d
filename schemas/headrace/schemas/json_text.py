"""Texts of JSON columns: what BigQuery's JSON type holds without a change, and the form in which two are equal.

BigQuery keeps integers from -2^63 to 2^64 - 1 and doubles, at most 500 levels, and of equal keys only the first
(cloud.google.com/bigquery/docs/reference/standard-sql/data-types#json_type). A text that it would change is refused.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from itertools import accumulate, count
from operator import sub
from typing import Any, Final, NoReturn

from headrace.errors import Exit, HeadraceError

MAX_LEVELS: Final = 500
_LONGEST: Final = 400  # characters of a number; a double's digits and exponent need fewer
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)  # the end closes one too
_LEAST, _MOST = -(2**63), 2**64 - 1
_STEPS: Final = bytes.maketrans(b"[{]}", bytes((2, 2, 0, 0)))
_NO_SIGNS: Final = bytes(byte for byte in range(256) if byte not in b"[{]}")
NOT_JSON: Final = "not one JSON value"


class _FaultError(HeadraceError, ValueError, error_code="HR-113", exit_code=Exit.BUG):
    """A text that is not JSON, or that BigQuery would change; its message is a clause without any of the text."""


def json_fault(text: str) -> str | None:
    """Return why a JSON column cannot hold *text*, without any of the text; None if it can."""
    if text.count("[") + text.count("{") > MAX_LEVELS and _is_deep(text):
        return f"JSON nested deeper than {MAX_LEVELS}"
    try:
        value = _CHECKED.decode(text)
    except _FaultError as fault:
        return str(fault)
    except ValueError:
        return NOT_JSON
    except RecursionError:
        return f"JSON nested deeper than {MAX_LEVELS}"
    if "\\u" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return "JSON with half a surrogate pair"
    return None


def is_json(text: bytes) -> bool:
    """Return whether a JSON column can hold a text, which is UTF-8; for the compiled module."""
    return json_fault(text.decode()) is None


def canonical(text: str) -> str:
    """Return a text of the same value in one form: keys in order, numbers by their value, no white space.

    >>> canonical('{"b": 1.0, "a": 1e2}')
    '{"a":100,"b":1}'
    """
    return json.dumps(_READ.decode(text), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _is_deep(text: str) -> bool:
    """Return whether more than MAX_LEVELS objects and arrays are open somewhere, in a text that may be no JSON."""
    signs = _STRING.sub("", text).encode(errors="replace").translate(_STEPS, _NO_SIGNS)
    # a sign counts as 2 or 0, less 1 for each
    return any(map(MAX_LEVELS.__lt__, map(sub, accumulate(signs), count(1))))


def _whole(digits: str) -> int:
    if len(digits) > _LONGEST:
        raise _FaultError("JSON with a number that BigQuery cannot hold exactly")
    number = int(digits)
    if not _LEAST <= number <= _MOST:
        _floating(digits)
    return number


def _floating(digits: str) -> float:
    nearest = float(digits) if len(digits) <= _LONGEST else math.inf
    if not math.isfinite(nearest) or Decimal(repr(nearest)) != Decimal(digits):
        raise _FaultError("JSON with a number that BigQuery cannot hold exactly")
    return nearest


def _constant(name: str) -> NoReturn:
    raise _FaultError(NOT_JSON)  # NaN and infinities are no JSON


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _FaultError("JSON with a key twice in one object")
    return found


def _number(digits: str) -> int | float:
    """Return a whole number as int wherever INT64 or UINT64 holds it, however it is written."""
    number = float(digits)
    whole = math.isfinite(number) and number.is_integer() and _LEAST <= number <= _MOST
    return int(number) if whole else number


def _integer(digits: str) -> int | float:
    number = int(digits)
    return number if _LEAST <= number <= _MOST else float(number)


_CHECKED: Final = json.JSONDecoder(
    parse_int=_whole, parse_float=_floating, parse_constant=_constant, object_pairs_hook=_object
)
_READ: Final = json.JSONDecoder(parse_int=_integer, parse_float=_number)
