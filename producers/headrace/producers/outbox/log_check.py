"""Check of the write-ahead log that a crash left beside an outbox.

SQLite reads the log up to the first frame with a wrong checksum, and ignores the rest without an error. That is right
for the last transaction, which a power cut may tear. If it is an earlier one, committed transactions are lost.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

_HEADER: Final = struct.Struct(">8I")  # sqlite.org/fileformat2.html#walformat
_FRAME: Final = struct.Struct(">6I")  # page, pages after a commit, two salts, two checksums
_ORDERS: Final = {0x377F0682: "<", 0x377F0683: ">"}
_MASK: Final = 0xFFFFFFFF


def has_lost_transactions(log: Path) -> bool:
    """Return whether SQLite would ignore a transaction in *log* behind which another one was committed."""
    content = log.read_bytes() if log.exists() else b""
    if len(content) < _HEADER.size:
        return False
    magic, _, page_bytes, _, *salts, first, second = _HEADER.unpack_from(content)
    order = _ORDERS.get(magic, ">")
    sums = _sums(content[: _HEADER.size - 8], (0, 0), order)
    is_whole = sums == (first, second) and magic in _ORDERS
    commits = 0  # in frames that are not read
    size = _FRAME.size + (page_bytes or 4096)
    for start in range(_HEADER.size, len(content) - size + 1, size):
        _, commit, salt, other, *expected = _FRAME.unpack_from(content, start)
        if is_whole:
            if [salt, other] == salts:
                sums = _sums(content[start : start + 8], sums, order)
                sums = _sums(content[start + _FRAME.size : start + size], sums, order)
            is_whole = [salt, other] == salts and list(sums) == expected
        if not is_whole and [salt, other] == salts and commit:
            commits += 1
    return commits > 1


def _sums(data: bytes, sums: tuple[int, int], order: str) -> tuple[int, int]:
    first, second = sums
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for word, after in zip(words, words, strict=True):
        first = (first + word + second) & _MASK
        second = (second + after + first) & _MASK
    return first, second
