"""What may be around a value: base64, compression within a bound, and headers."""

from __future__ import annotations

import base64
import gzip
import os
import re
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.schemas.decoder import MAX_PAYLOAD_BYTES
from headrace.schemas.errors import UndecodableError
from headrace.schemas.message_rules.encoding import Compression, Encoding, Frame
from headrace.steps.decode.payload_layers import read_header, unpack

DATA = b"a datum of some bytes, " * 9


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


COMPRESS: dict[Compression, Callable[[bytes], bytes]] = {
    Compression.GZIP: gzip.compress,
    Compression.DEFLATE: zlib.compress,
    Compression.ZSTD: zstd,
}
KINDS = [*COMPRESS]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_compressed_as_stated_is_read(kind: Compression) -> None:
    assert unpack(COMPRESS[kind](DATA), Encoding(compression=kind), {}) == DATA


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["content-encoding", "Content-Encoding", "CONTENT-ENCODING"])
def test_the_attribute_says_how_a_payload_is_compressed(kind: Compression, name: str) -> None:
    encoding = Encoding(compression=Compression.CONTENT_ENCODING)

    assert unpack(COMPRESS[kind](DATA), encoding, {name: f" {kind.upper()}"}) == DATA
    assert unpack(DATA, encoding, {name: "identity"}) == unpack(DATA, encoding, {}) == DATA
    with pytest.raises(UndecodableError, match="none of gzip, deflate, zstd and identity"):
        unpack(DATA, encoding, {name: "br"})


def test_deflate_without_zlibs_header_is_refused_by_the_name_of_its_format() -> None:
    raw = zlib.compressobj(wbits=-15)

    with pytest.raises(UndecodableError, match=re.escape("not deflate in zlib's format (RFC 1950)")):
        unpack(raw.compress(DATA) + raw.flush(), Encoding(compression=Compression.DEFLATE), {})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [MAX_PAYLOAD_BYTES + 1, 300 * MAX_PAYLOAD_BYTES])
def test_a_bomb_does_not_pass(kind: Compression, size: int) -> None:
    with pytest.raises(UndecodableError, match="larger than 16777216 bytes when it is uncompressed"):
        unpack(COMPRESS[kind](bytes(size)), Encoding(compression=kind), {})


