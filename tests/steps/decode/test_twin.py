"""The twin of the compiled decoder, where it reads many messages together: what it leaves to the strict decoder."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.bigquery.event_table import arrow_schema
from headrace.schemas.decoder import compile_decoder
from headrace.schemas.errors import UndecodableError
from headrace.schemas.model import Record
from headrace.steps.decode.record_batch import to_batch
from headrace.steps.decode.twin import columns
from headrace.steps.decode.twin.columns import PureColumns
from headrace.steps.decode.twin.wire import Wire
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
from tests.support.hostile import long
from tests.support.readers import ordered, rows
from tests.support.strategies import FIXED_PROFILE, events
from tests.support.versions import versions

AT = long(0)
ARRAY = a_contract(("items", {"type": "array", "items": "long"}))
LABELS = a_contract(("labels", {"type": "map", "values": "int"}))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The messages that the strict decoder is asked about."""
    return _listen(monkeypatch)


def _listen(patch: pytest.MonkeyPatch) -> list[bytes]:
    messages: list[bytes] = []

    def compile_listening(writer: Record, reader: Record) -> Callable[[bytes], list[Any]]:
        decode = compile_decoder(writer, reader)

        def listening(data: bytes) -> list[Any]:
            messages.append(data)
            return decode(data)

        return listening

    patch.setattr(columns, "compile_decoder", compile_listening)
    return messages


def read(reader: Record, writers: list[Record], messages: list[bytes]) -> tuple[list[str], list[int]]:
    """Each row's repr, and the indexes of what is refused."""
    these = PureColumns(reader, few=0)
    refused = [each.message for each in these.read(writers, messages)]
    return [repr(ordered(row)) for row in rows(these, reader)], refused


def listed(items: list[bytes]) -> bytes:
    return (long(len(items)) if items else b"") + b"".join(items) + long(0)


def strictly(writers: list[Record], reader: Record, messages: list[bytes]) -> tuple[list[str], list[int]]:
    """The same by the strict decoder."""
    rows_, refused = [], []
    for index, (writer, message) in enumerate(zip(writers, messages, strict=True)):
        try:
            rows_.append(repr(ordered(compile_decoder(writer, reader)(message))))
        except UndecodableError:
            refused.append(index)
    return rows_, refused


@settings(FIXED_PROFILE, max_examples=100)
@given(data=st.data())
def test_what_is_good_is_read_without_the_strict_decoder(data: st.DataObject) -> None:
    older, newer = data.draw(versions())
    written = [data.draw(st.sampled_from([older, newer])) for _ in range(data.draw(st.integers(1, 12)))]
    messages = [encode(contract, data.draw(events(contract.record))) for contract in written]
    wanted = [
        repr(ordered(compile_decoder(contract.record, newer.record)(message)))
        for contract, message in zip(written, messages, strict=True)
    ]

    with pytest.MonkeyPatch.context() as patch:
        asked = _listen(patch)
        these = PureColumns(newer.record, few=0)
        assert these.read([contract.record for contract in written], messages) == []
        assert asked == []
    assert [repr(ordered(row)) for row in rows(these, newer.record)] == wanted


def test_blocks_are_read_together_whether_they_say_their_size_or_not(asked: list[bytes]) -> None:
    pair, triple = long(5) + long(-300), long(1) + long(2**40) + long(-(2**63))
    plain = long(2) + pair + long(3) + triple + long(0) + AT
    sized = long(-2) + long(len(pair)) + pair + long(-3) + long(len(triple)) + triple + long(0) + AT
    mixed = long(-2) + long(len(pair)) + pair + long(3) + triple + long(0) + AT
    lone = long(1) + long(7) + long(0) + AT
    empty = long(0) + AT
    good = [plain, empty, sized, mixed, lone, empty, plain]

    read_, refused = read(ARRAY.record, [ARRAY.record] * 7, good)
    numbers = [5, -300, 1, 2**40, -(2**63)]
    assert read_ == [repr([items, 0]) for items in (numbers, [], numbers, numbers, [7], [], numbers)]
    assert (refused, asked) == ([], [])

    longer, shorter = sized.replace(long(len(pair)), long(len(pair) + 1), 1), plain[:-2] + long(1) + long(0) + AT
    _, refused = read(ARRAY.record, [ARRAY.record] * 4, [plain, longer, sized, shorter])
    assert refused == [1, 3]


