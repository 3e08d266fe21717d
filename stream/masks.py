"""What each mask does to a column of values."""

from __future__ import annotations

import ipaddress
import struct
import unicodedata
from collections.abc import Callable
from functools import partial
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from schemas.model import Generalise, Pii
from stream.side_by_side import side_by_side

ArrayMask: TypeAlias = Callable[[pa.Array], pa.Array]

TOKEN_PREFIX: Final = "t1_"  # t and the version of the key  # noqa: S105 not a password
TOKEN_DIGITS: Final = 32  # 128 bits: collisions stay out of reach
HIDDEN: Final = "*"
_IPV6_NETWORK: Final = struct.Struct(">3H")  # the part of an address that stays


def tokeniser(kind: str, key: bytes) -> ArrayMask:
    """Make the function that turns values into tokens: HMAC-SHA-256, keyed, one domain for each kind.

    Equal values of one kind have equal tokens in every table, so joins still work; without the key nothing
    can be guessed and checked.
    """
    domain = HMAC(key, SHA256())
    domain.update(kind.encode())
    prepared = HMAC(domain.finalize(), SHA256())
    fold = kind == "email"

    def tokens(values: list[Any]) -> pa.Array:
        macs = []
        for value in values:
            mac = prepared.copy()
            mac.update(_canonical(value, fold))
            macs.append(mac.finalize())
        return _texts(macs)

    return partial(_of_distinct, mask=tokens)


def _texts(macs: list[bytes]) -> pa.Array:
    """The token of each, which are all of one width."""
    digits = np.frombuffer(b"".join(macs).hex().encode(), np.uint8).reshape(len(macs), 2 * SHA256.digest_size)
    prefix = np.frombuffer(TOKEN_PREFIX.encode(), np.uint8).reshape(1, -1)
    return side_by_side([prefix, digits[:, :TOKEN_DIGITS]], len(macs)).cast(pa.string())


def _canonical(value: Any, fold: bool) -> bytes:
    if isinstance(value, bytes):
        return value
    text = str(value)
    if not text.isascii():  # which is in every normal form
        text = unicodedata.normalize("NFKC", text)
    text = text.strip()
    return (text.casefold() if fold else text).encode()


def _of_distinct(column: pa.Array, mask: Callable[[list[Any]], pa.Array]) -> pa.Array:
    """Mask each distinct value once; null stays null."""
    distinct = column.dictionary_encode()
    return mask(distinct.dictionary.to_pylist()).take(distinct.indices)


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
            return _of_distinct(column, lambda texts: pa.array(map(_network, texts), pa.string()))
        case _:
            return _bucket(column, pii.size or 1)


def _network(text: str) -> str | None:
    """The network of an address; None for a text that is no address, since it may be anything."""
    text = text.strip()
    try:
        if ":" not in text:
            inet_pton(AF_INET, text)  # takes four numbers without leading zeros, and nothing else
            return f"{text[: text.rindex('.')]}.0/24"
        address = inet_pton(AF_INET6, text) if "%" not in text else ipaddress.IPv6Address(text).packed
    except (OSError, ValueError):  # no address, or not even a C string
        return None
    one, two, three = _IPV6_NETWORK.unpack_from(address)
    if three:
        return f"{one:x}:{two:x}:{three:x}::/48"
    return f"{one:x}:{two:x}::/48" if two else f"{one:x}::/48" if one else "::/48"


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
