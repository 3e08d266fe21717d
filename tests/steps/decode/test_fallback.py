"""The pure-Python fallback beside the compiled decoder: the same columns, the same refusals, in the same words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.bigquery.event_table import arrow_schema
from headrace.core.row_hash import row_hashes
from headrace.schemas.model import Record
from headrace.schemas.registry import Contract
from headrace.steps.decode import fallback
from headrace.steps.decode.record_batch import to_batch
from tests.support.builders import (
    BOOKING,
    BOOKING_V1,
    MOMENT,
    a_booking,
    a_booking_v1,
    a_contract,
    a_decimal,
    a_record,
    encode,
)
from tests.support.hostile import PAYLOADS, long
from tests.support.readers import KINDS, NEEDS_C, columns_of
from tests.support.strategies import FIXED_PROFILE, damaged, events
from tests.support.versions import versions

AT = long(0)
SUIT = {"type": "enum", "name": "Suit", "symbols": ["CLUBS", "HEARTS"]}
LABELS = {"type": "map", "values": "int"}


class Decoded(NamedTuple):
    """Rows by their repr, which distinguishes NaN, -0.0 and True; each row's hash; and each refusal with its words.

    *contents* has the hash of each row's content.
    """

    rows: list[str]
    hashes: list[int]
    contents: bytes
    refusals: list[tuple[int, str, str, int | None, str]]


def decoded(kind: str, reader: Record, writers: list[Record], messages: list[bytes]) -> Decoded:
    columns = columns_of(kind, reader)
    refused = columns.read(writers, messages)
    contents = columns.content_hashes()
    batch = to_batch(columns.finish(), arrow_schema(reader))
    batch.validate(full=True)
    return Decoded(
        [repr(row) for row in batch.to_pylist()],
        row_hashes(batch).to_pylist(),
        contents,
        [(index, error.why, error.path, error.offset, str(error)) for index, error in refused],
    )


def by_both(reader: Contract, writers: list[Contract], messages: list[bytes]) -> Decoded:
    """What both decoders make of *messages*, which must be the same."""
    records = [writer.record for writer in writers]
    compiled, pure = (decoded(kind, reader.record, records, messages) for kind in ("compiled", "fallback"))
    assert pure == compiled
    return pure


def of_one(contract: Contract, messages: list[bytes]) -> Decoded:
    return by_both(contract, [contract] * len(messages), messages)


def listed(items: list[bytes]) -> bytes:
    return (long(len(items)) if items else b"") + b"".join(items) + long(0)


@NEEDS_C
@settings(FIXED_PROFILE, max_examples=150)
@given(data=st.data())
def test_good_and_damaged_messages_of_two_versions_become_the_same(data: st.DataObject) -> None:
    older, newer = data.draw(versions())
    writers = [data.draw(st.sampled_from([older, newer])) for _ in range(data.draw(st.integers(0, 12)))]
    messages = [damaged(data, encode(writer, data.draw(events(writer.record)))) for writer in writers]

    by_both(newer, writers, messages)


@NEEDS_C
@pytest.mark.parametrize("name", PAYLOADS)
def test_what_hurts_other_decoders_is_refused_in_the_same_words(name: str) -> None:
    contract, payload = PAYLOADS[name]

    assert len(of_one(contract, [payload]).refusals) == 1


@NEEDS_C
@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("boolean", b"", b""),
        ("long", b"", b""),
        ("int", b"", b""),
        ({"type": "int", "logicalType": "date"}, b"", b""),
        ({"type": "long", "logicalType": "time-micros"}, b"", b""),
        ({"type": "long", "logicalType": "timestamp-millis"}, b"", b""),
        (SUIT, b"", b""),
        ("string", b"", b"a"),
        ("bytes", b"", b"ab"),
        (a_decimal(38, 9), b"", b"a"),
        (["null", "long"], b"\2", b""),
        ({"type": "array", "items": "long"}, long(1), b"\0"),
        ({"type": "array", "items": "boolean"}, b"", b"\0\0"),
        ({"type": "array", "items": "boolean"}, long(-1), b"\0\0"),
        ({"type": "map", "values": "boolean"}, long(1), b"a\0\0"),
    ],
    ids=str,
)
def test_an_integer_is_taken_in_one_spelling_only(kind: Any, before: bytes, after: bytes) -> None:
    spelled = [b"\xff" * ones + bytes([last]) for ones in range(12) for last in (0, 1, 2, 4, 0x40, 0x7F, 0x80)]
    spelled += [b"\x82\0", b"\x84\0", b"\x82\x80\0", *(b"\x80" * many + b"\1" for many in (8, 9))]
    numbers = [*range(-1, 4), 2**31, -(2**31), 86_400_000_000, 86_399_999_999, 2**62, -(2**63)]
    numbers += [-719_162, -719_163, 2_932_896, 2_932_897]
    numbers += [253_402_300_799_999, 253_402_300_800_000, -62_135_596_800_000, -62_135_596_800_001]
    messages = [before + number + after + AT for number in (*spelled, *map(long, numbers))]

    assert 0 < len(of_one(a_contract(("field", kind)), messages).rows) < len(messages)


@NEEDS_C
@pytest.mark.parametrize(
    ("precision", "size"),
    [*((digits, size) for digits in (9, 18, 19, 38, 76) for size in (None, 32, 40)), (9, 8), (18, 8), (38, 16)],
)
def test_a_decimal_has_as_many_digits_as_it_may(precision: int, size: int | None) -> None:
    numbers = [10**power + more for power in (precision - 1, precision) for more in (-1, 0, 1)]
    numbers += [0, 1, 127, 128, 2**63 - 1, 2**63, 2**64, 2**127 - 1, 2**127, 2**191, 2**192, 2**255 - 1]
    messages = [long(0) + AT]
    for number in (*numbers, *(-number for number in numbers)):
        for length in (size,) if size else (1, 2, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33):
            if number.bit_length() < 8 * length:
                digits = number.to_bytes(length, "big", signed=True)
                messages.append((b"" if size else long(length)) + digits + AT)

    assert len(of_one(a_contract(("field", a_decimal(precision, precision // 2, size))), messages).rows) > 10


UUIDS = [
    b"0b7f5a3e-9c1d-4e2f-8a6b-112233445566",
    b"0B7F5A3E-9C1D-4E2F-8A6B-11223344556F",
    b"0b7f5a3e9-c1d-4e2f-8a6b-112233445566",
    b"0b7f5a3e-9c1d-4e2f-8a6b-11223344556g",
    b"0b7f5a3e-9c1d-4e2f-8a6b-1122334455667",
    b"0b7f5a3e-9c1d-4e2f-8a6b-11223344556",
    b"------------------------------------",
    b"",
]


@NEEDS_C
@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("string", ["é".encode(), b"\xc3", b"\xa9", b"", b"a", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"]),
        ({"type": "string", "logicalType": "uuid"}, UUIDS),
        ("bytes", [b"", b"\xff", b"\xff" * 63, b"\xff" * 64, b"a" * 16_777_213, b"a" * 16_777_203]),
    ],
    ids=["string", "uuid", "bytes"],
)
@pytest.mark.parametrize("optional", [False, True])
def test_a_text_is_what_it_must_be(kind: Any, values: list[bytes], optional: bool) -> None:
    messages = [(b"\2" if optional else b"") + long(len(value)) + value + AT for value in values]
    if optional:
        messages += [b"\0" + AT, b"\4" + AT, b"\1" + AT]

    found = of_one(a_contract(("field", ["null", kind] if optional else kind)), messages)
    assert found.rows
    assert found.refusals


@NEEDS_C
@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("string", long(1) + b"a", long(1) + b"\xff"),
        ({"type": "string", "logicalType": "uuid"}, long(36) + UUIDS[0], long(0)),
        ("boolean", b"\1", b"\2"),
        (a_decimal(38, 9), long(1) + b"\1", long(0)),
        ({"type": "int", "logicalType": "date"}, long(5), long(2**30)),
        (SUIT, long(1), long(2)),
        (LABELS, listed([b"\2a\2", b"\2b\2"]), listed([b"\2a\2", b"\2a\2"])),
        ({"type": "array", "items": a_record("R", ("a", ["null", "string"]))}, b"\2\2\2a\0", b"\2\2\2\xff\0"),
    ],
    ids=str,
)
def test_a_field_that_the_reader_leaves_out_has_to_be_right_as_well(kind: Any, good: bytes, bad: bytes) -> None:
    old, new = a_contract(("gone", kind), ("kept", "long")), a_contract(("kept", "long"))

    found = by_both(new, [old] * 4, [each + long(7) + AT for each in (good, bad, good, bad)])
    assert len(found.rows) == 2
    assert [index for index, *_ in found.refusals] == [1, 3]


@NEEDS_C
@pytest.mark.parametrize("optional", [False, True])
@pytest.mark.parametrize(
    ("kind", "default"),
    [
        ("string", "none"),
        ("string", ""),
        ("long", 7),
        ("double", 0.5),
        ("float", 0.1),
        ("boolean", True),
        (SUIT, "HEARTS"),
    ],
    ids=str,
)
def test_a_field_that_the_writer_lacks_has_its_default(kind: Any, default: Any, optional: bool) -> None:
    added = ("new", [kind, "null"] if optional else kind, {"default": default})
    old, new = a_contract(("kept", "string")), a_contract(("kept", "string"), added)
    of_old, of_new = long(3) + b"old" + AT, encode(new, {"kept": "new", "new": default, "at": MOMENT})

    assert len(by_both(new, [old, new, old], [of_old, of_new, of_old]).rows) == 3


@NEEDS_C
@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 63, 64, 65, 200])
def test_a_key_that_comes_twice_is_found_at_any_length(length: int) -> None:
    first = bytes(length)
    second = first[:-1] + b"\1" if length else b"\1"
    good, bad = (
        listed([long(length) + first + long(7), long(len(key)) + key + long(8)]) + AT for key in (second, first)
    )

    found = of_one(a_contract(("labels", LABELS)), [good, bad, good])
    assert [(index, why) for index, why, *_ in found.refusals] == [(1, "a key occurs twice")]


@NEEDS_C
def test_blocks_are_read_whether_they_give_their_size_or_not() -> None:
    pair, triple = long(5) + long(-300), long(1) + long(2**40) + long(-(2**63))
    plain = long(2) + pair + long(3) + triple + long(0) + AT
    sized = long(-2) + long(len(pair)) + pair + long(-3) + long(len(triple)) + triple + long(0) + AT
    longer, shorter = sized.replace(long(len(pair)), long(len(pair) + 1), 1), plain[:-2] + long(1) + long(0) + AT

    found = of_one(
        a_contract(("items", {"type": "array", "items": "long"})), [plain, sized, longer, shorter, long(0) + AT]
    )
    assert found.rows[0] == found.rows[1]
    assert [index for index, *_ in found.refusals] == [2, 3]


@NEEDS_C
def test_rows_keep_the_order_of_messages_over_many_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fallback, "_PIECE", 100_000)  # bytes of columns: some messages each
    writers, messages = [], []
    for number in range(60):
        old = number % 3 == 0
        writers.append(BOOKING_V1 if old else BOOKING)
        event = a_booking_v1(notes=f"n{number}") if old else a_booking(notes=f"n{number}", tags=[])
        payload = encode(writers[-1], event)
        messages.append(payload[:-1] if number % 7 == 4 else payload)

    found = by_both(BOOKING, writers, messages)
    assert len(found.rows) == 60 - 8
    assert [index for index, *_ in found.refusals] == [*range(4, 60, 7)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_null_hides_nothing_of_another_value(kind: str) -> None:
    kinds = {
        "text": "string",
        "bytes": "bytes",
        "fixed": {"type": "fixed", "name": "Eight", "size": 8},
        "id": {"type": "string", "logicalType": "uuid"},
        "number": "long",
        "ratio": "double",
        "price": a_decimal(38, 9),
        "exact": {"type": "fixed", "name": "Exact", "size": 20, "logicalType": "decimal", "precision": 38, "scale": 9},
        "inner": a_record("Inner", ("name", "string"), ("total", a_decimal(30, 2))),
    }
    record = a_contract(*((name, ["null", each]) for name, each in kinds.items())).record
    secret, none = b"secret", bytes(len(kinds)) + AT
    text, id_ = long(6) + secret, long(36) + b"5ec7e700-0000-0000-0000-000000000000"
    values = [text, text, b"secret!!", id_, long(77), b"\1" * 8, text, bytes(14) + secret, text + text]
    some = b"".join(b"\2" + value for value in values) + AT
    columns = columns_of(kind, record)

    assert [each.message for each in columns.read([record] * 5, [some, none, some[:-1], none, some + secret])] == [2, 4]
    batch: pa.RecordBatch = to_batch(columns.finish(), arrow_schema(record))
    assert batch.column("price").to_pylist() == [Decimal(int.from_bytes(secret)).scaleb(-9), None, None]
    held = batch.serialize().to_pybytes()
    assert held.count(secret) == 4, "text, bytes, fixed, and the name in the record"
    assert held.count(secret[::-1]) == 3, "the decimals"
