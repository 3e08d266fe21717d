"""Tokens, which replace personal values by which tables are joined."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from headrace.core.resource_names import FIRST_KEY_VERSION
from headrace.util.arrow_buffers import side_by_side

TOKEN_DIGITS: Final = 32  # 128 bits, so that collisions are practically impossible
_BLANK: Final = " \t\n\v\f\r\x1c\x1d\x1e\x1f"  # the characters that str.strip removes from an ASCII text
_TOKEN_BYTES: Final = TOKEN_DIGITS // 2


@dataclass(frozen=True, slots=True)
class TokenKey:
    """Key of tokens: the secret, and the version that the tokens' prefix names."""

    secret: bytes = field(repr=False)
    version: str = FIRST_KEY_VERSION


def token_prefix(version: str) -> str:
    """Return the prefix of tokens that are made with this version of the key.

    >>> token_prefix("2")
    't2_'
    """
    return f"t{version}_"


def tokeniser(kind: str, key: TokenKey) -> Callable[[pa.Array], pa.Array]:
    """Return a function that turns values into tokens: HMAC-SHA-256, with a derived key for each kind.

    Equal values of one kind have equal tokens in every table, so joins still work. Without the key, a guess cannot be
    checked.
    """
    domain = HMAC(key.secret, SHA256())
    domain.update(kind.encode())
    prepared = HMAC(domain.finalize(), SHA256())
    fold, prefix = kind == "email", token_prefix(key.version).encode()

    def tokens(column: pa.Array) -> pa.Array:
        distinct, macs = column.dictionary_encode(), []
        for value in _canonical(distinct.dictionary, fold):
            mac = prepared.copy()
            mac.update(value)
            macs.append(mac.finalize())
        return _texts(prefix, macs).take(distinct.indices)

    return tokens


def _texts(prefix: bytes, macs: list[bytes]) -> pa.Array:
    """Return the tokens, which all have the same width."""
    kept = np.frombuffer(b"".join(macs), np.uint8).reshape(len(macs), SHA256.digest_size)[:, :_TOKEN_BYTES]
    digits = np.frombuffer(kept.tobytes().hex().encode(), np.uint8).reshape(len(macs), TOKEN_DIGITS)
    return side_by_side([np.frombuffer(prefix, np.uint8).reshape(1, -1), digits], len(macs)).cast(pa.string())


def _canonical(values: pa.Array, fold: bool) -> list[bytes]:
    """Return the bytes to sign for each value, as :func:`_canonical_value` does, by columns where possible."""
    if pa.types.is_integer(values.type):
        return values.cast(pa.string()).cast(pa.binary()).to_pylist()  # type: ignore[no-any-return]
    if values.type != pa.string():
        return [_canonical_value(value, fold) for value in values.to_pylist()]
    plain = pc.ascii_trim(values, _BLANK)
    texts: list[bytes] = (pc.ascii_lower(plain) if fold else plain).cast(pa.binary()).to_pylist()
    for place in pc.indices_nonzero(pc.invert(pc.string_is_ascii(values))).to_pylist():
        texts[place] = _canonical_value(values[place].as_py(), fold)
    return texts


def _canonical_value(value: Any, fold: bool) -> bytes:
    if isinstance(value, bytes):
        return value
    text = unicodedata.normalize("NFKC", str(value)).strip()
    return (text.casefold() if fold else text).encode()
