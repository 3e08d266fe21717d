"""How refused messages are explained: the right field and byte for every kind of damage, and nothing personal."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from typing import Any

import pytest

from headrace.dead_letters.explain import explain
from headrace.dead_letters.explanation import Explanation
from headrace.schemas.envelope import Envelope, SchemaRef
from headrace.schemas.registry import Contract, Registry
from tests.support.builders import (
    BOOKING,
    BOOKING_V1,
    FLIGHT,
    MOMENT,
    PACKAGE,
    a_booking,
    a_booking_v1,
    a_contract,
    a_decimal,
    a_flight,
    a_record,
    encode,
)

NONE = {"pii": "none"}
NAME = {"pii": {"kind": "name", "mask": "redact"}}
LINE = a_record("Line", ("sku", "string", NONE), ("price", a_decimal(4, 2), NONE), ("buyer", ["null", "string"], NAME))
ADDRESS = a_record("Address", ("street", "string", NAME), ("city", "string", NONE))
FIELDS = (
    ("code", "string", NONE),
    ("items", {"type": "array", "items": LINE}),
    ("labels", {"type": "map", "values": "string"}, NONE),
    ("sizes", {"type": "map", "values": a_record("Size", ("width", "int", NONE))}),
    ("colour", {"type": "enum", "name": "Colour", "symbols": ["RED", "BLUE"]}, NONE),
    ("paid", "boolean", NONE),
    ("day", {"type": "int", "logicalType": "date"}, NONE),
    ("wakes", {"type": "int", "logicalType": "time-millis"}, NONE),
    ("rate", "double", NONE),
    ("blob", {"type": "fixed", "name": "Blob", "size": 4}, NONE),
    ("key", {"type": "string", "logicalType": "uuid"}, NONE),
    ("home", ["null", ADDRESS]),
    ("serial", ["null", "int"], NONE),
)


def classified(*fields: Any, subject: str = "order_placed", version: int = 1) -> Contract:
    return a_contract(*fields, subject=subject, version=version, table=subject)


ORDER = classified(*FIELDS)
ORDERS = Registry({ORDER.ref: ORDER})

# One payload of ORDER, value by value; "+" is a count, "." an end of items, "?" a branch.
PARTS: dict[str, bytes] = {
    "code": b"\x04AB",
    "items +": b"\x04",
    "items[0].sku": b"\x06X-1",
    "items[0].price": b"\x04\x04\xd2",
    "items[0].buyer ?": b"\x02",
    "items[0].buyer": b"\x14Buyer-Jane",
    "items[1].sku": b"\x06X-2",
    "items[1].price": b"\x02\x64",
    "items[1].buyer ?": b"\x02",
    "items[1].buyer": b"\x14Buyer-Anne",
    "items .": b"\x00",
    "labels +": b"\x04",
    "labels[0].key": b"\x02a",
    "labels[0].value": b"\x02b",
    "labels[1].key": b"\x02c",
    "labels[1].value": b"\x02d",
    "labels .": b"\x00",
    "sizes +": b"\x02",
    "sizes[0].key": b"\x02k",
    "sizes[0].value.width": b"\x0e",
    "sizes .": b"\x00",
    "colour": b"\x02",
    "paid": b"\x01",
    "day": b"\x00",
    "wakes": b"\x02",
    "rate": b"\x00" * 8,
    "blob": b"\x00\x01\x02\x03",
    "key": b"\x480b7f5a3e-9c1d-4e2f-8a6b-112233445566",
    "home ?": b"\x02",
    "home.street": b"\x16Street-Lane",
    "home.city": b"\x04NY",
    "serial ?": b"\x02",
    "serial": b"\x0a",
    "at": b"\x00",
}
GOOD = b"".join(PARTS.values())


def start_of(part: str) -> int:
    names = list(PARTS)
    return sum(len(PARTS[name]) for name in names[: names.index(part)])


def with_part(part: str, instead: bytes) -> bytes:
    return b"".join((PARTS | {part: instead}).values())


def cut_in(part: str, kept: int) -> bytes:
    return GOOD[: start_of(part) + kept]


def attributes(contract: Contract = ORDER) -> dict[str, str]:
    moment = MOMENT.replace(year=1970, month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
    return Envelope("e1", contract.ref, moment, "test").to_attributes()


def of_order(data: bytes, given: Mapping[str, str] | None = None, reveal: bool = False) -> Explanation:
    return explain(ORDERS, "order_placed", attributes() if given is None else given, data, reveal=reveal)


END = "ends in the middle"
BROKEN: dict[str, tuple[bytes, str, int | None, str]] = {
    "empty": (b"", "code", 0, END),
    "text longer than the rest": (with_part("code", b"\xfe\x07AB"), "code", 0, END),
    "cut in a text": (cut_in("code", 2), "code", 0, END),
    "cut before the items": (cut_in("items +", 0), "items", start_of("items +"), END),
    "cut in an item's text": (cut_in("items[0].sku", 2), "items[0].sku", start_of("items[0].sku"), END),
    "cut in the second item": (cut_in("items[1].price", 1), "items[1].price", start_of("items[1].price"), END),
    "cut in an optional value": (cut_in("items[1].buyer", 4), "items[1].buyer", start_of("items[1].buyer"), END),
    "cut before an optional value": (cut_in("items[1].buyer", 0), "items[1].buyer", start_of("items[1].buyer"), END),
    "cut before a branch": (cut_in("items[1].buyer ?", 0), "items[1].buyer", start_of("items[1].buyer ?"), END),
    "cut after a map's key": (cut_in("labels[1].value", 0), "labels[1].value", start_of("labels[1].value"), END),
    "cut in a map's value": (cut_in("labels[1].value", 1), "labels[1].value", start_of("labels[1].value"), END),
    "cut in a map's key": (cut_in("labels[1].key", 1), "labels[1].key", start_of("labels[1].key"), END),
    "cut in a record of a map": (
        with_part("sizes[0].value.width", b"\x80")[: start_of("sizes[0].value.width") + 1],
        "sizes[0].value.width",
        start_of("sizes[0].value.width"),
        END,
    ),
    "cut in a double": (cut_in("rate", 7), "rate", start_of("rate"), END),
    "cut in a fixed": (cut_in("blob", 3), "blob", start_of("blob"), END),
    "cut in an optional record": (cut_in("home.city", 1), "home.city", start_of("home.city"), END),
    "cut before the last field": (cut_in("at", 0), "at", start_of("at"), END),
    "no such branch": (with_part("serial ?", b"\x04"), "serial", start_of("serial ?"), "no branch of its union"),
    "no such branch in an item": (
        with_part("items[0].buyer ?", b"\x03"),
        "items[0].buyer",
        start_of("items[0].buyer ?"),
        "no branch of its union",
    ),
    "a decimal of too many digits": (
        with_part("items[1].price", b"\x04\x7f\xff"),
        "items[1].price",
        start_of("items[1].price"),
        "more digits than its precision",
    ),
    "a decimal of too many bytes": (
        with_part("items[0].price", b"\x08\x00\x00\x00\x01"),
        "items[0].price",
        start_of("items[0].price"),
        "a decimal of no bytes or of too many",
    ),
    "not UTF-8": (with_part("home.city", b"\x04\xff\xfe"), "home.city", start_of("home.city"), "not UTF-8"),
    "a map's key that is not UTF-8": (
        with_part("labels[1].key", b"\x02\xff"),
        "labels[1].key",
        start_of("labels[1].key"),
        "not UTF-8",
    ),
    "a map's key twice": (
        with_part("labels[1].key", b"\x02a"),
        "labels[1].key",
        start_of("labels[1].key"),
        "a key occurs twice",
    ),
    "a negative length": (
        with_part("items[1].sku", b"\x01"),
        "items[1].sku",
        start_of("items[1].sku"),
        "a negative length",
    ),
    "an over-long integer": (
        with_part("serial", b"\x8a\x00"),
        "serial",
        start_of("serial"),
        "an integer longer than it needs to be",
    ),
    "an integer of 70 bits": (
        with_part("at", b"\xff" * 10 + b"\x01"),
        "at",
        start_of("at"),
        "an integer of more than 64 bits",
    ),
    "an int beyond 32 bits": (
        with_part("serial", b"\x80\x80\x80\x80\x20"),
        "serial",
        start_of("serial"),
        "an int beyond 32 bits",
    ),
    "an unknown symbol": (with_part("colour", b"\x04"), "colour", start_of("colour"), "no symbol of its enum"),
    "a boolean of 7": (with_part("paid", b"\x07"), "paid", start_of("paid"), "neither true nor false"),
    "a date beyond year 9999": (
        with_part("day", b"\xfe\xff\xff\xff\x0f"),
        "day",
        start_of("day"),
        "a date outside years 1 to 9999",
    ),
    "a time of no day": (with_part("wakes", b"\x01"), "wakes", start_of("wakes"), "a time of no day"),
    "a timestamp beyond year 9999": (
        with_part("at", b"\xfe" + b"\xff" * 8 + b"\x01"),
        "at",
        start_of("at"),
        "a time outside years 1 to 9999",
    ),
    "no UUID": (with_part("key", b"\x04ab"), "key", start_of("key"), "not a UUID"),
    "more items than bytes": (with_part("items +", b"\xe8\x07"), "items", start_of("items +"), "more items than bytes"),
    "more items than allowed": (
        with_part("labels +", b"\xc2\x9a\x0c"),
        "labels",
        start_of("labels +"),
        "more than 100000 items",
    ),
    "a block of another size": (
        with_part("sizes +", b"\x01\x08"),
        "sizes",
        start_of("sizes .") + 1,
        "a block of another size than it says",
    ),
    "bytes too many": (GOOD + b"\x00\x00", "", len(GOOD), "2 bytes follow the last field"),
    "larger than allowed": (GOOD + bytes(16_777_216), "", None, "larger than 16777216 bytes"),
    "gzip": (gzip.compress(GOOD, mtime=0), "code", 0, "a negative length"),
    "JSON text": (b'{"code": "AB", "paid": true}', "code", 0, "a negative length"),
}  # fmt: skip


def test_the_payload_that_is_broken_below_is_good() -> None:
    explained = of_order(GOOD)

    assert (explained.stop, explained.envelope, explained.would_decode.accepted) == (None, None, True)
    assert [field.path for field in explained.fields] == [name for name in PARTS if not name.endswith(("+", ".", "?"))]


@pytest.mark.parametrize("name", BROKEN)
def test_the_right_field_and_byte_are_named(name: str) -> None:
    data, path, offset, why = BROKEN[name]

    explained = of_order(data)

    assert explained.stop is not None
    assert (explained.stop.path, explained.stop.offset, explained.stop.why) == (path, offset, why)
    assert explained.would_decode.reason == "undecodable_payload"
    assert all(field.end <= (offset or 0) for field in explained.fields), "only what was read before the stop"
    assert "Jane" not in repr(explained) + json.dumps(explained.to_json())


def test_the_decoded_part_is_in_order_and_names_what_it_hides() -> None:
    explained = of_order(with_part("items[1].price", b"\x04\x7f\xff"))

    assert [(field.path, field.text, field.start, field.end) for field in explained.fields] == [
        ("code", "AB", 0, 3),
        ("items[0].sku", "X-1", 4, 8),
        ("items[0].price", "12.34", 8, 11),
        ("items[0].buyer", "(personal: name)", 11, 23),
        ("items[1].sku", "X-2", 23, 27),
    ]


def test_revealed_values_are_shown_and_still_marked_as_personal() -> None:
    [buyer] = [f for f in of_order(cut_in("labels +", 0), reveal=True).fields if f.path == "items[0].buyer"]

    assert (buyer.text, buyer.personal, buyer.hidden) == ("Buyer-Jane", "name", "")
    assert "Jane" not in repr(buyer), "a repr is never asked for a reason"


def test_the_stop_says_whether_its_field_is_personal() -> None:
    inside, map_key = of_order(cut_in("home.street", 3)), of_order(cut_in("labels[1].key", 1))

    assert inside.stop is not None
    assert (inside.stop.personal, inside.stop.shown) == ("name", False)
    assert map_key.stop is not None
    assert (map_key.stop.personal, map_key.stop.shown) == (None, True)


@pytest.mark.parametrize(
    ("changes", "attribute", "why"),
    [
        ({"ce-id": ""}, "ce-id", "is empty"),
        ({"ce-id": "\ud800"}, "ce-id", "holds half a character"),
        ({"ce-time": "yesterday"}, "ce-time", "is not RFC 3339"),
        ({"ce-type": "other"}, "ce-type", "names another subject than ce-dataschema"),
        ({"ce-dataschema": "order_placed"}, "ce-dataschema", "is not of the form headrace:<subject>:<version>"),
        ({"content-type": "application/json"}, "content-type", "is not application/avro"),
    ],
)
def test_the_attribute_that_is_wrong_is_named(changes: dict[str, str], attribute: str, why: str) -> None:
    explained = of_order(GOOD, attributes() | changes)

    assert explained.envelope is not None
    assert (explained.envelope.attribute, explained.envelope.why) == (attribute, why)
    assert explained.would_decode.reason == "malformed_envelope"


def test_an_envelope_that_is_wrong_elsewhere_still_says_its_contract() -> None:
    explained = of_order(b"", attributes() | {"ce-time": "yesterday"})

    assert (explained.claimed, explained.known) == ("order_placed.v1", True)
    assert explained.stop is not None


def test_an_event_time_that_differs_from_the_envelope_is_reported() -> None:
    explained = of_order(GOOD, attributes() | {"ce-time": "2026-01-01T00:00:00Z"})

    assert (explained.envelope, explained.stop) == (None, None)
    assert explained.would_decode.detail == "ce-time is not the event's at"


def test_a_wrong_version_is_found_and_would_be_accepted() -> None:
    data = encode(BOOKING_V1, a_booking_v1())
    given = Envelope("e1", BOOKING.ref, MOMENT, "test").to_attributes()

    explained = explain(PACKAGE, "booking_created", given, data)

    assert explained.stop is not None
    assert explained.nearest is not None
    assert (explained.nearest.contract, explained.nearest.fit) == ("booking_created.v1", "fits")
    assert explained.nearest.would_decode.accepted


def test_an_unknown_version_shows_nothing_and_names_the_closest() -> None:
    data = encode(BOOKING, a_booking()) + b"\x06new"
    given = Envelope("e1", SchemaRef("booking_created", 3), MOMENT, "test").to_attributes()

    explained = explain(PACKAGE, "booking_created", given, data)

    assert (explained.claimed, explained.known, explained.stop) == ("booking_created.v3", False, None)
    assert explained.nearest is not None
    assert (explained.nearest.contract, explained.nearest.fit) == ("booking_created.v2", "closest")
    assert (explained.nearest.fields_read, explained.nearest.fields) == (28, 28)
    assert not explained.nearest.would_decode.accepted
    assert all(field.hidden for field in explained.fields)
    assert "EUR" not in json.dumps(explained.to_json())
    assert "EUR" in json.dumps(explain(PACKAGE, "booking_created", given, data, reveal=True).to_json())


def test_another_subjects_payload_is_recognised_and_its_personal_bytes_stay_hidden() -> None:
    letters = classified(("a", {"type": "string", "logicalType": "uuid"}, NONE), subject="letter_sent")
    people = classified(
        ("a", {"type": "string", "logicalType": "uuid"}, NAME), ("b", "int", NONE), subject="person_met"
    )
    registry = Registry({letters.ref: letters, people.ref: people})
    uuid = "0b7f5a3e-9c1d-4e2f-8a6b-112233445566"
    data = encode(people, {"a": uuid, "b": 1, "at": MOMENT})

    explained = explain(registry, "letter_sent", attributes(letters), data)

    assert explained.nearest is not None
    assert (explained.nearest.contract, explained.nearest.fit) == ("person_met.v1", "fits")
    assert uuid not in json.dumps(explained.to_json())
    assert explained.fields[0].text == "(hidden: may be misread)"


def test_a_flight_that_claims_to_be_a_booking_is_recognised() -> None:
    data = encode(FLIGHT, a_flight())
    given = Envelope("e1", BOOKING.ref, MOMENT, "test").to_attributes()

    nearest = explain(PACKAGE, "booking_created", given, data).nearest

    assert nearest is not None
    assert (nearest.contract, nearest.fit, nearest.would_decode.accepted) == ("flight_departed.v1", "fits", True)


@pytest.mark.parametrize(
    ("data", "looks_like"),
    [
        pytest.param(BROKEN["gzip"][0], "a datum without a header, compressed with gzip", id="gzip"),
        pytest.param(gzip.compress(b"nothing"), "gzip", id="gzip of something else"),
        pytest.param(BROKEN["JSON text"][0], "JSON text", id="JSON"),
        pytest.param(b"[" * 100_000, None, id="endless JSON"),
        pytest.param(b"Obj\x01" + GOOD, "an Avro file, with its schema before the datum", id="an Avro file"),
        pytest.param(
            b"\x00\x00\x00\x00\x07" + GOOD,
            "a datum behind a header of 5 bytes (00 and an id of 4 bytes, as Confluent and Apicurio write it)",
            id="a Kafka frame",
        ),
        pytest.param(cut_in("at", 0), None, id="a cut payload"),
    ],
)
def test_another_format_is_recognised(data: bytes, looks_like: str | None) -> None:
    assert of_order(data).looks_like == looks_like


def test_without_any_contract_of_the_subject_the_others_are_tried() -> None:
    explained = explain(ORDERS, "nobody_knows", attributes(), GOOD)

    assert explained.would_decode.reason == "unknown_schema"
    assert explained.nearest is not None
    assert explained.nearest.would_decode.accepted


def test_where_no_contract_knows_personal_data_nothing_is_hidden() -> None:
    contract = a_contract(("text", "string"), ("number", "int"))
    data = encode(contract, {"text": "a longer text", "number": 1, "at": MOMENT})[:-1]

    explained = explain(Registry({contract.ref: contract}), "thing_happened", attributes(contract), data)

    assert [field.text for field in explained.fields] == ["a longer text", "1"]


def test_many_values_are_cut_in_the_middle_and_long_ones_at_the_end() -> None:
    contract = a_contract(("text", "string"), ("numbers", {"type": "array", "items": "int"}))
    data = encode(contract, {"text": "x" * 1000, "numbers": list(range(5000)), "at": MOMENT})

    explained = explain(Registry({contract.ref: contract}), "thing_happened", attributes(contract), data)

    assert explained.fields[0].text == "x" * 200 + "... (1,000 characters)"
    assert (len(explained.fields), explained.fields_left_out) == (1000, 4002)
    assert [field.path for field in explained.fields[-2:]] == ["numbers[4999]", "at"]
