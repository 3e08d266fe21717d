"""Reader of Avro's object containers, which checks the declared sizes before it allocates memory for them."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, Final, NamedTuple

import pyarrow as pa

from headrace.errors import Exit, HeadraceError

MAX_HEADER_BYTES: Final = 4 * 1024 * 1024
MAX_BLOCK_BYTES: Final = 64 * 1024 * 1024  # unpacked; writers make blocks of 16 kB to some MB
MAGIC: Final = b"Obj\x01"
_SYNC_BYTES: Final = 16
_CHECKSUM_BYTES: Final = 4  # after each snappy block
_XZ_MEMORY_BYTES: Final = 128 * 1024 * 1024  # the highest preset of xz needs 65 MiB


class ContainerError(HeadraceError, ValueError, error_code="HR-114", exit_code=Exit.BUG):
    """Bytes are not an Avro container that can be read. The text gives the problem, without any value."""


class CutOffContainerError(ContainerError, error_code="HR-115", exit_code=Exit.BUG):
    """A container cannot be read to its end."""


class Header(NamedTuple):
    """Header of a container: the schema's JSON, the codec, and the sync marker after each block."""

    schema: bytes
    codec: str
    sync: bytes


class Block(NamedTuple):
    """Consecutive records of one block, decompressed."""

    records: int
    data: bytes


def read_header(file: BinaryIO) -> Header:
    """Read the header of an open file.

    The format is in avro.apache.org/docs/1.12.0/specification, "Object Container Files".

    Raises:
        ContainerError: the file is not an Avro container, has no schema, or its codec is unknown.
    """
    if file.read(len(MAGIC)) != MAGIC:
        raise ContainerError("not an Avro object file")
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
        raise ContainerError(f"its blocks have an unknown codec; use one of {', '.join(_UNPACK)}")
    if b"avro.schema" not in metadata:
        raise ContainerError("its header has no Avro schema")
    return Header(metadata[b"avro.schema"], codec, _read_exactly(file, _SYNC_BYTES, _SYNC_BYTES))


def blocks(file: BinaryIO, header: Header, at_most: int = MAX_BLOCK_BYTES) -> Iterator[Block]:
    """Read the blocks after the header, of *at_most* bytes each.

    Raises:
        CutOffContainerError: a block is cut off, too large, or has more records than bytes.
    """
    unpack = _UNPACK[header.codec]
    while first := file.read(1):
        count = _read_long(file, first)
        packed = _read_exactly(file, _read_long(file), at_most)
        try:
            data = unpack(packed, at_most)
        except (zlib.error, lzma.LZMAError, pa.ArrowException, OSError, ValueError, EOFError) as error:
            raise CutOffContainerError(f"a block that its codec {header.codec} cannot unpack") from error
        if len(data) > at_most:
            raise CutOffContainerError(f"a block of more than {at_most:,} bytes")
        if not 0 <= count <= len(data):
            raise CutOffContainerError("a block of more records than it has bytes")
        if _read_exactly(file, _SYNC_BYTES, _SYNC_BYTES) != header.sync:
            raise CutOffContainerError("a block that does not end where it says")
        yield Block(count, data)


def _read_long(file: BinaryIO, begun: bytes = b"") -> int:
    value = shift = 0
    while shift < 64:
        byte = begun or file.read(1)
        begun = b""
        if not byte:
            raise CutOffContainerError("it ends in the middle")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return (value >> 1) ^ -(value & 1)
        shift += 7
    raise CutOffContainerError("a number of more than ten bytes")


def _read_exactly(file: BinaryIO, size: int, at_most: int) -> bytes:
    if not 0 <= size <= at_most:
        raise CutOffContainerError(f"a part of a size that is not between 0 and {at_most:,} bytes")
    data = file.read(size)
    if len(data) != size:
        raise CutOffContainerError("it ends in the middle")
    return data


def _deflate(packed: bytes, at_most: int) -> bytes:
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, at_most + 1)


def _xz(packed: bytes, at_most: int) -> bytes:
    return lzma.LZMADecompressor(memlimit=_XZ_MEMORY_BYTES).decompress(packed, at_most + 1)


def _snappy(packed: bytes, at_most: int) -> bytes:
    size = shift = 0
    for byte in packed[:5]:
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if size > at_most:
        raise CutOffContainerError(f"a block of more than {at_most:,} bytes")
    data: bytes = pa.Codec("snappy").decompress(packed[:-_CHECKSUM_BYTES], size, asbytes=True)
    if zlib.crc32(data) != int.from_bytes(packed[-_CHECKSUM_BYTES:], "big"):
        raise CutOffContainerError("a block whose checksum does not match")
    return data


def _zstandard(packed: bytes, at_most: int) -> bytes:
    data: bytes = pa.CompressedInputStream(pa.BufferReader(packed), "zstd").read(at_most + 1)
    return data


_UNPACK: Final[Mapping[str, Callable[[bytes, int], bytes]]] = {
    "null": lambda packed, _: packed,
    "deflate": _deflate,
    "bzip2": lambda packed, at_most: bz2.BZ2Decompressor().decompress(packed, at_most + 1),
    "xz": _xz,
    "snappy": _snappy,
    "zstandard": _zstandard,
}
