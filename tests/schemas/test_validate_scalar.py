"""Checks of numbers and times at their bounds. Those that the module makes once, a test makes again, as each contract's
field has them."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from headrace.schemas import validate_scalar
from headrace.schemas.errors import InvalidEventError
from headrace.schemas.model import Kind
from headrace.schemas.validate_scalar import check_scalar, check_text
from tests.support.callers import Moment, Real, Text, Whole

LARGEST_FLOAT, LARGEST_DOUBLE = 3.4028234663852886e38, 1.7976931348623157e308
HOUR = timezone(timedelta(hours=1))
AT = datetime(2026, 3, 14, 15, 9, 26, 535_000, UTC)

Check = Callable[[Any, str], Any]


@pytest.fixture(params=[32, 64])
def bits(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def refused(check: Check, value: Any, why: str) -> None:
    with pytest.raises(InvalidEventError, match=why) as raised:
        check(value, "seat")
    assert raised.value.path == "seat"


def test_integers_reach_as_far_as_their_bits(bits: int) -> None:
    check = validate_scalar._integer(bits)
    for number in (-(2 ** (bits - 1)), -1, 0, 1, 2 ** (bits - 1) - 1):
        assert check(number, "seat") == number
    for number in (-(2 ** (bits - 1)) - 1, 2 ** (bits - 1), 3**bits, -(3**bits)):
        refused(check, number, f"an int beyond {bits} bits; check its unit")


@pytest.mark.parametrize("value", [True, 1.0, "1", None, b"1"])
def test_what_is_no_integer_is_refused(bits: int, value: Any) -> None:
    refused(validate_scalar._integer(bits), value, r"\(got \w+\); give an int")


def test_an_integer_of_a_subclass_is_what_it_holds(bits: int) -> None:
    found = validate_scalar._integer(bits)(Whole(5), "seat")
    assert (type(found), found) == (int, 5)


@pytest.mark.parametrize(("kind", "largest"), [(Kind.FLOAT, LARGEST_FLOAT), (Kind.DOUBLE, LARGEST_DOUBLE)], ids=str)
def test_floating_numbers_reach_as_far_as_their_type(kind: Kind, largest: float) -> None:
    check = validate_scalar._floating(kind, largest)
    for number in (largest, -largest, 0.0, 7.5, math.inf, -math.inf):
        assert check(number, "seat") == number
    assert math.isnan(check(math.nan, "seat"))
    for number in (10**400, -(10**400)):
        refused(check, number, f"a number beyond a {kind}")


def test_a_double_that_no_float_holds_is_refused() -> None:
    check = validate_scalar._floating(Kind.FLOAT, LARGEST_FLOAT)
    for number in (math.nextafter(LARGEST_FLOAT, math.inf), LARGEST_DOUBLE, -LARGEST_DOUBLE):
        refused(check, number, "a number beyond a float")


@pytest.mark.parametrize("value", [True, "1", None, b"1", 1j])
def test_what_is_no_number_is_refused(value: Any) -> None:
    refused(validate_scalar._floating(Kind.DOUBLE, LARGEST_DOUBLE), value, r"\(got \w+\); give a float")


@pytest.mark.parametrize(("value", "held"), [(7, 7.0), (Real(7.5), 7.5), (Whole(8), 8.0)])
def test_a_number_becomes_an_exact_float(value: Any, held: float) -> None:
    found = validate_scalar._floating(Kind.DOUBLE, LARGEST_DOUBLE)(value, "seat")
    assert (type(found), found) == (float, held)


def test_a_time_of_day_comes_back_when_it_is_no_finer_than_its_type() -> None:
    at = time(8, 25, 0, 1_000)
    assert validate_scalar._time_of_day(1_000)(at, "seat") == at
    assert validate_scalar._time_of_day(1)(at.replace(microsecond=1), "seat") == at.replace(microsecond=1)
    refused(validate_scalar._time_of_day(1_000), at.replace(microsecond=1_001), "finer than a millisecond")
    for value in (at.replace(tzinfo=UTC), AT, None, "08:25"):
        refused(validate_scalar._time_of_day(1), value, "give a datetime.time without a time zone")


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(AT, id="in UTC"),
        pytest.param(AT.astimezone(HOUR), id="in another zone"),
        pytest.param(AT.replace(tzinfo=timezone(timedelta())), id="in a zone that is as UTC"),
        pytest.param(Moment(2026, 3, 14, 16, 9, 26, 535_000, HOUR), id="of a subclass"),
        pytest.param(Moment(2026, 3, 14, 15, 9, 26, 535_000, UTC), id="of a subclass in UTC"),
    ],
)
def test_an_instant_is_given_in_utc(value: datetime) -> None:
    found = validate_scalar._instant(1_000)(value, "seat")
    assert (type(found), found, found.tzinfo) == (datetime, AT, UTC)


def test_an_instant_finer_than_its_type_is_refused() -> None:
    for value in (AT.replace(microsecond=999), AT.replace(microsecond=999, tzinfo=HOUR)):
        refused(validate_scalar._instant(1_000), value, "finer than a millisecond")
        assert validate_scalar._instant(1)(value, "seat") == value


@pytest.mark.parametrize("value", [AT.replace(tzinfo=None), Moment(2026, 3, 14), date(2026, 3, 14), "2026", None])
def test_what_is_no_instant_is_refused(value: Any) -> None:
    refused(validate_scalar._instant(1), value, "give an aware datetime")


def test_an_instant_beyond_the_years_is_refused() -> None:
    for value in (datetime.min.replace(tzinfo=HOUR), datetime.max.replace(tzinfo=timezone(-timedelta(hours=1)))):
        refused(validate_scalar._instant(1), value, "outside years 1 to 9999 in UTC")


def test_a_wall_clock_comes_back_when_it_is_no_finer_than_its_type() -> None:
    at = AT.replace(tzinfo=None)
    assert validate_scalar._wall_clock(1_000)(at, "seat") == at
    assert validate_scalar._wall_clock(1)(at.replace(microsecond=1), "seat") == at.replace(microsecond=1)
    refused(validate_scalar._wall_clock(1_000), at.replace(microsecond=1), "finer than a millisecond")
    found = validate_scalar._wall_clock(1)(Moment(2026, 3, 14), "seat")
    assert (type(found), found) == (datetime, datetime(2026, 3, 14))
    for value in (AT, at.replace(tzinfo=HOUR), at.date(), None, "2026"):
        refused(validate_scalar._wall_clock(1), value, "give a datetime without a time zone")


@pytest.mark.parametrize("value", [True, False])
def test_a_boolean_is_itself(value: bool) -> None:
    assert check_scalar(Kind.BOOLEAN, value, "seat") is value


@pytest.mark.parametrize(
    ("kind", "value", "held"),
    [
        (Kind.STRING, "seat", "seat"),
        (Kind.STRING, Text("séat"), "séat"),
        (Kind.BYTES, b"\xff", b"\xff"),
        (Kind.UUID, UUID(int=7), str(UUID(int=7))),
        (Kind.UUID, str(UUID(int=7)).upper(), str(UUID(int=7)).upper()),
        (Kind.DATE, date(2026, 3, 14), date(2026, 3, 14)),
    ],
)
def test_a_value_is_given_as_its_kind_has_it(kind: Kind, value: Any, held: Any) -> None:
    found = check_scalar(kind, value, "seat")
    assert (type(found), str.__str__(found) if isinstance(held, str) else found) == (type(held), held)


@pytest.mark.parametrize("text", ["", "seat", "\x7f", "\x80", "é", "\U0001f6eb"])
def test_text_that_utf_8_can_hold_is_let_through(text: str) -> None:
    check_text(text, "seat")


@pytest.mark.parametrize("text", ["\ud800", "seat\udfff", "\udc00\ud800"])
def test_half_a_pair_is_refused(text: str) -> None:
    refused(lambda value, path: check_text(value, path), text, "half a surrogate pair")


@pytest.mark.parametrize(
    ("kind", "value", "why"),
    [
        (Kind.BOOLEAN, 1, "give True or False"),
        (Kind.STRING, b"seat", "give a str"),
        (Kind.STRING, "\ud800", "half a surrogate pair"),
        (Kind.STRING, Text("\ud800"), "half a surrogate pair"),
        (Kind.BYTES, "seat", "give bytes"),
        (Kind.UUID, 7, "give a uuid.UUID"),
        (Kind.UUID, None, "give a uuid.UUID"),
        (Kind.UUID, "seat", "give a uuid.UUID"),
        (Kind.UUID, UUID(int=7).hex, "give a uuid.UUID"),
        (Kind.DATE, AT, "give a datetime.date"),
        (Kind.DATE, None, "give a datetime.date"),
    ],
)
def test_what_is_of_another_kind_is_refused(kind: Kind, value: Any, why: str) -> None:
    refused(lambda given, path: check_scalar(kind, given, path), value, why)
