"""Lines of Avro object files."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import IO, Any, BinaryIO, Final, cast

import fastavro
from fastavro.schema import SchemaParseException

from headrace.backfill.avro_schema import columns_of, schema_to_read
from headrace.backfill.backfill_errors import BackfillError, CutOffError
from headrace.backfill.file_line import Content, Lines, line_of_row
from headrace.util.avro_container import (
    Block,
    ContainerError,
    CutOffContainerError,
    Header,
    blocks,
    read_header,
)

# Errors of fastavro for data that does not match its schema.
_SYNC: Final = b"headrace".ljust(16)
_FAILED: Final = (ValueError, TypeError, LookupError, ArithmeticError, EOFError, OSError, struct.error, AssertionError)


def avro_content(file: BinaryIO, delimiter: str) -> Content:
    """Return the columns and lines of an Avro object file.

    Raises:
        BackfillError: the header cannot be read, or the schema allows data of any size.
    """
    with _told():
        header = read_header(file)
    try:
        schema = json.loads(header.schema)
        columns = columns_of(schema)
        quick, careful = (fastavro.parse_schema(schema_to_read(schema, each)) for each in (False, True))
    except (SchemaParseException, ValueError, TypeError, LookupError, RecursionError) as error:
        raise BackfillError("its header has no Avro schema that can be read") from error
    return Content(columns, _lines(file, header, quick, careful))


@contextmanager
def _told() -> Iterator[None]:
    """Tell what is wrong with a container as what is wrong with a file."""
    try:
        yield
    except CutOffContainerError as error:
        raise CutOffError(str(error)) from error
    except ContainerError as error:
        raise BackfillError(str(error)) from error


def _blocks(file: BinaryIO, header: Header) -> Iterator[Block]:
    with _told():
        yield from blocks(file, header)


class _Stream:
    """File-like object for fastavro: the same records, decompressed, in checked blocks."""

    def __init__(self, file: BinaryIO, header: Header) -> None:
        self._blocks = _blocks(file, header)
        self._bytes = io.BytesIO()
        self.block = Block(0, b"")
        self.before = 0  # records of earlier blocks

    def records(self, schema: Any) -> Iterator[Any]:
        """Return the records of the remaining blocks."""
        self._bytes = io.BytesIO(_head(schema))
        return iter(fastavro.reader(cast("IO[Any]", self)))  # fastavro only calls read

    def read(self, size: int) -> bytes:
        """Read at most *size* bytes. No part that fastavro reads spans two blocks."""
        data = self._bytes.read(size)
        if data or not size:
            return data
        block = next(self._blocks, None)
        if block is None:
            return b""
        self.before += self.block.records
        self.block = block
        self._bytes = io.BytesIO(_packed(block))
        return self._bytes.read(size)


def _lines(file: BinaryIO, header: Header, quick: Any, careful: Any) -> Lines:
    stream, number = _Stream(file, header), 0
    while True:
        try:
            for values in stream.records(quick):
                number += 1
                yield line_of_row(number, values, checked=True)
        except _FAILED:
            for values in _again(stream.block, careful, number - stream.before):
                number += 1
                yield line_of_row(number, values, checked=False)
        else:
            return


def _again(block: Block, careful: Any, done: int) -> Iterator[Any]:
    """Yield the records of a block, from the one that the quick schema could not read."""
    records = fastavro.reader(io.BytesIO(_head(careful) + _packed(block)))
    try:
        yield from islice(records, done, None)
    except _FAILED as error:
        raise CutOffError(f"a block whose bytes are not the records of its schema ({type(error).__name__})") from error


def _head(schema: Any) -> bytes:
    file = io.BytesIO()
    fastavro.writer(file, schema, [], sync_marker=_SYNC)
    return file.getvalue()


def _packed(block: Block) -> bytes:
    return b"".join([_long(block.records), _long(len(block.data)), block.data, _SYNC])


def _long(number: int) -> bytes:
    number, packed = number << 1, bytearray()
    while number > 0x7F:
        packed.append(number & 0x7F | 0x80)
        number >>= 7
    packed.append(number)
    return bytes(packed)
