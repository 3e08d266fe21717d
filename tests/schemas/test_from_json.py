"""JSON lines into events."""

from __future__ import annotations

import base64
import json
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.schemas.errors import InvalidEventError
from headrace.schemas.from_json import fields_from_json
from headrace.schemas.validate import validate
from tests.support.builders import BOOKING, FLIGHT, a_booking, a_flight, encode
from tests.support.strategies import FIXED_PROFILE, events

MARKER = "ada@example.com"
DOZEN = Decimal("12.0")


def as_json(value: Any) -> Any:
    """An event as a line of NDJSON says it."""
    match value:
        case dict():
            return {key: as_json(item) for key, item in value.items()}
        case list():
            return [as_json(item) for item in value]
        case datetime() | date() | time():
            return value.isoformat()
        case Decimal() | UUID():
            return str(value)
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return value


def through_json(value: Any) -> Any:
    return json.loads(json.dumps(as_json(value)))


def test_an_event_of_every_type_comes_back_from_its_json() -> None:
    assert fields_from_json(BOOKING.record, through_json(a_booking())) == a_booking()
    assert fields_from_json(FLIGHT.record, through_json(a_flight())) == a_flight()


@FIXED_PROFILE
@given(st.data())
def test_any_event_comes_back_from_its_json(data: st.DataObject) -> None:
    event = data.draw(events(BOOKING.record))

    fields = fields_from_json(BOOKING.record, through_json(event))

    validate(BOOKING.record, fields)
    assert encode(BOOKING, fields) == encode(BOOKING, event)


def test_a_time_may_end_in_z_and_a_decimal_may_be_a_whole_number() -> None:
    fields = fields_from_json(BOOKING.record, {"created_at": "2026-03-14T15:09:26.535Z", "total": 12})

    assert fields == {"created_at": a_booking()["created_at"], "total": Decimal(12)}


@pytest.mark.parametrize(
    ("line", "path", "remedy"),
    [
        pytest.param({"booking_id": MARKER}, "booking_id", "write a UUID", id="a UUID"),
        pytest.param({"created_at": MARKER}, "created_at", "2026-01-31T13:45:00Z", id="a moment"),
        pytest.param({"paid_at": MARKER}, "paid_at", "2026-01-31T13:45:00Z", id="an optional moment"),
        pytest.param({"departs_local": MARKER}, "departs_local", "2026-01-31T13:45:00", id="a wall clock"),
        pytest.param({"check_in_opens": MARKER}, "check_in_opens", "13:45:00", id="a time"),
        pytest.param({"total": MARKER}, "total", 'such as "12.50"', id="a decimal"),
        pytest.param({"total": True}, "total", 'such as "12.50"', id="a boolean for a decimal"),
        pytest.param({"total": "1_000"}, "total", 'such as "12.50"', id="a decimal with an underscore"),
        pytest.param({"total": "\uff11\uff12"}, "total", 'such as "12.50"', id="full-width digits"),
        pytest.param({"signature": "QR=="}, "signature", "base64", id="bits left over"),
        pytest.param({"loyalty_points": Decimal("1.5")}, "loyalty_points", "whole number", id="a fraction for a long"),
        pytest.param({"carbon_kilograms": Decimal("1e400")}, "carbon_kilograms", "beyond a", id="beyond a double"),
        pytest.param({"created_at": "2026-03-14T15:09:26.1234567Z"}, "created_at", "finer than", id="nanoseconds"),
        pytest.param({"signature": MARKER}, "signature", "base64", id="bytes"),
        pytest.param({"signature": "é"}, "signature", "base64", id="bytes beyond ASCII"),
        pytest.param({"checksum": MARKER}, "checksum", "base64", id="a fixed"),
        pytest.param(
            {"passengers": [{}, {"birth_date": MARKER}]}, "passengers[1].birth_date", "2026-01-31", id="a nested date"
        ),
        pytest.param({"created_at": "2026-11-20T05:15:00"}, "created_at", "offset, such as", id="a moment's clock"),
        pytest.param({"created_at": 1795152900}, "created_at", "its offset, such as", id="a number for a moment"),
        pytest.param({"created_at": True}, "created_at", "not text", id="true for a moment"),
        pytest.param({"signature": 7}, "signature", "base64", id="a number for bytes"),
        pytest.param({"segments": [{"fare": MARKER}]}, "segments[0].fare", "such as", id="a nested decimal"),
    ],
)
def test_text_that_says_no_value_is_refused_with_path_and_remedy(line: Any, path: str, remedy: str) -> None:
    with pytest.raises(InvalidEventError) as raised:
        fields_from_json(BOOKING.record, line)
    assert raised.value.path == path
    assert remedy in str(raised.value)
    assert MARKER not in str(raised.value)
    assert raised.value.__cause__ is None, "a cause would show the value in a traceback"
    assert raised.value.__context__ is None or raised.value.__suppress_context__


def test_numbers_may_be_text_and_whole_numbers_may_have_a_point() -> None:
    line = {
        "loyalty_points": "1545",
        "customer_number": DOZEN,
        "discount_rate": "NaN",
        "total": DOZEN,
    }

    fields = fields_from_json(BOOKING.record, line)

    assert (fields["loyalty_points"], fields["customer_number"], fields["total"]) == (1545, 12, DOZEN)
    assert type(fields["customer_number"]) is int
    assert fields["discount_rate"] != fields["discount_rate"]


@pytest.mark.parametrize("line", [[MARKER], MARKER, 7, None, {"unknown": 1}, {"tags": "x"}, {"labels": [1]}])
def test_what_json_says_directly_is_left_to_validation(line: Any) -> None:
    assert fields_from_json(BOOKING.record, line) == line
    with pytest.raises(InvalidEventError):
        validate(BOOKING.record, line)