SUIT = {"type": "enum", "name": "Suit", "symbols": ["CLUBS", "HEARTS"]}


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
    contract = a_contract(("field", kind))
    spelled = [b"\xff" * ones + bytes([last]) for ones in range(12) for last in (0, 1, 2, 4, 0x40, 0x7F, 0x80)]
    spelled += [
        b"\x82\0",
        b"\x84\0",
        b"\x82\x80\0",
        b"\x80" * 9 + b"\1",
        b"\x80" * 8 + b"\1",
        b"\x82" + b"\x80" * 8 + b"\0",
    ]
    numbers = [
        0,
        1,
        2,
        3,
        -1,
        2**31,
        -(2**31),
        86_400_000_000,
        86_399_999_999,
        -719_162,
        -719_163,
        2_932_896,
        2_932_897,
    ]
    numbers += [253_402_300_799_999, 253_402_300_800_000, -62_135_596_800_000, -62_135_596_800_001, 2**62, -(2**63)]
    messages = [before + number + after + AT for number in (*spelled, *map(long, numbers))]
    writers = [contract.record] * len(messages)
    wanted, bad = strictly(writers, contract.record, messages)

    assert 0 < len(wanted) < len(messages)
    assert read(contract.record, writers, messages) == (wanted, bad)


@pytest.mark.parametrize(
    ("precision", "size"),
    [*((digits, size) for digits in (9, 18, 19, 38, 76) for size in (None, 32, 40)), (9, 8), (18, 8), (38, 16)],
)
def test_a_decimal_has_as_many_digits_as_it_may(precision: int, size: int | None) -> None:
    contract = a_contract(("field", a_decimal(precision, precision // 2, size)))
    numbers = [10**power + more for power in (precision - 1, precision) for more in (-1, 0, 1)]
    numbers += [0, 1, 127, 128, 2**63 - 1, 2**63, 2**64, 2**127 - 1, 2**127, 2**191, 2**192, 2**255 - 1]
    messages = []
    for number in (*numbers, *(-number for number in numbers)):
        for length in (size,) if size else (1, 2, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33):
            try:
                digits = number.to_bytes(length, "big", signed=True)
            except OverflowError:
                continue
            messages.append((b"" if size else long(length)) + digits + AT)
    if size is None:
        messages.append(long(0) + AT)
    writers = [contract.record] * len(messages)
    wanted, bad = strictly(writers, contract.record, messages)

    assert len(wanted) > 10
    assert read(contract.record, writers, messages) == (wanted, bad)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("string", ["é".encode(), b"\xc3", b"\xa9", b"", b"a", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"]),
        (
            {"type": "string", "logicalType": "uuid"},
            [
                b"0b7f5a3e-9c1d-4e2f-8a6b-112233445566",
                b"0B7F5A3E-9C1D-4E2F-8A6B-11223344556F",
                b"0b7f5a3e9-c1d-4e2f-8a6b-112233445566",
                b"0b7f5a3e-9c1d-4e2f-8a6b-11223344556g",
                b"0b7f5a3e-9c1d-4e2f-8a6b-1122334455667",
                b"0b7f5a3e-9c1d-4e2f-8a6b-11223344556",
                b"------------------------------------",
                b"",
            ],
        ),
        ("bytes", [b"", b"\xff", b"\xff" * 63, b"\xff" * 64, b"a" * 1_048_573, b"a" * 1_048_572]),
    ],
    ids=["string", "uuid", "bytes"],
)
@pytest.mark.parametrize("optional", [False, True])
def test_a_text_is_what_it_must_be(kind: Any, values: list[bytes], optional: bool) -> None:
    contract = a_contract(("field", ["null", kind] if optional else kind))
    spelled = [(b"\2" if optional else b"") + long(len(value)) + value + AT for value in (*values, *values)]
    messages = [b"\0" + AT, *spelled, b"\0" + AT, b"\4" + AT, b"\1" + AT] if optional else spelled
    writers = [contract.record] * len(messages)
    wanted, bad = strictly(writers, contract.record, messages)

    assert 0 < len(wanted) < len(messages)
    assert read(contract.record, writers, messages) == (wanted, bad)
    for index in range(len(messages)):
        alone = read(contract.record, writers[:1], messages[index : index + 1])
        assert alone == ([], [0]) if index in bad else alone[1] == []


@pytest.mark.parametrize("end", ["", "é", "ab"])
def test_keys_that_only_look_alike_are_two(asked: list[bytes], end: str) -> None:
    keys = ["k" * 64 + "1" * 8 + end, "k" * 64 + "2" * 8 + end, "k" * 64, "k" * 8, "k" * 9, "k" * 7, "k" * 7 + "\0"]
    labels = {key: number for number, key in enumerate(keys)}
    message = encode(LABELS, {"labels": labels, "at": MOMENT})
    twice = message.replace(b"2" * 8, b"1" * 8)

    read_, refused = read(LABELS.record, [LABELS.record] * 3, [message, twice, message])
    assert refused == [1]
    assert read_ == [repr(ordered(compile_decoder(LABELS.record, LABELS.record)(message)))] * 2
    assert asked == [message, twice, message], "which is what makes them two"


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("string", long(1) + b"a", long(1) + b"\xff"),
        ({"type": "string", "logicalType": "uuid"}, long(36) + b"0b7f5a3e-9c1d-4e2f-8a6b-112233445566", long(0)),
        ("boolean", b"\1", b"\2"),
        (a_decimal(38, 9), long(1) + b"\1", long(0)),
        ({"type": "int", "logicalType": "date"}, long(5), long(2**30)),
        (SUIT, long(1), long(2)),
        ({"type": "map", "values": "int"}, listed([b"\2a\2", b"\2b\2"]), listed([b"\2a\2", b"\2a\2"])),
        ({"type": "array", "items": a_record("R", ("a", ["null", "string"]))}, b"\2\2\2a\0", b"\2\2\2\xff\0"),
    ],
    ids=str,
)
def test_what_is_read_over_has_to_be_right_as_well(asked: list[bytes], kind: Any, good: bytes, bad: bytes) -> None:
    old, new = a_contract(("gone", kind), ("kept", "long")), a_contract(("kept", "long"))
    messages = [each + long(number) + AT for number in range(20) for each in (good, bad)]

    read_, refused = read(new.record, [old.record] * 40, messages)
    assert read_ == [f"[{number}, 0]" for number in range(20)]
    assert refused == [*range(1, 40, 2)]
    assert asked == messages[1::2]


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
def test_what_a_writer_has_not_is_the_default(asked: list[bytes], kind: Any, default: Any, optional: bool) -> None:
    added = ("new", [kind, "null"] if optional else kind, {"default": default})
    old, new = a_contract(("kept", "string")), a_contract(("kept", "string"), added)
    of_old = long(3) + b"old" + AT
    of_new = encode(new, {"kept": "new", "new": default, "at": MOMENT})
    writers, messages = [old.record, new.record, old.record] * 9, [of_old, of_new, of_old] * 9

    assert read(new.record, writers, messages) == strictly(writers, new.record, messages)
    assert asked == []


def test_the_same_key_in_two_messages_is_no_twin(asked: list[bytes]) -> None:
    message = long(2) + long(1) + b"a" + long(1) + long(1) + b"b" + long(1) + long(0) + AT

    read_, refused = read(LABELS.record, [LABELS.record] * 30, [message] * 30)
    assert (len(read_), refused, asked) == (30, [], [])


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 63, 64, 65, 200])
def test_a_key_that_stands_twice_is_found_at_any_length(asked: list[bytes], length: int) -> None:
    first = bytes(length)
    second = first[:-1] + b"\1" if 0 < length < 65 else first + b"\1"
    good, bad = (
        listed([long(length) + first + long(7), long(len(key)) + key + long(8)]) + AT for key in (second, first)
    )

    read_, refused = read(LABELS.record, [LABELS.record] * 40, [good, bad] * 20)
    assert (len(read_), refused) == (20, [*range(1, 40, 2)])
    assert asked == [bad] * 20


