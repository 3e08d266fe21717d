"""What is copied of callers' objects, and what is asked of them."""

from __future__ import annotations

from collections import UserDict
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest

from headrace.schemas import plain
from headrace.schemas.errors import InvalidEventError
from headrace.schemas.model import MAX_ITEMS, Kind
from headrace.schemas.validate_scalar import check_scalar
from tests.support.callers import MARKER, Clock, Day, Exact, Id, Moment, Real, Text, Whole, of_class, raising

NUMBERS = (Kind.INT, Kind.LONG, Kind.FLOAT, Kind.DOUBLE)
HELD: list[tuple[Any, tuple[Kind, ...]]] = [
    ("text", (Kind.STRING,)),
    (b"bytes", (Kind.BYTES,)),
    (7, NUMBERS),
    (7.5, (Kind.FLOAT, Kind.DOUBLE)),
    (Decimal(7), ()),
    (UUID(int=7), ()),
    ([7], ()),
    ({"a": 7}, ()),
]


@pytest.mark.parametrize(
    ("value", "kind"), [(value, kind) for value, held in HELD for kind in Kind if kind not in held], ids=str
)
def test_a_value_of_another_type_whose_every_method_raises_is_refused_without_telling_it(
    value: Any, kind: Kind
) -> None:
    unreadable = of_class(raising(type(value)), value)
    with pytest.raises(InvalidEventError) as raised:
        check_scalar(kind, unreadable, "seat")
    assert MARKER not in str(raised.value)
    assert raised.value.__context__ is None


AT = datetime(2026, 3, 14, 15, 9, 26, 535_001)
OFFSET = timedelta(hours=5, minutes=30, seconds=7, microseconds=9)


@pytest.mark.parametrize(
    ("read", "value", "copy"),
    [
        (plain.text_of, Text("seat"), "seat"),
        (plain.whole_of, Whole(5), 5),
        (plain.number_of, Real(7.5), 7.5),
        (plain.number_of, Whole(5), 5),
        (plain.decimal_of, Exact("1.50"), Decimal("1.50")),
    ],
)
def test_an_object_of_a_subclass_is_copied_as_what_it_holds(read: Any, value: Any, copy: Any) -> None:
    found = read(value)
    assert (type(found), found) == (type(copy), copy)


@pytest.mark.parametrize(
    ("read", "value", "copy"),
    [
        (plain.uuid_of, Id(int=7), str(UUID(int=7))),
        (plain.date_of, Day(2026, 3, 14), date(2026, 3, 14)),
        (plain.time_of, Clock(8, 25, 1, 3), time(8, 25, 1, 3)),
    ],
)
def test_an_object_that_is_asked_is_copied_too(read: Any, value: Any, copy: Any) -> None:
    found = read(value, "seat")
    assert (type(found), found) == (type(copy), copy)


@pytest.mark.parametrize("kind", [datetime, Moment])
@pytest.mark.parametrize("zone", [None, UTC, timezone(OFFSET)], ids=str)
def test_a_moment_is_taken_apart(kind: type[datetime], zone: timezone | None) -> None:
    moment = plain.moment_of(of_class(kind, AT.replace(tzinfo=zone)), "seat")
    assert moment == (AT, None if zone is None else zone.utcoffset(None), zone is not None)
    assert type(moment.wall) is datetime


class Nothing(date):
    """As pandas' NaT, for a date."""

    def __ne__(self, other: object) -> bool:
        return True


def test_what_is_not_equal_to_itself_is_no_date() -> None:
    nothing = Nothing(2026, 3, 14)
    assert plain.date_of(nothing, "seat") is None
    assert plain.is_no_time(nothing, "seat")
    assert not plain.is_no_time(date(2026, 3, 14), "seat")
    assert not plain.is_no_time(float("nan"), "seat")


@pytest.mark.parametrize("kind", [list, tuple])
def test_of_many_items_one_more_is_read_than_there_may_be(kind: type) -> None:
    assert plain.items_of(kind((1, 2)), "seat") == [1, 2]
    for count in (MAX_ITEMS, MAX_ITEMS + 1):
        assert len(plain.items_of(kind(range(count)), "seat") or ()) == count
    assert len(plain.items_of(kind(range(MAX_ITEMS + 5)), "seat") or ()) == MAX_ITEMS + 1


@pytest.mark.parametrize("kind", [MappingProxyType, UserDict])
def test_of_many_entries_one_more_is_read_than_there_may_be(kind: Any) -> None:
    assert plain.entries_of(kind({"a": 1}), "seat") == [("a", 1)]
    for count in (MAX_ITEMS, MAX_ITEMS + 1):
        assert len(plain.entries_of(kind(dict.fromkeys(range(count))), "seat") or ()) == count
    assert len(plain.entries_of(kind(dict.fromkeys(range(MAX_ITEMS + 5))), "seat") or ()) == MAX_ITEMS + 1


def test_a_dict_is_read_as_it_is() -> None:
    assert plain.entries_of({"a": 1, "b": 2}, "seat") == [("a", 1), ("b", 2)]
