"""Test vectors of payloads that are refused as a whole, that look like others, or that have other bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.wire.contracts import schema_of
from tests.wire.datum import datum, fields_of, sized, varint
from tests.wire.envelopes import PARCEL, SUBJECT
from tests.wire.messages import TIME, Runs, Vector, a_refusal, a_row
from tests.wire.values_of_types import DECIMALS
from tests.wire.wrong_fields import vectors_of_fields

MOST_BYTES: Final = 16_777_216
MOST_ITEMS: Final = 100_000


def _wrong_wholes() -> Iterator[Vector]:
    usual = datum(schema_of(SUBJECT, 1), {"at": TIME, **PARCEL})
    container = b"Obj\1" + bytes(12)
    for name, payload, shows, detail in (
        ("empty", b"", "A payload is not empty.", "ends in the middle"),
        ("cut", usual[:-1], "The last byte is missing.", "ends in the middle"),
        ("longer", usual + b"\0", "Nothing follows the last field.", "1 bytes follow the last field"),
        (
            "confluent",
            b"\0\0\0\0\7" + usual,
            "A header of a schema registry.",
            "it is a datum behind a header of 5 bytes",
        ),
        ("single-object", b"\xc3\1" + bytes(8) + usual, "Avro's single-object header.", "it is a datum behind"),
        ("container", container, "A container file is no datum.", "a negative length"),
        ("json-text", b'{"parcel": "p-1"}', "JSON is no datum.", "a negative length"),
        (
            "newer",
            datum(schema_of(SUBJECT, 2), {"at": TIME, **PARCEL, "gate": None, "priority": "5"}),
            "The version in ce-dataschema is the one that wrote the datum.",
            "bytes follow the last field",
        ),
    ):
        yield a_refusal(f"payload-{name}", shows, "undecodable_payload", detail, SUBJECT, PARCEL, payload=payload)


def _large() -> Iterator[Vector]:
    fields = fields_of(schema_of(SUBJECT, 1), {"at": TIME, **PARCEL})
    before, after = b"".join(list(fields.values())[1:3]), fields["at"]
    items: Runs = [(fields["parcel"] + before + varint(MOST_ITEMS + 1), 1), (b"\2", MOST_ITEMS + 1), (b"\0" + after, 1)]
    yield a_refusal(
        "payload-many-items",
        "An array has at most 100,000 items.",
        "undecodable_payload",
        f"more than {MOST_ITEMS} items",
        SUBJECT,
        PARCEL,
        payload=items,
    )
    # 129 blocks of zstd that each repeat one byte: 128 KiB of it, and one byte in the last.
    blocks: Runs = [(b"\x28\xb5\x2f\xfd\0\x70", 1), (b"\2\0\x10p", MOST_BYTES >> 17), (b"\x0b\0\0p", 1)]
    yield a_refusal(
        "payload-too-large",
        "A payload has at most 16,777,216 bytes when it is uncompressed; this one has one more.",
        "undecodable_payload",
        f"larger than {MOST_BYTES} bytes when it is uncompressed",
        "note_sent",
        {"title": "", "text": "", "author": ""},
        payload=blocks,
        content_encoding="zstd",
    )


def _ambiguous() -> Iterator[Vector]:
    note = {"title": "", "text": "xyz\2Q\2R", "author": ""}
    words = "one datum from the first byte, and one behind a header of 5 bytes"
    yield a_refusal(
        "payload-of-two-readings",
        "A payload that is also a datum behind the header of another system.",
        "undecodable_payload",
        words,
        "note_taken",
        note,
    )
    yield a_row(
        "payload-of-one-reading", 'The same payload, and the contract states "encoding": "datum".', "note_kept", note
    )
    yield a_row("payload-of-a-note", "A usual note is no such payload.", "note_taken", note | {"title": "Monday"})


def _compressed() -> Iterator[Vector]:
    note = {"title": "Monday", "text": "rain " * 60, "author": "Ada"}
    plain = datum(schema_of("note_sent", 1), {"at": TIME, **note})
    # A frame of zstd (RFC 8878) with one raw block, the same for every version of the library.
    frame = b"\x28\xb5\x2f\xfd\x60" + (len(plain) - 256).to_bytes(2, "little")
    frame += (len(plain) << 3 | 1).to_bytes(3, "little") + plain
    yield a_row(
        "payload-of-zstd",
        "Where the contract allows it, the attribute content-encoding says that the payload is compressed.",
        "note_sent",
        note,
        payload=frame,
        content_encoding="zstd",
    )
    yield a_row(
        "payload-not-compressed", "The same contract takes payloads that are not compressed.", "note_sent", note
    )
    for name, subject, payload, shows, detail in (
        ("cut-zstd", "note_sent", frame[:-1], "A compressed payload is whole.", "not whole frames of zstd"),
        ("no-zstd", "note_sent", plain, "The attribute is true.", "not whole frames of zstd"),
        (
            "zstd-not-allowed",
            "note_taken",
            frame,
            "Other contracts allow no compression.",
            "the contract does not allow that",
        ),
    ):
        yield a_refusal(
            f"payload-{name}",
            shows,
            "undecodable_payload",
            detail,
            subject,
            note,
            payload=payload,
            content_encoding="zstd",
        )


def _padded() -> Iterator[Vector]:
    values = DECIMALS | {"money": "-0.05"}
    fields = fields_of(schema_of("decimals_seen", 1), {"at": TIME, **values})
    padded = b"".join({**fields, "money": sized((-5).to_bytes(4, signed=True))}.values())
    shows = "A decimal may have sign bytes in front, up to the bytes that its precision needs."
    yield a_row("decimals-padded", shows, "decimals_seen", values, payload=padded)


def vectors_of_payloads() -> Iterator[Vector]:
    """Yield the vectors of payloads."""
    for each in (vectors_of_fields, _wrong_wholes, _large, _ambiguous, _compressed, _padded):
        yield from each()
