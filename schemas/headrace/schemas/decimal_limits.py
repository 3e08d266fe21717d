"""Digits that a decimal and its column hold, and the words for a value with more.

Both decoders and both transcoders of JSON use these words.
"""

from __future__ import annotations

from typing import Final

from headrace.schemas.model import Decimal

# cloud.google.com/bigquery/docs/reference/standard-sql/data-types
MAX_WHOLE: Final = 38  # digits before the point
MAX_SCALE: Final = 38  # digits after it
BIGNUMERIC: Final = f"BIGNUMERIC holds {MAX_WHOLE} digits before the point and {MAX_SCALE} after it"


def too_many_digits(type_: Decimal) -> str:
    """Return why a value with more digits than *type_* is refused: its contract, or the limit of its column.

    >>> too_many_digits(Decimal(9, 2))
    'more digits than its precision'
    """
    return f"more digits than its column: {BIGNUMERIC}" if is_at_limit(type_) else "more digits than its precision"


def wrong_length(type_: Decimal) -> str:
    """Return why a value of no bytes, or of more bytes than the digits of *type_* need, is refused."""
    why = "a decimal of no bytes or of too many"
    return f"{why} for its column: {BIGNUMERIC}" if is_at_limit(type_) else why


def fewer_digits(type_: Decimal) -> str:
    """Return the remedy for a value with too many digits."""
    return "use a string in the contract" if is_at_limit(type_) else "use a larger precision in the contract"


def is_at_limit(type_: Decimal) -> bool:
    """Return whether no column holds more digits before the point, whatever precision the schema states."""
    return type_.precision - type_.scale >= MAX_WHOLE