def test_rows_stand_in_the_order_of_messages_whoever_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "_PIECE", 100_000)  # bytes of columns: some messages each
    endless = long(1) + long(9) + b"nothing  " + long(0)
    writers, messages = [], []
    for number in range(40):
        old = number % 3 == 0
        contract = BOOKING_V1 if old else BOOKING
        event = a_booking_v1(notes=f"n{number}") if old else a_booking(notes=f"n{number}", tags=[])
        payload = encode(contract, event)
        if number % 5 == 1 and not old:
            payload = payload[:-1] + (long(1) + long(1) + b"t") * 600 + long(0)  # blocks that are not worth it
        writers.append(contract.record)
        messages.append(payload[:-1] if number % 7 == 4 else payload + endless if number % 11 == 5 else payload)
    wanted, bad = strictly(writers, BOOKING.record, messages)

    assert len(bad) > 5
    assert read(BOOKING.record, writers, messages) == (wanted, bad)


def test_one_message_of_many_items_does_not_multiply_the_steps_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 0
    lengths = Wire.lengths

    def counting(wire: Wire, at: Any) -> Any:
        nonlocal steps
        steps += 1
        return lengths(wire, at)

    monkeypatch.setattr(Wire, "lengths", counting)
    contract = a_contract(("texts", {"type": "array", "items": "string"}))
    small, record = long(2) + long(1) + b"a" + long(1) + b"b" + long(0) + AT, contract.record
    of_blocks = (long(1) + long(1) + b"c") * 50_000 + long(0) + AT
    of_items = long(50_000) + (long(1) + b"c") * 50_000 + long(0) + AT

    for large in (of_blocks, of_items):
        steps = 0
        read_, refused = read(record, [record] * 201, [*[small] * 200, large])
        assert (len(read_), refused) == (201, [])
        assert steps < 2500


