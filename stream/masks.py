"""What each mask does to a column of values."""

from __future__ import annotations

import ipaddress
import unicodedata
from collections.abc import Callable
from functools import partial
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from schemas.model import Generalise, Pii

ArrayMask: TypeAlias = Callable[[pa.Array], pa.Array]

TOKEN_PREFIX: Final = "t1_"  # t and the version of the key  # noqa: S105 not a password
TOKEN_DIGITS: Final = 32  # 128 bits: collisions stay out of reach
HIDDEN: Final = "*"
_IPV4_BYTES, _IPV6_BYTES = 3, 6  # of an address that stay


def tokeniser(kind: str, key: bytes) -> ArrayMask:
    """Make the function that turns values into tokens: HMAC-SHA-256, keyed, one domain for each kind.

    Equal values of one kind have equal tokens in every table, so joins still work; without the key nothing
    can be guessed and checked.
    """
    domain = HMAC(key, SHA256())
    domain.update(kind.encode())
    prepared = HMAC(domain.finalize(), SHA256())
    fold = kind == "email"

    def token(value: Any) -> str:
        mac = prepared.copy()
        mac.update(_canonical(value, fold))
        return TOKEN_PREFIX + mac.finalize().hex()[:TOKEN_DIGITS]

    return partial(_of_distinct, mask=token)


def _canonical(value: Any, fold: bool) -> bytes:
    if isinstance(value, bytes):
        return value
    text = str(value)
    if not text.isascii():  # which is in every normal form
        text = unicodedata.normalize("NFKC", text)
    text = text.strip()
    return (text.casefold() if fold else text).encode()


def _of_distinct(column: pa.Array, mask: Callable[[Any], str | None]) -> pa.Array:
    """Mask each distinct value once; null stays null."""
    distinct = column.dictionary_encode()
    masked = pa.array([mask(value) for value in distinct.dictionary.to_pylist()], pa.string())
    return masked.take(distinct.indices)


def keep_part(column: pa.Array, first: int, last: int) -> pa.Array:
    """Keep *first* and *last* characters of each text and hide the rest; a text too short is hidden whole."""
    length = pc.utf8_length(column)
    is_short = pc.less_equal(length, first + last)
    hidden = pc.binary_repeat(HIDDEN, pc.if_else(is_short, length, pc.subtract(length, first + last)))
    parts = [pc.utf8_slice_codeunits(column, 0, first), hidden]
    if last:
        parts.append(pc.utf8_slice_codeunits(column, -last))
    return pc.if_else(is_short, hidden, pc.binary_join_element_wise(*parts, ""))


def generalise(column: pa.Array, pii: Pii) -> pa.Array:
    """Make values coarser: a time to its month or year, an address to its network, a number to its bucket."""
    match pii.to:
        case Generalise.MONTH | Generalise.YEAR:
            return pc.floor_temporal(column, unit=str(pii.to)).cast(column.type)
        case Generalise.NETWORK:
            return _of_distinct(column, _network)
        case _:
            return _bucket(column, pii.size or 1)


def _network(text: str) -> str | None:
    """The network of an address; None for a text that is no address, since it may be anything."""
    text = text.strip()
    try:
        if ":" not in text:
            return inet_ntop(AF_INET, inet_pton(AF_INET, text)[:_IPV4_BYTES] + bytes(4 - _IPV4_BYTES)) + "/24"
        address = inet_pton(AF_INET6, text) if "%" not in text else ipaddress.IPv6Address(text).packed
        return inet_ntop(AF_INET6, address[:_IPV6_BYTES] + bytes(16 - _IPV6_BYTES)) + "/48"
    except (OSError, ValueError):  # no address, or not even a C string
        return None


def _bucket(column: pa.Array, size: int) -> pa.Array:
    is_integer = pa.types.is_integer(column.type)
    nulls = column.is_null().to_numpy(zero_copy_only=False)
    numbers = column.fill_null(0).cast(pa.int64() if is_integer else pa.float64()).to_numpy()
    lowest = -(2**31) if column.type == pa.int32() else -(2**63)
    with np.errstate(invalid="ignore"):  # infinity has no bucket
        floored = _floor(numbers, size, lowest) if is_integer else numbers // float(size) * float(size)
    return pa.array(floored, mask=nulls).cast(column.type, safe=False)


def _floor(numbers: npt.NDArray[np.int64], size: int, low: int) -> npt.NDArray[np.int64]:
    """The lower ends of buckets; that of the lowest bucket is *low*, for its own is out of range."""
    if size > np.iinfo(np.int64).max:
        return np.where(numbers < 0, low, 0)
    above = numbers % size
    return np.where(numbers < low + above, low, numbers - above)
