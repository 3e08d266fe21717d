"""Derived ids: the same event has the same id in every process."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest

from headrace.schemas.envelope import SchemaRef
from headrace.schemas.identity import NAMESPACE, derive_event_id, id_of, in_json
from headrace.schemas.parse import parse_record
from headrace.schemas.registry import Contract, parse_contract
from headrace.schemas.validate import check
from tests.support.builders import (
    BOOKING,
    FLIGHT,
    MOMENT,
    TIMESTAMP,
    a_booking,
    a_contract,
    a_decimal,
    a_flight,
    a_record,
)

VECTORS = Path(__file__).parent / "vectors" / "identity.json"


def test_the_id_of_a_known_flight_never_changes() -> None:
    assert derive_event_id(FLIGHT, a_flight()) == "b6236470-3d12-57db-897a-ad8ed91ddf3b"


def test_only_the_identity_fields_take_part() -> None:
    same = a_flight(distance_miles=1, cancelled=True, tail_number=None)

    assert derive_event_id(FLIGHT, same) == derive_event_id(FLIGHT, a_flight())


@pytest.mark.parametrize("change", [{"carrier": "AA"}, {"flight": 1}, {"scheduled_at": MOMENT.replace(microsecond=1)}])
def test_each_identity_field_distinguishes_events(change: dict[str, Any]) -> None:
    assert derive_event_id(FLIGHT, a_flight(**change)) != derive_event_id(FLIGHT, a_flight())


def test_the_same_moment_in_another_zone_is_the_same_event() -> None:
    there = MOMENT.astimezone(timezone(timedelta(hours=-7)))

    assert derive_event_id(FLIGHT, a_flight(scheduled_at=there)) == derive_event_id(FLIGHT, a_flight())


def test_an_event_keeps_its_id_when_its_contract_grows() -> None:
    grown = json.loads(FLIGHT.json)
    grown["fields"].append({"name": "gate", "type": ["null", "string"], "default": None})
    newer = parse_contract(SchemaRef("flight_departed", 2), json.dumps(grown))

    assert derive_event_id(newer, a_flight(gate="A1")) == derive_event_id(FLIGHT, a_flight())


def test_a_contract_without_identity_derives_none() -> None:
    assert derive_event_id(BOOKING, a_booking()) is None


def of(type_: Any, *more: Any) -> Contract:
    return a_contract(("key", type_, *more), identity=["key"])


DECIMAL = a_decimal(38, 9)
UUID_TEXT = {"type": "string", "logicalType": "uuid"}


@pytest.mark.parametrize(
    ("type_", "one", "other"),
    [
        pytest.param(DECIMAL, Decimal("12.50"), Decimal("12.5"), id="trailing zeros"),
        pytest.param(DECIMAL, Decimal("100"), Decimal("1E+2"), id="an exponent"),
        pytest.param(DECIMAL, Decimal("0.000"), Decimal("-0"), id="zero"),
        pytest.param(UUID_TEXT, UUID(int=171), str(UUID(int=171)).upper(), id="a UUID as object and as text"),
    ],
)
def test_two_spellings_of_one_value_are_one_event(type_: Any, one: Any, other: Any) -> None:
    ids = {derive_event_id(of(type_), {"key": value, "at": MOMENT}) for value in (one, other)}

    assert len(ids) == 1


@pytest.mark.parametrize(
    ("type_", "one", "other"),
    [
        pytest.param(
            DECIMAL,
            Decimal("12345678901234567890123456789.000000001"),
            Decimal("12345678901234567890123456789.000000002"),
            id="decimals that differ in the 38th digit",
        ),
        pytest.param(DECIMAL, Decimal("10"), Decimal("100"), id="zeros before the point"),
        pytest.param("string", "a", "A", id="case of text"),
        pytest.param("bytes", b"\1", b"\1\0", id="bytes"),
        pytest.param(TIMESTAMP, MOMENT, MOMENT + timedelta(microseconds=1), id="moments a microsecond apart"),
        pytest.param({"type": "int", "logicalType": "date"}, date(2026, 1, 1), date(2026, 1, 2), id="dates"),
        pytest.param({"type": "long", "logicalType": "time-micros"}, time(1), time(1, 0, 0, 1), id="times"),
        pytest.param(
            {"type": "long", "logicalType": "local-timestamp-micros"},
            datetime(2026, 1, 1),
            datetime(2026, 1, 1, 0, 0, 0, 1),
            id="wall clocks",
        ),
    ],
)
def test_different_values_are_different_events(type_: Any, one: Any, other: Any) -> None:
    ids = {derive_event_id(of(type_), {"key": value, "at": MOMENT}) for value in (one, other)}

    assert len(ids) == 2


def test_fields_do_not_run_into_each_other() -> None:
    contract = a_contract(("one", "string"), ("two", "string"), identity=["one", "two"])
    ids = {
        derive_event_id(contract, {"one": "a", "two": "b,c", "at": MOMENT}),
        derive_event_id(contract, {"one": "a,b", "two": "c", "at": MOMENT}),
        derive_event_id(contract, {"one": 'a","b', "two": "c", "at": MOMENT}),
    }

    assert len(ids) == 3


def test_two_subjects_never_share_an_id() -> None:
    one, other = (a_contract(subject=name, identity=["at"]) for name in ("one_thing", "other_thing"))

    assert derive_event_id(one, {"at": MOMENT}) != derive_event_id(other, {"at": MOMENT})


def test_a_field_left_out_counts_as_its_default() -> None:
    contract = of("string", {"default": "none"})

    assert derive_event_id(contract, {"at": MOMENT}) == derive_event_id(contract, {"key": "none", "at": MOMENT})


def test_the_zone_of_utc_itself_is_plain() -> None:
    contract = a_contract(identity=["at"])

    assert derive_event_id(contract, {"at": datetime(2026, 1, 1, tzinfo=UTC)}) == derive_event_id(
        contract, {"at": datetime(2026, 1, 1, tzinfo=timezone(timedelta()))}
    )


def value_of(type_: Any, value: Any) -> Any:
    """The value of a vector, as Python has it."""
    logical = type_.get("logicalType", "") if isinstance(type_, dict) else ""
    match logical.removesuffix("-millis").removesuffix("-micros"):
        case "timestamp" | "local-timestamp":
            return datetime.fromisoformat(value)
        case "date":
            return date.fromisoformat(value)
        case "time":
            return time.fromisoformat(value)
        case "decimal":
            return Decimal(value)
        case _:
            is_bytes = type_ == "bytes" or (isinstance(type_, dict) and type_["type"] == "fixed")
            return bytes.fromhex(value) if is_bytes else value


def test_the_vectors_are_the_ids_that_are_derived() -> None:
    #  other languages test their own code with them: docs/identity.md
    described = json.loads(VECTORS.read_text())
    assert described["namespace"] == str(NAMESPACE)
    for vector in described["vectors"]:
        fields = vector["fields"]
        record = parse_record(a_record("R", *((each["name"], each["type"]) for each in fields)), "vector").record
        event = {each["name"]: value_of(each["type"], each["value"]) for each in fields}
        named = [in_json(each, check(each.type, event[each.name], each.name)) for each in record.fields]
        name = bytes.fromhex(vector["bytes"]).decode()
        assert name == f"[{json.dumps(vector['subject'])},{','.join(named)}]", vector["title"]
        assert id_of(vector["subject"], named) == vector["id"] == str(uuid5(NAMESPACE, name))
