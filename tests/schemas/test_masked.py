"""The record as it is written, after masking."""

from __future__ import annotations

import pytest

from headrace.schemas.classification import Mask, Pii
from headrace.schemas.masked import masked
from headrace.schemas.model import Array, Field, Kind, Map, Optional, Record, Scalar, Type, inner, walk
from tests.support.builders import BOOKING, FLIGHT

TEXT, INT = Scalar(Kind.STRING), Scalar(Kind.INT)
ROW = Record("Row", (Field("seat", INT),))


def column(record: Record, path: str) -> Type:
    return dict(walk(record))[path].type


def test_a_record_without_personal_data_is_written_as_it_is() -> None:
    assert masked(FLIGHT.record) == FLIGHT.record


def test_a_dropped_field_is_no_column() -> None:
    written = [field.name for field in masked(BOOKING.record).fields]

    assert written == [field.name for field in BOOKING.record.fields if field.name != "card_number"]


def test_masks_decide_the_types_of_their_columns() -> None:
    record = masked(BOOKING.record)

    assert column(record, "email") == TEXT, "a token is text"
    assert column(record, "customer_number") == Optional(TEXT), "even of a number"
    assert column(record, "passengers.name") == Optional(TEXT), "what is redacted is null"
    assert column(record, "contact.name") == Optional(TEXT)
    assert column(record, "loyalty_points") == Optional(Scalar(Kind.INT)), "a bucket is a number"
    assert column(record, "passengers.birth_date") == Optional(Scalar(Kind.DATE)), "a month is a date"
    assert isinstance(column(record, "passengers"), Array)
    assert isinstance(column(record, "labels"), Map)
    assert inner(column(record, "passengers")) != inner(column(BOOKING.record, "passengers"))


def wrapped(type_: Type) -> Record:
    """An array's item in a struct of its own."""
    return Record("item", (Field("value", type_, pii=Pii("kind", Mask.TOKENISE)),))


def written(type_: Type, mask: Mask) -> Type:
    """The type of the column that a field of *type_* becomes by *mask*."""
    return column(masked(Record("Event", (Field("field", type_, pii=Pii("kind", mask)),))), "field")


@pytest.mark.parametrize(
    ("type_", "redacted"),
    [
        pytest.param(INT, Optional(INT), id="a value may be null afterwards"),
        pytest.param(ROW, Optional(ROW), id="and so may a record"),
        pytest.param(Optional(INT, null_first=False), Optional(INT, null_first=False), id="what may be null stays so"),
        pytest.param(Array(INT), Array(INT), id="an array is emptied"),
        pytest.param(Map(INT), Map(INT), id="and so is a map"),
    ],
)
def test_a_redacted_column_can_hold_nothing(type_: Type, redacted: Type) -> None:
    assert written(type_, Mask.REDACT) == redacted


@pytest.mark.parametrize(
    ("type_", "tokenised"),
    [
        pytest.param(INT, TEXT, id="a number"),
        pytest.param(ROW, TEXT, id="a record"),
        pytest.param(Optional(INT, null_first=False), Optional(TEXT, null_first=False), id="an optional number"),
        pytest.param(Array(Optional(INT)), Array(wrapped(Optional(TEXT))), id="numbers that may be null"),
        pytest.param(Map(Array(INT)), Map(Array(TEXT)), id="numbers by name"),
    ],
)
def test_every_innermost_value_becomes_a_token(type_: Type, tokenised: Type) -> None:
    assert written(type_, Mask.TOKENISE) == tokenised


@pytest.mark.parametrize("mask", [Mask.PARTIAL, Mask.GENERALISE])
def test_what_is_left_of_a_value_is_of_its_type(mask: Mask) -> None:
    assert written(Map(INT), mask) == Map(INT)


def innermost(type_: Type) -> Type:
    found = inner(type_)
    if isinstance(found, Record) and found.name == "item":
        return innermost(found.fields[0].type)
    return found


def test_a_field_is_masked_however_deep_its_record_lies() -> None:
    personal = Record("Row", (Field("seat", INT), Field("name", INT, pii=Pii("name", Mask.TOKENISE))))
    left = Record("Row", (Field("seat", INT), Field("name", TEXT, pii=Pii("name", Mask.TOKENISE))))
    for wrap in (
        Array,
        Map,
        Optional,
        lambda each: each,
        lambda each: Map(Array(Map(Optional(each, null_first=False)))),
    ):
        record = Record("Event", (Field("field", wrap(personal)),))
        assert innermost(column(masked(record), "field")) == left