def test_a_length_never_reaches_into_the_next_message() -> None:
    wire = Wire([long(5) + b"abcd", long(4) + b"abcd", long(-1) + b"abcd", long(2**62) + b"abcd"], 0, 100, b"")

    start, stop = wire.spans(wire.starts, wire.ends)
    assert start.tolist() == [0, wire.starts[1] + 1, 0, 0]
    assert stop.tolist() == [0, wire.ends[1], 0, 0]


def test_what_was_sent_to_the_zeros_never_comes_back() -> None:
    contract = a_contract(("texts", {"type": "array", "items": "bytes"}))
    for zeros in range(60, 250):  # one of them is how many there are before the first message
        count = zeros + 50
        head = long(count) + long(60_000)  # read again from its first byte, the count is the length of a text
        message = head.ljust(len(long(count)) + count, b"\0") + bytes(count - 2 - zeros) + b"\0" + AT
        assert read(contract.record, [contract.record], [message]) == ([], [0])


@pytest.mark.parametrize("last", [b"", long(2), b"\xff" * 7])
def test_a_list_that_goes_on_behind_the_last_message_ends(last: bytes) -> None:
    record = ARRAY.record
    good, bad = listed([long(1)]) + AT, long(90_000) + last

    assert read(record, [record] * 42, [good, bad, *[good] * 39, bad]) == (["[[1], 0]"] * 40, [1, 41])


@pytest.mark.parametrize("of_map", [False, True])
def test_items_have_their_limit_in_every_message(monkeypatch: pytest.MonkeyPatch, of_map: bool) -> None:
    for module in ("headrace.schemas.containers", "headrace.steps.decode.twin.steps"):
        monkeypatch.setattr(f"{module}.MAX_ITEMS", 30)
    contract = LABELS if of_map else ARRAY
    items = [(long(2) + b"%02d" % number if of_map else b"") + long(number) for number in range(31)]
    most = listed(items[:30]) + AT
    blocks = long(20) + b"".join(items[:20]) + long(10) + b"".join(items[20:30]) + long(0) + AT
    more = listed(items) + AT
    more_blocks = long(20) + b"".join(items[:20]) + long(11) + b"".join(items[20:]) + long(0) + AT
    messages = [most, blocks, more, more_blocks] * 20
    writers = [contract.record] * len(messages)

    wanted, bad = strictly(writers, contract.record, messages)
    assert len(wanted) == 40
    assert read(contract.record, writers, messages) == (wanted, bad)


def longs(count: int) -> bytes:
    return listed([long(7)] * count)


def test_all_items_of_a_message_share_the_room_in_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("headrace.schemas.decoder", "headrace.steps.decode.twin.columns"):
        monkeypatch.setattr(f"{module}.MAX_COLUMN_BYTES", 10 * 8 + 5 * (16 + 8))
    pairs = a_record("Pair", ("a", "long"), ("b", "long"), ("c", {"type": "array", "items": "long"}))
    contract = a_contract(("one", {"type": "array", "items": "long"}), ("two", {"type": "array", "items": pairs}))
    messages = [
        longs(ones) + listed([long(1) * 2 + longs(inner)] * pairs_) + AT
        for ones in (0, 1, 9, 10, 11, 14)
        for pairs_ in (0, 4, 5)
        for inner in (0, 1, 2)
    ]
    writers = [contract.record] * len(messages) * 3

    wanted, bad = strictly(writers, contract.record, messages * 3)
    assert min(len(wanted), len(bad)) > 30
    assert read(contract.record, writers, messages * 3) == (wanted, bad)


def test_nothing_of_another_value_stands_where_null_is() -> None:
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
    contract = a_contract(*((name, ["null", kind]) for name, kind in kinds.items()))
    record, secret, none = contract.record, b"secret", bytes(len(kinds)) + AT
    text, id_ = long(6) + secret, long(36) + b"5ec7e700-0000-0000-0000-000000000000"
    values = [text, text, b"secret!!", id_, long(77), b"\1" * 8, text, bytes(14) + secret, text + text]
    some = b"".join(b"\2" + value for value in values) + AT
    these = PureColumns(record, few=0)

    assert [each.message for each in these.read([record] * 5, [some, none, some[:-1], none, some + secret])] == [2, 4]
    batch = to_batch(these.finish(), arrow_schema(record))
    assert batch.column("price").to_pylist() == [Decimal(int.from_bytes(secret)).scaleb(-9), None, None]
    held = batch.serialize().to_pybytes()
    assert held.count(secret) == 4, "text, bytes, fixed, and the name in the record"
    assert held.count(secret[::-1]) == 3, "the decimals"
