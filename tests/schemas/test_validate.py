"""Validation: what an event may hold, and errors that never show what it held."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest

from headrace.schemas.errors import InvalidEventError
from headrace.schemas.model import MAX_ITEMS
from headrace.schemas.validate import check, validate
from tests.support.builders import (
    BOOKING,
    BOOKING_V1,
    FLIGHT,
    MOMENT,
    TIMESTAMP,
    a_booking,
    a_booking_v1,
    a_contract,
    a_decimal,
    a_flight,
    encode,
)

MARKER = "ada@example.com"
WALL_CLOCK = datetime(2026, 1, 1)


def logical(base: str, name: str) -> dict[str, str]:
    return {"type": base, "logicalType": name}


def refusal(type_: Any, value: Any) -> InvalidEventError:
    """How a field of *type_* refuses *value*."""
    contract = a_contract(("field", type_))
    with pytest.raises(InvalidEventError) as raised:
        validate(contract.record, {"field": value, "at": MOMENT})
    return raised.value


def test_the_events_of_the_package_are_valid() -> None:
    validate(FLIGHT.record, a_flight())
    validate(BOOKING_V1.record, a_booking_v1())
    validate(BOOKING.record, a_booking())


INT, LONG, STRING = "int", "long", "string"
DATE, TIME, UUID_TEXT = logical("int", "date"), logical("int", "time-millis"), logical("string", "uuid")
MICROS_OF_DAY = logical("long", "time-micros")
MILLIS, WALL = logical("long", "timestamp-millis"), logical("long", "local-timestamp-micros")
ENUM = {"type": "enum", "name": "Suit", "symbols": ["CLUBS", "HEARTS"]}
ROW = {"type": "record", "name": "Row", "fields": [{"name": "seat", "type": "int"}]}
FIXED = {"type": "fixed", "name": "Sum", "size": 4}


@pytest.mark.parametrize(
    ("type_", "value", "remedy"),
    [
        pytest.param("boolean", MARKER, "give True or False", id="text for a boolean"),
        pytest.param("boolean", 1, "give True or False", id="a number for a boolean"),
        pytest.param(INT, MARKER, "give an int", id="text for an int"),
        pytest.param(INT, True, "give an int", id="a boolean for an int"),
        pytest.param(LONG, 1.0, "give an int", id="a float for a long"),
        pytest.param("float", MARKER, "give a float", id="text for a float"),
        pytest.param("double", False, "give a float", id="a boolean for a double"),
        pytest.param(STRING, 7, "give a str", id="a number for text"),
        pytest.param(STRING, MARKER.encode(), "give a str", id="bytes for text"),
        pytest.param("bytes", MARKER, "give bytes", id="text for bytes"),
        pytest.param(UUID_TEXT, MARKER, "give a uuid.UUID or its 36 characters", id="text for a UUID"),
        pytest.param(UUID_TEXT, "0" * 32, "give a uuid.UUID", id="a UUID without hyphens"),
        pytest.param(UUID_TEXT, "----" + "0" * 32, "give a uuid.UUID", id="a UUID with misplaced hyphens"),
        pytest.param(UUID_TEXT, "0b7f5a3e-9c1d-4e2f-8a6b-11223344556\u0666", "give a uuid.UUID", id="Arabic digits"),
        pytest.param(DATE, MARKER, "give a datetime.date", id="text for a date"),
        pytest.param(DATE, MOMENT, "give a datetime.date", id="a moment for a date"),
        pytest.param(TIME, MARKER, "give a datetime.time", id="text for a time"),
        pytest.param(MICROS_OF_DAY, 5, "give a datetime.time", id="a number for a time"),
        pytest.param(TIME, time(1, tzinfo=UTC), "without a time zone", id="a time with a zone"),
        pytest.param(TIMESTAMP, MARKER, "give an aware datetime", id="text for a moment"),
        pytest.param(TIMESTAMP, WALL_CLOCK, "give an aware datetime", id="a wall clock for a moment"),
        pytest.param(MILLIS, date(2026, 1, 1), "give an aware datetime", id="a date for a moment"),
        pytest.param(WALL, MOMENT, "give a datetime without a time zone", id="a moment for a wall clock"),
        pytest.param(logical("long", "local-timestamp-millis"), 5, "give a datetime without", id="a number for it"),
        pytest.param(ENUM, MARKER, "give one of CLUBS, HEARTS", id="no symbol"),
        pytest.param(ENUM, 0, "give one of CLUBS, HEARTS", id="a symbol's index"),
        pytest.param(FIXED, MARKER.encode(), "give exactly 4 bytes", id="a fixed too long"),
        pytest.param(FIXED, "1234", "give exactly 4 bytes", id="text for a fixed"),
        pytest.param(a_decimal(4, 2), MARKER, "give a decimal.Decimal", id="text for a decimal"),
        pytest.param(a_decimal(4, 2), 1.5, "give a decimal.Decimal", id="a float for a decimal"),
        pytest.param(a_decimal(4, 2), Decimal("NaN"), "give a decimal.Decimal", id="no number"),
        pytest.param(a_decimal(4, 2), Decimal("-Infinity"), "give a decimal.Decimal", id="infinity"),
        pytest.param(a_decimal(4, 2), Decimal("1.234"), "round it to a decimal.Decimal of at most 4", id="too fine"),
        pytest.param(a_decimal(4, 2), Decimal("100"), "round it", id="too many digits"),
        pytest.param(a_decimal(4, 2, 2), Decimal("1E+2"), "round it", id="too many digits in an exponent"),
        pytest.param({"type": "array", "items": INT}, MARKER, "give a list", id="text for an array"),
        pytest.param({"type": "map", "values": INT}, [MARKER], "give a dict", id="a list for a map"),
        pytest.param(ROW, [MARKER], "give a dict of its fields", id="a list for a record"),
        pytest.param(INT, None, "give an int", id="null where it is no value"),
    ],
)
def test_a_value_of_another_type_is_refused_with_path_type_and_remedy(type_: Any, value: Any, remedy: str) -> None:
    error = refusal(type_, value)

    assert error.path == "field"
    assert str(error).startswith(f"field: not a value of this field (got {type(value).__name__}); ")
    assert remedy in str(error)
    assert MARKER not in str(error)


@pytest.mark.parametrize(
    ("type_", "value", "why"),
    [
        pytest.param(INT, 2**31, "an int beyond 32 bits", id="int"),
        pytest.param(INT, -(2**31) - 1, "an int beyond 32 bits", id="negative int"),
        pytest.param(LONG, 2**63, "an int beyond 64 bits", id="long"),
        pytest.param("float", 3.5e38, "a number beyond a float", id="float"),
        pytest.param("float", 10**400, "a number beyond a float", id="an int beyond any float"),
        pytest.param("double", -(10**400), "a number beyond a double", id="an int beyond any double"),
        pytest.param(STRING, MARKER + "\ud800", "half a surrogate pair", id="half a surrogate pair"),
        pytest.param(TIMESTAMP, datetime.min.replace(tzinfo=timezone(timedelta(hours=1))), "in UTC", id="year 0"),
        pytest.param(TIMESTAMP, datetime.max.replace(tzinfo=timezone(-timedelta(hours=1))), "in UTC", id="year 10000"),
        pytest.param(MILLIS, MOMENT.replace(microsecond=1), "finer than a millisecond", id="a moment"),
        pytest.param(TIME, time(1, 2, 3, 4), "finer than a millisecond", id="a time"),
        pytest.param(
            logical("long", "local-timestamp-millis"),
            WALL_CLOCK.replace(microsecond=999),
            "finer than a millisecond",
            id="a wall clock",
        ),
        pytest.param({"type": "array", "items": INT}, [1] * (MAX_ITEMS + 1), "more than 100000 items", id="items"),
        pytest.param(
            {"type": "map", "values": INT},
            {str(number): 1 for number in range(MAX_ITEMS + 1)},
            "more than 100000 items",
            id="entries",
        ),
    ],
)
def test_a_value_that_cannot_be_read_back_is_refused(type_: Any, value: Any, why: str) -> None:
    error = refusal(type_, value)

    assert error.path == "field"
    assert why in str(error)
    assert MARKER not in str(error)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        pytest.param("float", float("inf"), id="infinity"),
        pytest.param("double", float("nan"), id="no number"),
        pytest.param("double", 7, id="an int for a double"),
        pytest.param("float", 3.4028234663852886e38, id="the largest float"),
        pytest.param(UUID_TEXT, "0B7F5A3E-9C1D-4E2F-8A6B-112233445566", id="a UUID in upper case"),
        pytest.param(a_decimal(2, 2), Decimal(0), id="zero where every digit is after the point"),
        pytest.param(a_decimal(2, 2), Decimal("-0.99"), id="only digits after the point"),
        pytest.param(a_decimal(4, 0), Decimal("9E+3"), id="an exponent"),
        pytest.param({"type": "array", "items": INT}, (1, 2), id="a tuple for an array"),
        pytest.param({"type": "map", "values": INT}, MappingProxyType({"a": 1}), id="any mapping for a map"),
        pytest.param(["null", ROW], MappingProxyType({"seat": 1}), id="any mapping for a record"),
        pytest.param([STRING, "null"], None, id="null"),
    ],
)
def test_what_validation_accepts_can_be_encoded(type_: Any, value: Any) -> None:
    contract = a_contract(("field", type_))
    event = {"field": value, "at": MOMENT}

    validate(contract.record, event)
    assert encode(contract, event)


def without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda event: event.pop(name)


def setting(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(event: Any) -> None:
        for step in path[:-1]:
            event = event[step]
        event[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "path"),
    [
        pytest.param(without("email"), "email", id="a missing field"),
        pytest.param(setting("e_mail", to=MARKER), "e_mail", id="an unknown field"),
        pytest.param(setting("passengers", 0, "name", to=7), "passengers[0].name", id="in a record of an array"),
        pytest.param(setting("passengers", 0, "age", to=7), "passengers[0].age", id="unknown in a nested record"),
        pytest.param(setting("contact", "country", to=None), "contact.country", id="in an optional record"),
        pytest.param(setting("tags", 1, to=7), "tags[1]", id="an item"),
        pytest.param(setting("ratings", MARKER, to="x"), "ratings (a value)", id="the value of a personal key"),
        pytest.param(setting("ratings", 7, to=7), "ratings (a key)", id="a key that is no text"),
        pytest.param(setting("ratings", MARKER + "\udc00", to=7), "ratings (a key)", id="a key that is half a pair"),
    ],
)
def test_the_path_leads_to_the_guilty_value(change: Callable[[dict[str, Any]], None], path: str) -> None:
    event = a_booking()
    change(event)

    with pytest.raises(InvalidEventError) as raised:
        validate(BOOKING.record, event)
    assert raised.value.path == path
    assert str(raised.value).startswith(f"{path}: ")
    assert MARKER not in str(raised.value)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        pytest.param({"type": "array", "items": INT}, [1] * MAX_ITEMS, id="items"),
        pytest.param({"type": "map", "values": INT}, {str(number): 1 for number in range(MAX_ITEMS)}, id="entries"),
    ],
)
def test_as_many_items_as_may_be_are_accepted(type_: Any, value: Any) -> None:
    validate(a_contract(("field", type_)).record, {"field": value, "at": MOMENT})


def test_an_event_that_is_no_mapping_is_refused_by_the_record_s_name() -> None:
    with pytest.raises(InvalidEventError, match=r"^FlightDeparted: not a value .* \(got list\)"):
        validate(FLIGHT.record, [MARKER])


def test_a_field_with_a_default_may_be_left_out() -> None:
    event = a_booking()
    for name in ("phone", "ratings", "tags", "contact"):
        del event[name]

    validate(BOOKING.record, event)
    assert encode(BOOKING, event)


def test_a_uuid_is_given_as_an_object_or_as_text() -> None:
    number = UUID("0b7f5a3e-9c1d-4e2f-8a6b-112233445566")

    assert encode(BOOKING, a_booking(booking_id=number)) == encode(BOOKING, a_booking(booking_id=str(number)))


class Nanoseconds(datetime):
    """A moment as pandas has it: finer than a datetime can say."""

    nanosecond = 7


class NoTime(datetime):
    """As pandas' NaT: a datetime that is not equal to itself and has no parts."""

    __hash__ = datetime.__hash__

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True

    def utcoffset(self) -> Any:
        raise ValueError(MARKER)


