"""The bytes of an event, and of one field alone: the same from every writer."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import pytest

from headrace.schemas.decoder import MAX_PAYLOAD_BYTES
from headrace.schemas.encode import encode
from headrace.schemas.encode_field import compile_encoder
from headrace.schemas.errors import InvalidEventError
from headrace.schemas.model import MISSING
from headrace.schemas.registry import Contract
from headrace.schemas.validate import validate
from tests.support.builders import BOOKING, FLIGHT, MOMENT, TIMESTAMP, a_booking, a_contract, a_flight
from tests.support.builders import encode as encode_by_the_library


def by_field(contract: Contract, event: dict[str, Any]) -> bytes:
    """The event as its fields, each encoded alone."""
    return b"".join(compile_encoder(contract, each)(event.get(each.name, MISSING)) for each in contract.record.fields)


@pytest.mark.parametrize(
    ("contract", "event"),
    [
        pytest.param(FLIGHT, a_flight(), id="a flight"),
        pytest.param(FLIGHT, a_flight(tail_number=None, cancelled=True, flight=-1), id="a flight with nulls"),
        pytest.param(BOOKING, a_booking(), id="a booking"),
        pytest.param(
            BOOKING, a_booking(email="ä@exämple.com", notes="\U0001f6eb", contact=None), id="text beyond ASCII"
        ),
    ],
)
def test_an_event_is_its_fields_one_after_the_other(contract: Contract, event: dict[str, Any]) -> None:
    event = validate(contract.record, event)
    assert by_field(contract, event) == encode(contract, event) == encode_by_the_library(contract, event)


OPTIONAL = [("int", 7), ("long", -(2**40)), ("string", "séat"), ("boolean", True), (TIMESTAMP, MOMENT), ("bytes", b"")]


@pytest.mark.parametrize("null_first", [True, False])
@pytest.mark.parametrize(("type_", "value"), OPTIONAL, ids=str)
def test_an_optional_value_says_first_whether_it_is_null(type_: Any, value: Any, null_first: bool) -> None:
    contract = a_contract(("seat", ["null", type_] if null_first else [type_, "null"]))
    for given in (None, value):
        event = {"seat": given, "at": MOMENT}
        assert by_field(contract, event) == encode_by_the_library(contract, event)


@pytest.mark.parametrize("optional", [False, True])
@pytest.mark.parametrize(("type_", "value"), OPTIONAL[:-1], ids=str)
def test_the_kinds_that_most_columns_are_of_do_without_the_slow_library(
    type_: Any, value: Any, optional: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = a_contract(("seat", ["null", type_] if optional else type_))
    event = {"seat": value, "at": MOMENT}
    expected = encode_by_the_library(contract, event)

    def fail(out: io.BytesIO, schema: Any, fields: Any) -> None:
        raise AssertionError("Avro's library was asked")

    monkeypatch.setattr(fastavro, "schemaless_writer", fail)
    assert by_field(contract, event) == expected


def test_a_field_is_encoded_regardless_of_the_names_of_its_neighbours() -> None:
    contract = a_contract(("b", "double"), ("a", "double"), ("c", "double"))
    event = {"a": 1.5, "b": 2.5, "c": 3.5, "at": MOMENT}
    assert by_field(contract, event) == encode_by_the_library(contract, event)


@pytest.mark.parametrize(
    ("type_", "default"),
    [("int", 7), ("string", "none"), ("double", 1.5), (["null", "string"], None), (["null", "double"], None)],
    ids=str,
)
def test_the_contracts_default_is_written_where_a_value_is_missing(type_: Any, default: Any) -> None:
    contract = a_contract(("seat", type_, {"default": default}))
    assert by_field(contract, {"at": MOMENT}) == encode(contract, {"at": MOMENT})
    assert by_field(contract, {"at": MOMENT}) == by_field(contract, {"seat": default, "at": MOMENT})


def test_a_field_that_begins_as_a_header_does_is_no_event_with_one() -> None:
    contract = a_contract(("seat", "bytes"), ("more", "bytes"), encoding=None)
    encoder = compile_encoder(contract, contract.record.fields[0])
    assert (encoder(b""), encoder(b"\0" * 9)) == (b"\x00", b"\x12" + b"\0" * 9)


def test_a_field_that_avro_cannot_hold_is_refused() -> None:
    contract = a_contract(("seat", "double"))
    with pytest.raises(InvalidEventError, match=r"Avro cannot hold it \(\w+Error\)"):
        compile_encoder(contract, contract.record.fields[0])("seat")


def test_an_event_as_large_as_the_job_reads_is_encoded_and_a_byte_more_is_not() -> None:
    contract = a_contract(("seat", "string"))
    rest = len(encode(contract, {"seat": "x" * (MAX_PAYLOAD_BYTES - 100), "at": MOMENT})) - (MAX_PAYLOAD_BYTES - 100)
    seat = "x" * (MAX_PAYLOAD_BYTES - rest)
    assert len(encode(contract, {"seat": seat, "at": MOMENT})) == MAX_PAYLOAD_BYTES
    with pytest.raises(InvalidEventError, match=f"an event of {MAX_PAYLOAD_BYTES + 1} bytes; send at most"):
        encode(contract, {"seat": seat + "x", "at": MOMENT})