@pytest.mark.parametrize("kind", KINDS)
def test_as_much_as_a_payload_may_have_passes(kind: Compression) -> None:
    assert len(unpack(COMPRESS[kind](bytes(MAX_PAYLOAD_BYTES)), Encoding(compression=kind), {})) == MAX_PAYLOAD_BYTES


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: data + b"\0",
        lambda _: DATA,
        lambda _: b"",
    ],
    ids=["one byte less", "half", "one byte more", "not compressed", "nothing"],
)
def test_what_is_not_exactly_one_compressed_payload_is_refused(
    kind: Compression, change: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(UndecodableError, match=f"{kind}|ends in the middle"):
        unpack(change(COMPRESS[kind](os.urandom(200))), Encoding(compression=kind), {})


@pytest.mark.parametrize("kind", [Compression.GZIP, Compression.ZSTD])
def test_several_members_are_one_payload(kind: Compression) -> None:
    members = b"".join(COMPRESS[kind](DATA[start : start + 20]) for start in range(0, len(DATA), 20))

    assert unpack(members, Encoding(compression=kind), {}) == DATA


@pytest.mark.parametrize("kind", [Compression.GZIP, Compression.ZSTD])
def test_members_together_are_no_larger_than_a_payload(kind: Compression) -> None:
    half = bytes(MAX_PAYLOAD_BYTES // 2)

    assert len(unpack(COMPRESS[kind](half) * 2, Encoding(compression=kind), {})) == MAX_PAYLOAD_BYTES
    with pytest.raises(UndecodableError, match="larger than 16777216 bytes"):
        unpack(COMPRESS[kind](half) * 2 + COMPRESS[kind](b"x"), Encoding(compression=kind), {})


def test_members_of_gzip_are_bounded() -> None:
    with pytest.raises(UndecodableError, match="gzip of more than 16 members"):
        unpack(gzip.compress(b"") * 17, Encoding(compression=Compression.GZIP), {})


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_compressed_passes_and_more_is_not_unpacked(kind: Compression) -> None:
    random = os.urandom(MAX_PAYLOAD_BYTES)

    assert unpack(COMPRESS[kind](random), Encoding(compression=kind), {}) == random
    with pytest.raises(UndecodableError, match="larger than 16777216 bytes"):
        unpack(COMPRESS[kind](b"") * 2_200_000, Encoding(compression=kind), {})


def test_base64_is_around_everything_else() -> None:
    encoding = Encoding(compression=Compression.GZIP, base64=True)

    assert unpack(base64.b64encode(gzip.compress(DATA)), encoding, {}) == DATA
    with pytest.raises(UndecodableError, match="not base64"):
        unpack(b"?" + base64.b64encode(DATA), encoding, {})


UUID = bytes(range(16))
HEADERS: list[tuple[Encoding, bytes, Any, int]] = [
    (Encoding(), b"", None, 0),
    (Encoding(Frame.CONFLUENT), b"\0\0\0\1\2", 258, 5),
    (Encoding(Frame.APICURIO), b"\0\xff\xff\xff\xff", 2**32 - 1, 5),
    (Encoding(Frame.APICURIO, id_bytes=8), b"\0" + bytes(7) + b"\x15", 21, 9),
    (Encoding(Frame.SINGLE_OBJECT), b"\xc3\x01abcdefgh", b"abcdefgh", 10),
    (Encoding(Frame.GLUE), b"\x03\x00" + UUID, UUID, 18),
    (Encoding(Frame.CONFLUENT, id_attribute="schema"), b"", None, 0),
]


@pytest.mark.parametrize(("encoding", "header", "schema_id", "start"), HEADERS, ids=lambda value: str(value)[:40])
def test_a_header_is_read(encoding: Encoding, header: bytes, schema_id: Any, start: int) -> None:
    framed = read_header(header + DATA, encoding)

    assert (framed.schema_id, framed.start, framed.data[framed.start :]) == (schema_id, start, DATA)


@pytest.mark.parametrize(("encoding", "header", "schema_id", "start"), [each for each in HEADERS if each[3]])
def test_a_payload_without_its_header_is_refused(encoding: Encoding, header: bytes, schema_id: Any, start: int) -> None:
    for wrong in (b"\x02" + header[1:] + DATA, header[:-1], b""):
        with pytest.raises(UndecodableError, match="does not begin with the header that the contract states"):
            read_header(wrong, encoding)


def test_the_header_of_glue_says_whether_the_value_is_compressed() -> None:
    framed = read_header(b"\x03\x05" + UUID + zlib.compress(DATA), Encoding(Frame.GLUE))

    assert (framed.schema_id, framed.start, framed.data) == (UUID, 0, DATA)
    with pytest.raises(UndecodableError, match="03, 00 or 05"):
        read_header(b"\x03\x04" + UUID + DATA, Encoding(Frame.GLUE))
    with pytest.raises(UndecodableError, match="larger than"):
        read_header(b"\x03\x05" + UUID + zlib.compress(bytes(10**8)), Encoding(Frame.GLUE))


@given(st.binary(max_size=60), st.sampled_from([*Compression]), st.booleans(), st.sampled_from([*Frame]))
def test_any_bytes_are_read_or_refused(data: bytes, kind: Compression, is_base64: bool, frame: Frame) -> None:
    encoding = Encoding(frame, compression=kind, base64=is_base64)
    with suppress(UndecodableError):
        read_header(unpack(data, encoding, {"content-encoding": "zstd"}), encoding)