@pytest.mark.parametrize("type_", [TIMESTAMP, MILLIS])
def test_a_moment_finer_than_a_microsecond_is_refused(type_: Any) -> None:
    error = refusal(type_, Nanoseconds(2026, 11, 20, 5, 15, tzinfo=UTC))
    assert str(error) == "field: finer than a microsecond; round it, such as with floor('us')"


@pytest.mark.parametrize("type_", [TIMESTAMP, WALL, DATE, ["null", TIMESTAMP]])
def test_a_datetime_without_parts_is_refused(type_: Any) -> None:
    error = refusal(type_, NoTime(2026, 11, 20, tzinfo=UTC))
    assert str(error) == (
        "field: not a value of this field (got NoTime); give a time, or None where the field is optional"
    )


@pytest.mark.parametrize(
    ("type_", "value", "held"),
    [
        pytest.param(ENUM, "HEARTS", "HEARTS", id="an enum"),
        pytest.param(FIXED, b"1234", b"1234", id="a fixed"),
        pytest.param(a_decimal(4, 2), Decimal("1.5"), Decimal("1.50"), id="a decimal"),
        pytest.param({"type": "map", "values": INT}, {"a": 1}, {"a": 1}, id="a map"),
        pytest.param({"type": "array", "items": INT}, (1, 2), [1, 2], id="an array"),
        pytest.param(ROW, MappingProxyType({"seat": 1}), {"seat": 1}, id="a record"),
        pytest.param(["null", INT], 7, 7, id="an optional value"),
        pytest.param(["null", INT], None, None, id="null"),
        pytest.param(INT, 7, 7, id="a number"),
    ],
)
def test_a_value_is_given_as_its_type_has_it(type_: Any, value: Any, held: Any) -> None:
    record = a_contract(("field", type_)).record
    assert str(validate(record, {"field": value, "at": MOMENT})) == str({"field": held, "at": MOMENT})
    assert str(check(record.fields[0].type, value, "field")) == str(held)


