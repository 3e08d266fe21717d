"""Find the encoding in which a payload can be read, where its contract states another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Final, NamedTuple

from headrace.dead_letters.format_sniffing import GZIP, ZSTANDARD
from headrace.schemas.errors import UndecodableError
from headrace.schemas.headers import HEADERS
from headrace.schemas.message_rules.encoding import Compression, Encoding
from headrace.schemas.message_rules.encoding_words import around, encoding_of, setting
from headrace.steps.decode.payload_layers import read_header, unpack

_ZLIB: Final = b"\x78"
_COMPRESSED: Final = {GZIP: Compression.GZIP, ZSTANDARD: Compression.ZSTD, _ZLIB: Compression.DEFLATE}
_BASE64: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
_FRAMES: Final = (Encoding(is_stated=True), *map(encoding_of, HEADERS))

Reads = Callable[[bytes, int, Encoding], bool]
"""Whether a contract reads a payload whose datum begins at a byte, in an encoding."""


class OtherEncoding(NamedTuple):
    """The *encoding* of a payload, and in words: what it looks like, and the setting of a contract, in JSON."""

    encoding: Encoding
    looks_like: str
    setting: str


def other_encoding(data: bytes, stated: Encoding, reads: Reads) -> OtherEncoding | None:
    """Return the first encoding but *stated* in which *reads* accepts *data*, or None."""
    for encoding in _candidates(data):
        if _same(encoding, stated):
            continue
        try:
            framed = read_header(unpack(data, encoding, {}), encoding)
        except UndecodableError:
            continue
        if framed.data and reads(framed.data, framed.start, encoding):
            return OtherEncoding(encoding, around(encoding), setting(encoding))
    return None


def _candidates(data: bytes) -> Iterator[Encoding]:
    """Yield what *data* may be, the simplest first. The first bytes of a payload tell its compression."""
    base64 = (False, True) if data and _BASE64.issuperset(data) else (False,)
    for in_base64, frame in product(base64, _FRAMES):
        yield replace(frame, base64=in_base64)
    for in_base64 in base64:
        try:
            inside = unpack(data, Encoding(base64=in_base64), {})
        except UndecodableError:
            continue
        for beginning, compression in _COMPRESSED.items():
            if inside.startswith(beginning):
                yield from (replace(frame, base64=in_base64, compression=compression) for frame in _FRAMES)


def _same(one: Encoding, other: Encoding) -> bool:
    """Return whether two encodings have the same things around the value."""
    return (one.header_bytes, one.compression, one.base64) == (other.header_bytes, other.compression, other.base64)
