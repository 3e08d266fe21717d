"""Compression of payloads with zstd, where the contract allows it and it makes them smaller."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from headrace.producers.config import ProducerConfigError
from headrace.schemas.envelope import CONTENT_ENCODING
from headrace.schemas.registry import Contract

if TYPE_CHECKING:
    from zstandard import ZstdCompressor

COMPRESS_FROM: Final = 1024  # bytes: smaller payloads hardly get smaller (docs/adr/0039-large-payloads.md)
ZSTD: Final = "zstd"


class PayloadCompression:
    """Compresses payloads of *from_bytes* and more of those *contracts* that allow it; None compresses nothing.

    Thread-safe.

    Raises:
        ValueError: *from_bytes* is negative.
    """

    def __init__(self, contracts: Iterable[Contract], from_bytes: int | None) -> None:
        if from_bytes is not None and from_bytes < 0:
            raise ValueError("compress_from: below 0; give bytes, such as 1024, or None to compress nothing")
        allowing = () if from_bytes is None else contracts
        self.subjects = frozenset(each.subject for each in allowing if each.options.encodings.may_be_compressed)
        self._from_bytes = from_bytes or 0
        self._of_thread = threading.local()

    def compressed(self, datum: bytes, attributes: dict[str, str]) -> bytes:
        """Return *datum* as a payload, and say in *attributes* if it is compressed.

        Raises:
            ProducerConfigError: the package zstandard is not installed.
        """
        compressor = self._compressor()
        if len(datum) < self._from_bytes:
            return datum
        packed = compressor.compress(datum)
        if len(packed) >= len(datum):
            return datum
        attributes[CONTENT_ENCODING] = ZSTD
        return packed

    def _compressor(self) -> ZstdCompressor:
        """Return the compressor of this thread: it serves one at a time."""
        found: ZstdCompressor | None = getattr(self._of_thread, "compressor", None)
        if found is None:
            found = self._of_thread.compressor = _new_compressor()
        return found


def _new_compressor() -> ZstdCompressor:
    try:
        from zstandard import ZstdCompressor
    except ImportError:
        raise ProducerConfigError(
            "compress_from: the contract allows compression, which needs the package zstandard; "
            "run pip install 'headrace-producers[compression]', or give compress_from=None"
        ) from None
    return ZstdCompressor()


def uncompressed(data: bytes, attributes: Mapping[str, str]) -> bytes:
    """Return the datum of a payload that a producer made."""
    if attributes.get(CONTENT_ENCODING) != ZSTD:
        return data
    from zstandard import ZstdDecompressor

    return ZstdDecompressor().decompress(data)
