"""Refused messages with compressed payloads in Headrace's own envelope: shown, edited, replayed."""

from __future__ import annotations

import gzip
from typing import Any

import pyarrow as pa
import pytest

from headrace.core.message import Message
from headrace.dead_letters.edit_event import LetterChange, edit_event
from headrace.dead_letters.explain import explain
from headrace.dead_letters.explanation import Explanation
from headrace.dead_letters.letter import Letter
from headrace.dead_letters.merge_patch import EditError
from headrace.dead_letters.replay_requests import to_message
from headrace.schemas.envelope import SchemaRef, to_micros
from headrace.schemas.registry import Contract, Registry
from headrace.steps.decode.decode_messages import Decoder, decode
from tests.support.builders import MOMENT, a_contract, encode
from tests.support.letters import a_letter

COMPRESSIBLE = {"kind": "datum", "compression": "content-encoding"}
FIELDS = (("text", "string"), ("number", "int"))
ALLOWING = a_contract(*FIELDS, encoding=COMPRESSIBLE)
FORBIDDING = a_contract(*FIELDS)
EVENT = {"text": "some words " * 30, "number": 7, "at": MOMENT}
DATUM = encode(ALLOWING, EVENT)
ZSTD = {"content-encoding": "zstd"}


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


def a_compressed_letter(data: bytes, contract: Contract, **changes: str) -> Letter:
    letter = a_letter("m1", contract, data=data)
    attributes = {**letter.attributes, **ZSTD, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return a_letter("m1", contract, data=data, attributes=attributes)


def explained(letter: Letter, contract: Contract) -> Explanation:
    return explain(Registry({contract.ref: contract}), letter.subject, letter.attributes, letter.data, reveal=True)


def row_of(letter: Letter, contract: Contract) -> dict[str, Any]:
    sent = to_message(letter)
    received = Message(letter.subject, sent.data, dict(sent.attributes), "m2", to_micros(MOMENT))
    decoded = decode([received], Decoder(Registry({contract.ref: contract}), contract.subject), 0)
    assert decoded.batch is not None, decoded.refusals
    (row,) = decoded.batch.rows.to_pylist()
    return dict(row)


def test_what_is_within_is_explained() -> None:
    found = explained(a_compressed_letter(zstd(DATUM[:-1]), ALLOWING), ALLOWING)
    assert found.unpacked == len(DATUM) - 1
    assert found.stop is not None
    assert found.stop.path == "at"
    assert [each.path for each in found.fields] == ["text", "number"]


def test_the_version_that_reads_what_is_within_is_named_and_would_decode() -> None:
    newer = a_contract(*FIELDS, ("more", "int", {"default": 1}), version=2, encoding=COMPRESSIBLE)
    registry = Registry({ALLOWING.ref: ALLOWING, newer.ref: newer})
    letter = a_compressed_letter(zstd(DATUM), newer)
    found = explain(registry, letter.subject, letter.attributes, letter.data)
    assert found.nearest is not None
    assert (found.nearest.contract, found.nearest.fit) == ("thing_happened.v1", "fits")
    assert found.nearest.would_decode.accepted

    edited = edit_event(letter, LetterChange(read_as=SchemaRef("thing_happened", 1)), registry).letter
    assert edited.data == DATUM
    assert "content-encoding" not in edited.attributes


def test_a_contract_that_does_not_allow_compression_says_so_and_how_to_read_it_afterwards() -> None:
    letter = a_compressed_letter(zstd(DATUM), FORBIDDING)
    found = explained(letter, FORBIDDING)
    assert found.stop is not None
    assert "the contract does not allow that" in found.stop.why
    assert '{"kind": "datum", "compression": "content-encoding"} in the newest contract' in found.setting
    assert row_of(letter, ALLOWING)["number"] == 7  # replayed once the contract allows it


def test_a_missing_or_wrong_attribute_is_named() -> None:
    plain = a_letter("m1", ALLOWING, data=zstd(DATUM))
    assert explained(plain, ALLOWING).setting == "send the attribute content-encoding=zstd with it"
    wrong = a_compressed_letter(gzip.compress(DATUM), ALLOWING)
    assert explained(wrong, ALLOWING).setting == "send the attribute content-encoding=gzip with it"


def test_an_edited_event_is_written_without_compression() -> None:
    registry = Registry({ALLOWING.ref: ALLOWING})
    letter = a_compressed_letter(zstd(DATUM), ALLOWING)
    edited = edit_event(letter, LetterChange(patch={"number": 8}), registry).letter
    assert "content-encoding" not in edited.attributes
    assert edited.data == encode(ALLOWING, {**EVENT, "number": 8})
    assert row_of(edited, ALLOWING)["number"] == 8


def test_a_letter_whose_payload_lies_in_a_bucket_says_so_and_takes_a_whole_event() -> None:
    registry = Registry({ALLOWING.ref: ALLOWING})
    reference = {"ce-dataref": "gs://acme-large/x", "ce-datarefsha256": "0" * 64}
    plain = a_letter("m1", ALLOWING, data=b"")
    letter = a_letter("m1", ALLOWING, data=b"", attributes={**plain.attributes, **reference})
    found = explained(letter, ALLOWING)
    assert found.stop is not None
    assert "lies in a bucket" in found.stop.why
    assert found.would_decode.reason == "unreadable_reference"
    with pytest.raises(EditError, match=r"lies in a bucket, in the object that ce-dataref names.*--payload"):
        edit_event(letter, LetterChange(patch={"number": 8}), registry)

    whole = {"text": "short", "number": 9, "at": "2026-03-14T15:09:26.535Z"}
    edited = edit_event(letter, LetterChange(payload=whole), registry).letter
    assert "ce-dataref" not in edited.attributes
    assert row_of(edited, ALLOWING)["number"] == 9


def test_a_change_of_attributes_keeps_the_bytes() -> None:
    registry = Registry({ALLOWING.ref: ALLOWING})
    letter = a_compressed_letter(zstd(DATUM), ALLOWING, ce_time="noon")
    when = {"ce-time": letter.attributes["ce-time"], "ce-source": "/again"} | {"ce-time": "2026-03-14T15:09:26.535Z"}
    edited = edit_event(letter, LetterChange(set_attributes=when), registry).letter
    assert edited.data == letter.data
    assert row_of(edited, ALLOWING)["_source"] == "/again"
