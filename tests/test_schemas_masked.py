"""The record as it is written, after masking."""

from __future__ import annotations

from headrace.schemas.masked import masked
from headrace.schemas.model import Array, Kind, Map, Optional, Record, Scalar, Type, inner, walk
from tests.builders import BOOKING, FLIGHT

TEXT = Scalar(Kind.STRING)


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
