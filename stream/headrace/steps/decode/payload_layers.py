"""Layers around the value of a payload: base64, compression, and a header or a container that names the schema."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeVar, assert_never

import pyarrow as pa

from headrace.schemas.decoder import MAX_PAYLOAD_BYTES
from headrace.schemas.errors import UndecodableError
from headrace.schemas.message_rules.encoding import Body, Compression, Encoding, Frame
from headrace.steps.decode.enclosed_datum import read_container

T = TypeVar("T")
SINGLE_OBJECT: Final = b"\xc3\x01"
GLUE: Final = 3
GLUE_PLAIN, GLUE_ZLIB = 0, 5
_CONTENT_ENCODING: Final = "content-encoding"
_MEMBERS: Final = 16  # each rest is copied once: many members of a hostile payload would take long
_MAX_COMPRESSED: Final = MAX_PAYLOAD_BYTES + 65_536  # what cannot be compressed becomes a little larger
_GZIP, _DEFLATE = 31, 15  # zlib's window bits: with gzip's header, and with zlib's (RFC 1950)


class Framed(NamedTuple):
    """A payload whose header is read: the value begins at byte *start* of *data*.

    *schema_id* is what the header names: an id, a fingerprint, or the hash of the schema in a container.
    """

    schema_id: int | bytes | None
    data: bytes
    start: int


def unpack(data: bytes, encoding: Encoding, attributes: Mapping[str, str]) -> bytes:
    """Remove base64 and compression, as the contract states them.

    Raises:
        UndecodableError: the payload is not base64, not compressed so, or larger than a payload may be.
    """
    if encoding.base64:
        data = _from_base64(data)
    if encoding.compression is not None and len(data) > _MAX_COMPRESSED:
        raise _too_large()
    match encoding.compression:
        case None:
            return data
        case Compression.CONTENT_ENCODING:
            return _as_attribute_says(data, attributes)
        case Compression.GZIP:
            return _gunzip(data)
        case Compression.DEFLATE:
            return _inflate(data, _DEFLATE, "deflate in zlib's format (RFC 1950)")
        case Compression.ZSTD:
            return _unzstd(data)
        case _:
            assert_never(encoding.compression)


def read_header(data: bytes, encoding: Encoding) -> Framed:
    """Read the header or the container that the contract states.

    Raises:
        UndecodableError: the payload begins otherwise.
    """
    match encoding.frame:
        case Frame.NONE if encoding.body is Body.CONTAINER:
            schema, datum = read_container(data)
            return Framed(schema, datum, 0)
        case Frame.NONE:
            return Framed(None, data, 0)
        case Frame.SINGLE_OBJECT:
            if not data.startswith(SINGLE_OBJECT) or len(data) < 10:
                raise _no_header("C3 01 and a fingerprint of 8 bytes (single-object)")
            return Framed(data[2:10], data, 10)
        case Frame.CONFLUENT | Frame.APICURIO:
            if encoding.id_attribute is not None:
                return Framed(None, data, 0)
            end = encoding.header_bytes
            if len(data) < end or data[0] != 0:
                raise _no_header(f"00 and an id of {end - 1} bytes ({encoding.frame})")
            return Framed(int.from_bytes(data[1:end]), data, end)
        case Frame.GLUE:
            return _glue(data)
        case _:
            assert_never(encoding.frame)


def behind_header(read: Callable[[bytes], T], framed: Framed) -> T:
    """Read the value behind its header; the byte of an error counts from the payload's first one."""
    try:
        return read(framed.data[framed.start :])
    except UndecodableError as error:
        if not framed.start or error.offset is None:
            raise
        raise error.behind(framed.start) from None


def _glue(data: bytes) -> Framed:
    if len(data) < 18 or data[0] != GLUE or data[1] not in (GLUE_PLAIN, GLUE_ZLIB):
        raise _no_header("03, 00 or 05, and an id of 16 bytes (glue)")
    if data[1] == GLUE_PLAIN:
        return Framed(data[2:18], data, 18)
    return Framed(data[2:18], _inflate(data[18:], _DEFLATE, "zlib, as its header says"), 0)


def _no_header(header: str) -> UndecodableError:
    return UndecodableError(f"does not begin with the header that the contract states: {header}", offset=0)


def _from_base64(data: bytes) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise UndecodableError("not base64, which the contract states") from None


def _as_attribute_says(data: bytes, attributes: Mapping[str, str]) -> bytes:
    name = next((value for each, value in attributes.items() if each.lower() == _CONTENT_ENCODING), "identity")
    match name.strip().lower():
        case "gzip" | "x-gzip":
            return _gunzip(data)
        case "deflate":
            return _inflate(data, _DEFLATE, "deflate in zlib's format (RFC 1950)")
        case "zstd":
            return _unzstd(data)
        case "identity":
            return data
        case _:
            raise UndecodableError(
                "the attribute content-encoding is none of gzip, deflate, zstd and identity",
                remedy="compress with one of these, and name that one",
            )


def _gunzip(data: bytes) -> bytes:
    """Unpack gzip, whose file may be several members one after the other (RFC 1952, 2.2)."""
    found = b""
    for _ in range(_MEMBERS):
        more, data = _inflated(data, _GZIP, "gzip", MAX_PAYLOAD_BYTES - len(found))
        found += more
        if not data:
            return found
    raise UndecodableError(f"gzip of more than {_MEMBERS} members")


def _inflate(data: bytes, window: int, name: str) -> bytes:
    found, rest = _inflated(data, window, name, MAX_PAYLOAD_BYTES)
    if rest:
        raise UndecodableError(f"{name} that other bytes follow")
    return found


def _inflated(data: bytes, window: int, name: str, at_most: int) -> tuple[bytes, bytes]:
    """Return what *data* begins with, unpacked, and the rest of *data*."""
    inflater = zlib.decompressobj(window)
    try:
        found = inflater.decompress(data, at_most + 1)
    except zlib.error:
        raise UndecodableError(f"not {name}") from None
    if len(found) > at_most:
        raise _too_large()
    if not inflater.eof:
        raise UndecodableError(f"{name} that ends in the middle")
    return found, inflater.unused_data


def _unzstd(data: bytes) -> bytes:
    try:
        with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
            found = bytes(stream.read(MAX_PAYLOAD_BYTES + 1))
    except OSError:
        raise _no_zstd() from None
    if not data:
        raise _no_zstd()
    if len(found) > MAX_PAYLOAD_BYTES:
        raise _too_large()
    return found


def _no_zstd() -> UndecodableError:
    return UndecodableError("not whole frames of zstd", remedy="compress the payload once, without a dictionary")


def _too_large() -> UndecodableError:
    return UndecodableError(f"larger than {MAX_PAYLOAD_BYTES} bytes when it is uncompressed")
