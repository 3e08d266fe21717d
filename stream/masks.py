"""What each mask does to a column of values."""

from __future__ import annotations

import hmac
import ipaddress
import unicodedata
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from schemas.model import Generalise, Pii

TOKEN_PREFIX: Final = "t1_"  # t and the version of the key  # noqa: S105 not a password
TOKEN_DIGITS: Final = 32  # 128 bits: collisions stay out of reach
HIDDEN: Final = "*"
_IPV4_KEPT, _IPV6_KEPT = 24, 48  # bits of an address that stay


def tokeniser(kind: str, key: bytes) -> Callable[[pa.Array], pa.Array]:
    """Make the function that turns values into tokens: HMAC-SHA-256, keyed, one domain for each kind.

    Equal values of one kind have equal tokens in every table, so joins still work; without the key nothing
    can be guessed and checked.
    """
    domain = hmac.new(key, kind.encode(), sha256).digest()
    prepared = hmac.new(domain, None, sha256)
    fold = kind == "email"

    def token(value: Any) -> str:
        mac = prepared.copy()
        mac.update(_canonical(value, fold))
        return TOKEN_PREFIX + mac.hexdigest()[:TOKEN_DIGITS]

    def tokenise(column: pa.Array) -> pa.Array:
        values = [None if value is None else token(value) for value in column.to_pylist()]
        return pa.array(values, pa.string())

    return tokenise


def _canonical(value: Any, fold: bool) -> bytes:
    if isinstance(value, bytes):
        return value
    text = unicodedata.normalize("NFKC", str(value)).strip()
    return (text.casefold() if fold else text).encode()


def keep_part(column: pa.Array, first: int, last: int) -> pa.Array:
    """Keep *first* and *last* characters of each text and hide the rest; a text too short is hidden whole."""

    def part(text: str) -> str:
        if len(text) <= first + last:
            return HIDDEN * len(text)
        return text[:first] + HIDDEN * (len(text) - first - last) + text[len(text) - last :]

    return pa.array([None if text is None else part(text) for text in column.to_pylist()], pa.string())


def generalise(column: pa.Array, pii: Pii) -> pa.Array:
    """Make values coarser: a time to its month or year, an address to its network, a number to its bucket."""
    match pii.to:
        case Generalise.MONTH | Generalise.YEAR:
            return pc.floor_temporal(column, unit=str(pii.to)).cast(column.type)
        case Generalise.NETWORK:
            networks = [None if text is None else _network(text) for text in column.to_pylist()]
            return pa.array(networks, pa.string())
        case _:
            return _bucket(column, pii.size or 1)


def _network(text: str) -> str | None:
    """The network of an address; None for a text that is no address, since it may be anything."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    kept = _IPV4_KEPT if address.version == 4 else _IPV6_KEPT
    return str(ipaddress.ip_network((address, kept), strict=False))


def _bucket(column: pa.Array, size: int) -> pa.Array:
    def floor(value: Any) -> Any:
        return type(value)(value // size * size)

    low = -(2**31) if column.type == pa.int32() else -(2**63)
    floored = [None if value is None else floor(value) for value in column.to_pylist()]
    if pa.types.is_integer(column.type):
        floored = [None if value is None else max(value, low) for value in floored]
    return pa.array(floored, column.type)
