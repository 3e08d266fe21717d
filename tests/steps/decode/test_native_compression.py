"""Compressed payloads in Headrace's own envelope: read where the contract allows them, refused with the remedy."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from zstandard import ZstdCompressor, train_dictionary

from headrace.core.dead_letter import Reason
from headrace.core.message import Message
from headrace.schemas.decoder import MAX_PAYLOAD_BYTES
from headrace.schemas.envelope import Envelope, to_micros
from headrace.schemas.registry import Contract, Registry
from headrace.steps.decode.decode_messages import DecodedMessages, Decoder, decode, decode_all
from headrace.steps.decode.opened_messages import MAX_UNPACKED_BYTES
from tests.support.builders import MOMENT, a_contract, encode

COMPRESSIBLE = {"kind": "datum", "compression": "content-encoding"}
ALLOWING = a_contract(("text", "string"), encoding=COMPRESSIBLE)
FORBIDDING = a_contract(("text", "string"))
SETTING = '"encoding": {"kind": "datum", "compression": "content-encoding"}'
DATUM = encode(ALLOWING, {"text": "a text of some bytes, " * 20, "at": MOMENT})


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": zstd,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "identity": bytes,
}


def a_message(data: bytes, contract: Contract = ALLOWING, number: int = 0, **attributes: str) -> Message:
    envelope = Envelope(f"e{number}", contract.ref, MOMENT, "/test").to_attributes()
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    return Message(contract.subject, data, envelope | named, f"m{number}", to_micros(MOMENT))


def read(*messages: Message, contract: Contract = ALLOWING) -> DecodedMessages:
    return decode(messages, Decoder(Registry({contract.ref: contract}), contract.subject), 0)


def texts(decoded: DecodedMessages) -> list[Any]:
    return [] if decoded.batch is None else decoded.batch.rows.column("text").to_pylist()


def refusal(data: bytes, contract: Contract = ALLOWING, **attributes: str) -> str:
    (refused,) = read(a_message(data, contract, 0, **attributes), contract=contract).refusals
    assert refused.reason is Reason.UNDECODABLE_PAYLOAD
    return refused.detail


@pytest.mark.parametrize("name", COMPRESS)
def test_a_compressed_payload_gives_the_same_row_as_a_plain_one(name: str) -> None:
    decoded = read(
        a_message(DATUM, number=1), a_message(COMPRESS[name](DATUM), number=2, content_encoding=name), a_message(DATUM)
    )
    assert decoded.refusals == []
    assert len(set(texts(decoded))) == 1
    assert decoded.batch is not None
    assert len(set(decoded.batch.notes.column("content_hash").to_pylist())) == 1


@given(st.text(max_size=300), st.sampled_from(sorted(COMPRESS)))
def test_any_text_is_read_as_it_was(text: str, name: str) -> None:
    data = COMPRESS[name](encode(ALLOWING, {"text": text, "at": MOMENT}))
    assert texts(read(a_message(data, content_encoding=name))) == [text]


@given(st.binary(max_size=200), st.sampled_from(["zstd", "gzip", "deflate"]))
def test_any_other_bytes_are_refused_without_a_value(data: bytes, name: str) -> None:
    assert refusal(data, content_encoding=name)


@given(st.integers(0, len(zstd(DATUM)) - 1))
def test_a_frame_that_is_cut_anywhere_is_refused(length: int) -> None:
    assert "not whole frames of zstd" in refusal(zstd(DATUM)[:length], content_encoding="zstd")


def test_bytes_behind_a_frame_a_dictionary_and_a_bomb_are_refused() -> None:
    samples: list[bytes | bytearray | memoryview[int]] = [
        os.urandom(8) + b"a text of some bytes" * 4 for _ in range(200)
    ]
    with_dictionary = ZstdCompressor(dict_data=train_dictionary(1024, samples)).compress(DATUM)
    for data in (zstd(DATUM) + b"\0", with_dictionary):
        assert refusal(data, content_encoding="zstd") == (
            "not whole frames of zstd; compress the payload once, without a dictionary"
        )
    bomb = zstd(bytes(300 * MAX_PAYLOAD_BYTES))
    assert refusal(bomb, content_encoding="zstd") == f"larger than {MAX_PAYLOAD_BYTES} bytes when it is uncompressed"


def test_an_unknown_compression_is_refused_with_those_that_are_known() -> None:
    assert refusal(DATUM, content_encoding="br") == (
        "the attribute content-encoding is none of gzip, deflate, zstd and identity; "
        "compress with one of these, and name that one"
    )


def test_a_contract_that_says_nothing_allows_no_compression() -> None:
    assert refusal(zstd(DATUM), FORBIDDING, content_encoding="zstd") == (
        "the attribute content-encoding says that it is compressed, and the contract does not allow that; "
        f"send it uncompressed and without the attribute, or write {SETTING} in the newest contract"
    )
    assert texts(read(a_message(DATUM, FORBIDDING, content_encoding="identity"), contract=FORBIDDING))


def test_a_fault_of_the_envelope_comes_first() -> None:
    (refused,) = read(a_message(b"?", content_encoding="zstd", ce_time="noon")).refusals
    assert refused.reason is Reason.MALFORMED_ENVELOPE


@pytest.mark.parametrize("envelope", [None, {"kind": "attributes", "id": "message_id", "version": 1}], ids=repr)
def test_small_messages_that_are_large_when_they_are_uncompressed_are_read_in_parts(
    envelope: Mapping[str, str] | None,
) -> None:
    contract = a_contract(("text", "string"), encoding=COMPRESSIBLE, envelope=envelope)
    large = zstd(encode(contract, {"text": "x" * (MAX_PAYLOAD_BYTES - 100), "at": MOMENT}))
    messages = [a_message(large, number=number, content_encoding="zstd") for number in range(200)]
    if envelope:
        messages = [
            Message(each.subject, each.data, {"content-encoding": "zstd"}, each.message_id, 0) for each in messages
        ]
    decoder = Decoder(Registry({contract.ref: contract}), contract.subject)
    counts = []
    for part, decoded in decode_all(messages, decoder, 0):
        assert decoded.refusals == []
        assert decoded.batch is not None
        assert decoded.batch.rows.nbytes <= MAX_UNPACKED_BYTES + 2 * MAX_PAYLOAD_BYTES
        counts.append(len(part))
    assert sum(counts) == 200
    assert len(counts) >= 3
