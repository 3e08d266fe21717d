"""Reader of Avro object files, which checks the declared sizes before it allocates memory for them."""

from __future__ import annotations

import bz2
import json
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, Final, NamedTuple

import pyarrow as pa

from headrace.backfill.backfill_errors import BackfillError, CutOffError

MAX_HEADER_BYTES: Final = 4 * 1024 * 1024
MAX_BLOCK_BYTES: Final = 64 * 1024 * 1024  # unpacked; writers make blocks of 16 kB to some MB
_MAGIC: Final = b"Obj\x01"
_SYNC_BYTES: Final = 16
_CHECKSUM_BYTES: Final = 4  # after each snappy block


class Header(NamedTuple):
    """Header of a file: the schema, the codec, and the sync marker after each block."""

    schema: Any
    codec: str
    sync: bytes


class Block(NamedTuple):
    """Consecutive records of one block, decompressed."""

    records: int
    data: bytes


def read_header(file: BinaryIO) -> Header:
    """Read the header of an open file.

    Raises:
        BackfillError: the file is not an Avro object file, or its codec is unknown.
    """
    if file.read(len(_MAGIC)) != _MAGIC:
        raise BackfillError("not an Avro object file")
    metadata, left = {}, MAX_HEADER_BYTES
    while count := _read_long(file):
        if count < 0:
            count = -count
            _read_long(file)  # the size of this part in bytes
        for _ in range(count):
            key = _read_exactly(file, _read_long(file), left)
            value = _read_exactly(file, _read_long(file), left - len(key))
            left -= len(key) + len(value) + 2
            metadata[key] = value
    codec = metadata.get(b"avro.codec", b"null").decode(errors="replace")
    if codec not in _UNPACK:
        raise BackfillError(f"its blocks have an unknown codec; use one of {', '.join(_UNPACK)}")
    try:
        schema = json.loads(metadata[b"avro.schema"])
    except (KeyError, ValueError, RecursionError) as error:
        raise BackfillError("its header has no Avro schema that can be read") from error
    return Header(schema, codec, _read_exactly(file, _SYNC_BYTES, _SYNC_BYTES))


def blocks(file: BinaryIO, header: Header) -> Iterator[Block]:
    """Read the blocks after the header.

    Raises:
        CutOffError: a block is cut off, larger than MAX_BLOCK_BYTES, or has more records than bytes.
    """
    unpack = _UNPACK[header.codec]
    while first := file.read(1):
        count = _read_long(file, first)
        packed = _read_exactly(file, _read_long(file), MAX_BLOCK_BYTES)
        try:
            data = unpack(packed)
        except (zlib.error, lzma.LZMAError, pa.ArrowException, OSError, ValueError, EOFError) as error:
            raise CutOffError(f"a block that its codec {header.codec} cannot unpack") from error
        if len(data) > MAX_BLOCK_BYTES:
            raise CutOffError(f"a block of more than {MAX_BLOCK_BYTES:,} bytes")
        if not 0 <= count <= len(data):
            raise CutOffError("a block of more records than it has bytes")
        if _read_exactly(file, _SYNC_BYTES, _SYNC_BYTES) != header.sync:
            raise CutOffError("a block that does not end where it says")
        yield Block(count, data)


def _read_long(file: BinaryIO, begun: bytes = b"") -> int:
    value = shift = 0
    while shift < 64:
        byte = begun or file.read(1)
        begun = b""
        if not byte:
            raise CutOffError("it ends in the middle")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return (value >> 1) ^ -(value & 1)
        shift += 7
    raise CutOffError("a number of more than ten bytes")


def _read_exactly(file: BinaryIO, size: int, at_most: int) -> bytes:
    if not 0 <= size <= at_most:
        raise CutOffError(f"a part of a size that is not between 0 and {at_most:,} bytes")
    data = file.read(size)
    if len(data) != size:
        raise CutOffError("it ends in the middle")
    return data


def _deflate(packed: bytes) -> bytes:
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, MAX_BLOCK_BYTES + 1)


def _snappy(packed: bytes) -> bytes:
    size = shift = 0
    for byte in packed[:5]:
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if size > MAX_BLOCK_BYTES:
        raise CutOffError(f"a block of more than {MAX_BLOCK_BYTES:,} bytes")
    data: bytes = pa.Codec("snappy").decompress(packed[:-_CHECKSUM_BYTES], size, asbytes=True)
    if zlib.crc32(data) != int.from_bytes(packed[-_CHECKSUM_BYTES:], "big"):
        raise CutOffError("a block whose checksum does not match")
    return data


def _zstandard(packed: bytes) -> bytes:
    data: bytes = pa.CompressedInputStream(pa.BufferReader(packed), "zstd").read(MAX_BLOCK_BYTES + 1)
    return data


_UNPACK: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "null": lambda packed: packed,
    "deflate": _deflate,
    "bzip2": lambda packed: bz2.BZ2Decompressor().decompress(packed, MAX_BLOCK_BYTES + 1),
    "xz": lambda packed: lzma.LZMADecompressor().decompress(packed, MAX_BLOCK_BYTES + 1),
    "snappy": _snappy,
    "zstandard": _zstandard,
}
