"""Encoding column by column says of each line what encoding it as a whole says."""

from __future__ import annotations

from collections.abc import Mapping as Table
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.backfill.encoded_cells import Cells, Encoded
from headrace.backfill.fields import Fields
from headrace.backfill.mapping import Mapping, Origin
from headrace.schemas.encode import encode
from headrace.schemas.errors import InvalidEventError
from headrace.schemas.identity import derive_event_id
from headrace.schemas.registry import Contract
from tests.support.builders import FLIGHT, MOMENT, a_contract, a_decimal, decode
from tests.support.strategies import FIXED_PROFILE, contracts, events

ODD: list[Any] = [
    None,
    True,
    1,
    1.0,
    0,
    False,
    -0.0,
    2**31,
    2**63,
    "",
    "1",
    " 1",
    "x",
    "\ud800",
    b"1",
    Decimal("1.000"),
    [],
    {},
]
ODD += [MOMENT, MOMENT.replace(tzinfo=None), date(2026, 1, 1), MOMENT.astimezone(timezone(timedelta(hours=5)))]
TEXTS = ["", "NA", "1", "01", " 1", "+1", "1.0", "true", "TRUE", "no", "UA", "\ud800", "9" * 30, "x" * 100]
TEXTS += ["2026-03-14T15:09:26Z", "2026-03-14T15:09:26.535+05:00", "2026-03-14 15:09", "never"]


def as_a_whole(contract: Contract, fields: Fields, values: Table[str, Any]) -> Encoded | None:
    try:
        event = fields.read(values)
        data = encode(contract, event)
    except InvalidEventError:
        return None
    return Encoded(data, derive_event_id(contract, event) or "", contract.event_moment(event))


@given(st.data())
@settings(FIXED_PROFILE)
def test_values_of_any_contract(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    fields = Fields(contract, Mapping(), texts=False)
    cells = Cells(contract, Mapping(), fields)
    for event in data.draw(st.lists(events(contract.record), min_size=1, max_size=4)):
        name = data.draw(st.sampled_from([*event, "unknown"]))
        for values in (event, event, event | {name: data.draw(st.sampled_from(ODD))}, {**event, name: None}):
            assert cells.encode(values) == as_a_whole(contract, fields, values)
        assert cells.encode(event) is not None


@given(st.lists(st.tuples(*([st.sampled_from(TEXTS)] * 4)), min_size=1, max_size=20))
@settings(FIXED_PROFILE)
def test_texts_with_a_mapping(rows: list[tuple[str, str, str, str]]) -> None:
    names = ["carrier", "flight", "when", "unused"]
    mapping = Mapping(
        fields={
            "scheduled_at": Origin("when", zone=ZoneInfo("America/New_York")),
            "origin": Origin(value="EWR", constant=True),
            "destination": Origin("carrier"),
            "distance_miles": Origin("flight"),
            "cancelled": Origin("flight"),
        },
        null=frozenset({"", "NA"}),
        given=True,
    )
    fields = Fields(FLIGHT, mapping, texts=True)
    cells = Cells(FLIGHT, mapping, fields)
    for row in rows:
        values = dict(zip(names, row, strict=True))
        assert cells.encode(values) == as_a_whole(FLIGHT, fields, values)


def test_times_that_are_equal_and_not_the_same_moment_are_not_taken_for_each_other() -> None:
    contract = a_contract(("s", "string"), identity=["s", "at"])
    fields = Fields(contract, Mapping(), texts=False)
    cells = Cells(contract, Mapping(), fields)
    twice = [datetime(2025, 11, 2, 1, 30, fold=fold, tzinfo=ZoneInfo("America/New_York")) for fold in (0, 1)]
    assert twice[0] == twice[1]
    found = [cells.encode({"s": "x", "at": at}) for at in twice]
    assert found == [as_a_whole(contract, fields, {"s": "x", "at": at}) for at in twice]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].data != found[1].data


@pytest.mark.parametrize("size", [None, 4])
@pytest.mark.parametrize("price", [Decimal("12.500"), Decimal("-0.00"), Decimal("0E+9"), 12.5, "12.5000", 12])
def test_a_number_in_other_digits_needs_no_second_look(price: Any, size: int | None) -> None:
    contract = a_contract(("price", a_decimal(9, 2, size)), identity=["price"])
    fields = Fields(contract, Mapping(), texts=False)
    values = {"price": price, "at": MOMENT}
    found = Cells(contract, Mapping(), fields).encode(values)
    assert found is not None
    assert found == as_a_whole(contract, fields, values)
    assert decode(contract, found.data)["price"] == Decimal(price)