def test_a_field_that_is_left_out_is_not_made_up() -> None:
    contract = a_contract(("field", INT, {"default": 7}))
    assert validate(contract.record, {"at": MOMENT}) == {"at": MOMENT}


@pytest.mark.parametrize("data", [b"", b"123", b"12345"])
def test_a_fixed_of_another_size_is_refused(data: bytes) -> None:
    assert str(refusal(FIXED, data)).endswith("give exactly 4 bytes")


def test_an_error_in_a_record_names_its_path_or_its_type() -> None:
    row = a_contract(("field", ROW)).record.fields[0].type
    for value, place in (([], ""), ({7: 1}, " (a key)"), (Unreadable(), "")):
        for path, name in (("seats[3]", "seats[3]"), ("", "Row")):
            with pytest.raises(InvalidEventError) as raised:
                check(row, value, path)
            assert raised.value.path == name + place


class Unreadable(dict[str, Any]):
    """A mapping that cannot be read."""

    def __iter__(self) -> Any:
        raise ValueError(MARKER)


@pytest.mark.parametrize(("path", "prefix"), [("", ""), ("seats[3]", "seats[3].")])
def test_an_unknown_field_name_is_shown_up_to_128_characters(path: str, prefix: str) -> None:
    row = a_contract(("field", ROW)).record.fields[0].type
    for count in (127, 128, 129):
        with pytest.raises(InvalidEventError, match="the contract has no such field; known are seat") as raised:
            check(row, {"x" * count: 1}, path)
        assert raised.value.path == prefix + "x" * min(count, 128)
