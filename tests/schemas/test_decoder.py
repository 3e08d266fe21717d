"""Known events, and older events read as the newest version: by the strict decoder, and into columns both ways."""

from __future__ import annotations

import random
import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from headrace.schemas.decoder import MAX_PAYLOAD_BYTES
from headrace.schemas.envelope import to_micros
from headrace.schemas.errors import ContractError, UndecodableError
from headrace.schemas.registry import Contract
from tests.support.builders import (
    BOOKING,
    BOOKING_V1,
    FLIGHT,
    MOMENT,
    a_booking,
    a_booking_v1,
    a_contract,
    a_decimal,
    a_flight,
    a_record,
    encode,
)
from tests.support.readers import KINDS, compile_reader

DAY_0 = date(1970, 1, 1)
WALL_0 = datetime(1970, 1, 1)
MICROS = to_micros(MOMENT)


class Reading:
    """Reads payloads in one of the ways."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def compile(self, writer: Contract, reader: Contract) -> Any:
        return compile_reader(self.kind, writer.record, reader.record)

    def decode(self, contract: Contract, data: bytes, reader: Contract | None = None) -> dict[str, Any]:
        record = (reader or contract).record
        values = self.compile(contract, reader or contract)(data)
        return {field.name: value for field, value in zip(record.fields, values, strict=True)}

    def resolved(self, writer: Any, reader: Any, value: Any) -> Any:
        """What *value*, written as *writer*, is when read as *reader*."""
        old, new = a_contract(("field", writer)), a_contract(("field", reader))
        return self.decode(old, encode(old, {"field": value, "at": MOMENT}), new)["field"]


@pytest.fixture(params=["values", *KINDS])
def reading(request: pytest.FixtureRequest) -> Reading:
    return Reading(request.param)


def test_a_flight_is_read_in_the_order_of_its_fields(reading: Reading) -> None:
    assert reading.compile(FLIGHT, FLIGHT)(encode(FLIGHT, a_flight())) == [
        "UA", 1545, "N14228", "EWR", "IAH", MICROS, to_micros(MOMENT.replace(minute=11)), 2, -11, 227, 1400, False,
    ]  # fmt: skip


def test_every_type_is_read_as_arrow_takes_it(reading: Reading) -> None:
    assert reading.decode(BOOKING, encode(BOOKING, a_booking())) == {
        "booking_id": "0b7f5a3e-9c1d-4e2f-8a6b-112233445566",
        "created_at": MICROS,
        "channel": "WEB",
        "currency": "EUR",
        "total": Decimal("1234.500000001"),
        "paid": True,
        "email": "ada@example.com",
        "phone": "+44 20 7946 0958",
        "ip_address": "203.0.113.77",
        "card_number": "4111111111111111",
        "passengers": [
            {
                "name": "Ada",
                "birth_date": (date(1985, 12, 10) - DAY_0).days,
                "document": "X1234567",
                "seat": "12A",
            }
        ],
        "segments": [
            {
                "carrier": "BA",
                "flight": 117,
                "departs_on": (date(2026, 4, 1) - DAY_0).days,
                "departs_at": (8 * 60 + 25) * 60 * 1_000_000,
                "fare": Decimal("612.25"),
            }
        ],
        "notes": "window seat",
        "labels": [{"key": "campaign", "value": "spring"}],
        "customer_number": 700_100_200,
        "loyalty_points": 12_345,
        "contact": {"name": "Grace", "city": None, "country": "GB"},
        "discount_rate": 0.25,
        "carbon_kilograms": 912.7,
        "check_in_opens": 6 * 3600 * 1_000_000 + 1,
        "paid_at": MICROS,
        "departs_local": (datetime(2026, 4, 1, 8, 25, 0, 7) - WALL_0).total_seconds() * 1_000_000,
        "held_until_local": (datetime(2026, 3, 20, 23, 59) - WALL_0).total_seconds() * 1_000_000,
        "signature": b"\x00\xff\x10",
        "checksum": b"12345678",
        "exchange_rate": Decimal("1.0837"),
        "ratings": [{"key": "staff", "value": 5}, {"key": "site", "value": 3}],
        "tags": ["family", "first"],
    }


def test_a_uuid_in_upper_case_is_read_in_lower_case(reading: Reading) -> None:
    upper = "0B7F5A3E-9C1D-4E2F-8A6B-112233445566"

    assert reading.decode(BOOKING, encode(BOOKING, a_booking(booking_id=upper)))["booking_id"] == upper.lower()


@pytest.mark.parametrize(("place", "allowed"), [(0, b"0123456789abcdefABCDEF"), (8, b"-")], ids=["digit", "hyphen"])
def test_each_character_of_a_uuid_is_a_digit_or_its_hyphen(reading: Reading, place: int, allowed: bytes) -> None:
    text = b"0b7f5a3e-9c1d-4e2f-8a6b-112233445566"
    whole = encode(BOOKING, a_booking(booking_id=text.decode()))
    at = whole.index(text) + place

    accepted = bytearray()
    for byte in range(128):
        payload = bytearray(whole)
        payload[at] = byte
        try:
            reading.decode(BOOKING, bytes(payload))
        except UndecodableError:
            continue
        accepted.append(byte)
    assert sorted(accepted) == sorted(allowed)


def test_the_error_names_field_and_byte_and_never_a_value(reading: Reading) -> None:
    payload = bytearray(encode(BOOKING, a_booking()))
    at = payload.index(b"Ada")
    payload[at] = 0xFF

    with pytest.raises(UndecodableError) as raised:
        reading.decode(BOOKING, bytes(payload))
    assert (raised.value.path, raised.value.offset) == ("passengers[0].name", at - 1)
    assert str(raised.value) == f"passengers[0].name: not UTF-8 at byte {at - 1}"
    hidden = raised.value.__context__ is None or raised.value.__suppress_context__
    assert hidden, "a context would show the value in a traceback"


def test_a_payload_of_another_contract_is_refused(reading: Reading) -> None:
    with pytest.raises(UndecodableError):
        reading.decode(FLIGHT, encode(BOOKING, a_booking()))


@pytest.mark.parametrize(("extra", "good"), [(0, True), (1, False)], ids=["the largest", "one byte more"])
def test_a_payload_has_a_largest_size(reading: Reading, extra: int, good: bool) -> None:
    contract = a_contract(("blob", "bytes"))
    rest = len(encode(contract, {"blob": bytes(9_000_000), "at": MOMENT})) - 9_000_000
    payload = encode(contract, {"blob": bytes(MAX_PAYLOAD_BYTES - rest + extra), "at": MOMENT})

    assert len(payload) == MAX_PAYLOAD_BYTES + extra
    if good:
        assert reading.decode(contract, payload)["at"] == MICROS
    else:
        with pytest.raises(UndecodableError, match=r"^larger than 16777216 bytes$"):
            reading.decode(contract, payload)


def test_random_damage_to_real_events_never_raises_another_error(reading: Reading) -> None:
    chance = random.Random(1)
    decoders = [
        (reading.compile(FLIGHT, FLIGHT), encode(FLIGHT, a_flight())),
        (reading.compile(BOOKING, BOOKING), encode(BOOKING, a_booking())),
        (reading.compile(BOOKING_V1, BOOKING), encode(BOOKING_V1, a_booking_v1())),
    ]
    for read, payload in decoders:
        for _ in range(5000):
            damaged = bytearray(payload)
            for _ in range(chance.randint(1, 4)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            try:
                read(bytes(damaged))
            except UndecodableError as error:
                assert error.why  # noqa: PT017 nothing else is raised


def test_an_older_booking_is_read_with_the_defaults_of_the_newer(reading: Reading) -> None:
    row = reading.decode(BOOKING_V1, encode(BOOKING_V1, a_booking_v1()), BOOKING)

    newer = a_booking(
        **dict.fromkeys(set(a_booking()) - set(a_booking_v1())),
        passengers=[{"name": "Ada", "birth_date": date(1985, 12, 10), "document": "X1234567", "seat": None}],
    ) | {"ratings": {}, "tags": []}
    assert row == reading.decode(BOOKING, encode(BOOKING, newer))


@pytest.mark.parametrize(
    ("writer", "reader", "value", "read"),
    [
        pytest.param("int", "long", 7, 7, id="int to long"),
        pytest.param("int", "float", 7, 7.0, id="int to float"),
        pytest.param("int", "double", 7, 7.0, id="int to double"),
        pytest.param("long", "float", 7, 7.0, id="long to float"),
        pytest.param("long", "double", 7, 7.0, id="long to double"),
        pytest.param("float", "double", 0.25, 0.25, id="float to double"),
        pytest.param("int", ["null", "long"], 7, 7, id="int to optional long"),
        pytest.param(["null", "int"], ["long", "null"], 7, 7, id="the branches the other way"),
        pytest.param(["null", "int"], ["long", "null"], None, None, id="null the other way"),
        pytest.param({"type": "array", "items": "int"}, {"type": "array", "items": "double"}, [1], [1.0], id="items"),
        pytest.param(
            {"type": "map", "values": "int"},
            {"type": "map", "values": ["null", "long"]},
            {"a": 1},
            [{"key": "a", "value": 1}],
            id="values of a map",
        ),
        pytest.param(a_decimal(9, 2), a_decimal(9, 2, 8), Decimal("1.25"), Decimal("1.25"), id="bytes to fixed"),
    ],
)
def test_a_value_is_promoted(reading: Reading, writer: Any, reader: Any, value: Any, read: Any) -> None:
    result = reading.resolved(writer, reader, value)

    assert repr(result) == repr(read)


def suits(*symbols: str, default: str | None = None) -> dict[str, Any]:
    return {"type": "enum", "name": "Suit", "symbols": list(symbols)} | ({"default": default} if default else {})


def test_a_symbol_the_newer_version_does_not_know_is_its_default(reading: Reading) -> None:
    old, new = suits("CLUBS", "HEARTS"), suits("OTHER", "HEARTS", default="OTHER")

    assert reading.resolved(old, new, "CLUBS") == "OTHER"
    assert reading.resolved(old, new, "HEARTS") == "HEARTS", "by name, whatever its index"


def test_fields_are_matched_by_name_and_unknown_ones_are_read_over(reading: Reading) -> None:
    old = a_contract(("gone", a_record("Gone", ("text", "string"))), ("kept", "int"))
    new = a_contract(("new", "boolean", {"default": True}), ("kept", "int"), ("rate", "double", {"default": 1}))
    payload = encode(old, {"gone": {"text": "x"}, "kept": 7, "at": MOMENT})

    assert reading.decode(old, payload, new) == {"new": True, "kept": 7, "rate": 1.0, "at": MICROS}


def test_a_nested_field_that_is_gone_is_read_over_too(reading: Reading) -> None:
    old = a_record("Row", ("gone", "string"), ("kept", "int"))
    new = a_record("Row", ("kept", "long"), ("colour", suits("RED", "BLUE"), {"default": "BLUE"}))

    assert reading.resolved(old, new, {"gone": "x", "kept": 7}) == {"kept": 7, "colour": "BLUE"}


@pytest.mark.parametrize(
    ("writer", "reader", "why"),
    [
        pytest.param("long", "int", "long cannot be read as int", id="long to int"),
        pytest.param("double", "float", "double cannot be read as float", id="double to float"),
        pytest.param("string", "bytes", "string cannot be read as bytes", id="text to bytes"),
        pytest.param("int", {"type": "int", "logicalType": "date"}, "int cannot be read as date", id="int to date"),
        pytest.param(["null", "int"], "int", "optional int cannot be read as int", id="optional to required"),
        pytest.param("int", {"type": "array", "items": "int"}, "int cannot be read as array", id="one to many"),
        pytest.param(
            a_decimal(9, 2), a_decimal(10, 2), "decimal(9, 2) cannot be read as decimal(10, 2)", id="another precision"
        ),
        pytest.param(a_decimal(9, 2), a_decimal(9, 3), "decimal(9, 2) cannot be read as", id="another scale"),
        pytest.param(
            {"type": "fixed", "name": "F", "size": 4},
            {"type": "fixed", "name": "F", "size": 5},
            "fixed(4) cannot be read as fixed(5)",
            id="another size",
        ),
        pytest.param(suits("CLUBS", "HEARTS"), suits("CLUBS"), "symbol HEARTS is gone; keep it", id="a symbol gone"),
    ],
)
def test_a_newer_version_that_cannot_read_the_older_is_refused_with_its_path(
    reading: Reading, writer: Any, reader: Any, why: str
) -> None:
    old, new = (a_contract(("row", a_record("Row", ("field", type_)))) for type_ in (writer, reader))

    with pytest.raises(ContractError, match=rf"^row\.field: {re.escape(why)}"):
        reading.compile(old, new)


def test_a_new_field_without_default_is_refused_with_its_path(reading: Reading) -> None:
    old = a_contract(("row", a_record("Row", ("a", "int"))))
    new: Contract = a_contract(("row", a_record("Row", ("a", "int"), ("b", "int"))))

    with pytest.raises(ContractError, match=r"^row\.b: it is new and has no default; give it one"):
        reading.compile(old, new)
