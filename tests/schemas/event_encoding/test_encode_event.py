"""An event is checked and encoded in one pass: the same bytes from every encoder, and the same refusals."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from random import Random
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

import fastavro
import pytest
from avro.io import BinaryEncoder, DatumWriter
from avro.schema import parse as apache_parse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.schemas.compiled_modules import PURE
from headrace.schemas.encode_event import encode_event
from headrace.schemas.errors import InvalidEventError
from headrace.schemas.event_encoding.compiled_encoder import encoder_constants, encoder_module
from headrace.schemas.identity import derive_event_id
from headrace.schemas.registry import Contract
from headrace.schemas.validate import validate
from tests.fuzz.corpus import load_good
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
    encode,
)
from tests.support.callers import Data, Real, Text, Whole
from tests.support.covering_events import covering_events
from tests.support.event_values import SIMPLE, as_callers_give_it, difference, hostile_event, in_python
from tests.support.strategies import FIXED_PROFILE, contracts, events

NEEDS_C = pytest.mark.skipif(encoder_module() is None, reason="no C compiler when headrace was built")
SCHEMAS = settings(FIXED_PROFILE, max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)


def compiled(contract: Contract, event: object) -> Any:
    """What the compiled module makes of an event; None if pure Python decides."""
    assert contract.event_encoder is not None
    return contract.event_encoder(event)


def assert_same(contract: Contract, event: Any) -> None:
    """The event is encoded by the compiled module, as pure Python does."""
    known = compiled(contract, event)
    assert known is not None
    assert difference(known, in_python(contract, event)) == ""


@NEEDS_C
def test_the_compiled_module_has_the_constants_of_the_python_code() -> None:
    module: Any = encoder_module()
    assert encoder_constants() == module.CONSTANTS


@NEEDS_C
@given(contracts())
@SCHEMAS
def test_every_value_of_any_schema_is_encoded_as_pure_python_and_fastavro_do(contract: Contract) -> None:
    for event in covering_events(contract.record):
        event = as_callers_give_it(contract.record, event)
        assert_same(contract, event)
        assert compiled(contract, event).datum == encode(contract, validate(contract.record, event))


@NEEDS_C
@given(st.data())
@settings(FIXED_PROFILE, max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_event_of_any_schema_is_encoded_as_pure_python_does(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    event = data.draw(events(contract.record))
    known = compiled(contract, event)
    assert difference(known, in_python(contract, event)) == ""
    assert known is not None or isinstance(in_python(contract, event), str)


@NEEDS_C
@pytest.mark.parametrize(
    ("contract", "event"), [(FLIGHT, a_flight()), (BOOKING, a_booking())], ids=["flight", "booking"]
)
def test_apache_avro_writes_the_same_bytes(contract: Contract, event: dict[str, Any]) -> None:
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, about logical types that it does not know
        schema = apache_parse(contract.json)
    DatumWriter(schema).write(as_apache_has_it(contract, event), BinaryEncoder(out))
    assert compiled(contract, event).datum == out.getvalue()


def as_apache_has_it(contract: Contract, event: dict[str, Any]) -> dict[str, Any]:
    """The event with defaults, and with numbers for the times of logical types that Apache's library does not know."""
    whole = {each.name: each.default for each in contract.record.fields} | validate(contract.record, event)
    for name, unit in (("departs_local", 1), ("held_until_local", 1000)):
        if whole.get(name) is not None:
            whole[name] = (whole[name] - datetime(1970, 1, 1)) // timedelta(microseconds=unit)
    return whole


@NEEDS_C
@pytest.mark.parametrize("number", range(20))
def test_hostile_values_are_encoded_as_pure_python_does_or_left_to_it(number: int) -> None:
    random = Random(number)
    subjects = load_good()
    for _ in range(40):
        contract, seed = random.choice(subjects).writer, random.random()
        known = compiled(contract, hostile_event(Random(seed), contract))
        assert difference(known, in_python(contract, hostile_event(Random(seed), contract))) == "", seed


UUID_TEXT = {"type": "string", "logicalType": "uuid"}
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
FIXED = {"type": "fixed", "name": "F", "size": 8}
ENUM = {"type": "enum", "name": "E", "symbols": ["S0", "S1"]}
JSON = {"type": "string", "sqlType": "JSON"}
NODE = a_record("Node", ("value", "int"), ("left", ["null", "Node"]), ("right", ["null", "Node"]))
TYPES: dict[str, Any] = {
    **{name: name for name in ("boolean", "int", "long", "float", "double", "string", "bytes")},
    **{"uuid": UUID_TEXT, "json": JSON, "fixed": FIXED, "enum": ENUM, "node": NODE},
    **{"moment": TIMESTAMP, "millis": MILLIS},
    **{f"{base}-{unit}": {"type": type_, "logicalType": f"{base}-{unit}"} for base, unit, type_ in (
        ("time", "millis", "int"), ("time", "micros", "long"), ("local-timestamp", "millis", "long"))},
    **{"date": {"type": "int", "logicalType": "date"}, "decimal": a_decimal(38, 9), "wide": a_decimal(76, 38)},
    **{"fixed decimal": a_decimal(4, 2, 3), "whole decimal": a_decimal(5, 0), "optional": ["null", "string"]},
    **{"list": {"type": "array", "items": "int"}, "map": {"type": "map", "values": ["null", "long"]}},
    **{"union": ["null", "int", "string", "double", FIXED], "only": ["string"], "record": a_record("R", ("f0", "int"))},
    "scalars": ["null", "long", "boolean", "string", a_decimal(38, 9)],
}  # fmt: skip


@NEEDS_C
@pytest.mark.parametrize("name", TYPES)
def test_every_extreme_is_encoded_as_pure_python_does_or_refused_by_it(name: str) -> None:
    contract = a_contract(("f", TYPES[name]))
    for value in SIMPLE:
        event = {"f": value, "at": MOMENT}
        assert difference(compiled(contract, event), in_python(contract, event)) == "", repr(value)[:100]


@NEEDS_C
@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("float", 7), ("double", 2**53 + 1), ("float", float("nan")), ("double", -float("inf")), ("float", 1e-46),
        (UUID_TEXT, UUID(int=2**127)), (UUID_TEXT, "6BA7B810-9dad-11d1-80b4-00c04fd430c8"),
        (a_decimal(38, 9), Decimal("-0.000000128")), (a_decimal(38, 9), Decimal("1.500000000000")),
        (a_decimal(38, 9), Decimal("-0E+30")), (a_decimal(9, 2), Decimal("1E+3")), (a_decimal(3, 0), Decimal(-128)),
        (a_decimal(4, 2, 40), Decimal("-1.28")), (a_decimal(76, 38), Decimal("-" + "9" * 38 + "." + "9" * 38)),
        (TIMESTAMP, MOMENT.astimezone(timezone(timedelta(hours=5)))), (TIMESTAMP, datetime.max.replace(tzinfo=UTC)),
        (MILLIS, datetime.min.replace(tzinfo=UTC)), ({"type": "array", "items": "int"}, (1, 2)), (JSON, '{"a": [1]}'),
        (TIMESTAMP, MOMENT.replace(tzinfo=ZoneInfo("Europe/Berlin"))), ("string", Text("seat")), (ENUM, Text("S1")),
        (JSON, Text("[1]")), ("bytes", Data(b"seat")), ("int", Whole(5)), ("double", Real(0.5)), ("float", Whole(5)),
        (["null", "int", "string"], "s"), (["null", "int", "string"], {"int": 7}), (["string"], "\U0001f6eb"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_frequent_needs_no_pure_python(type_: Any, value: Any) -> None:
    assert_same(a_contract(("f", type_)), {"f": value, "at": MOMENT})


@dataclass
class Line:
    sku: Any
    price: int = field(default=1, metadata={"avro": "unit-price"})


@dataclass
class Order:
    lines: Any
    at: Any = MOMENT


LINES = {"type": "array", "items": a_record("Line", ("sku", "string"), ("unit-price", "int", {"default": 1}))}


@NEEDS_C
def test_instances_of_dataclasses_are_encoded_by_the_compiled_module() -> None:
    contract = a_contract(("lines", LINES))
    assert_same(contract, Order([Line("a", 5), {"sku": "b"}, Line("c")]))


@dataclass
class Card:
    number: str
    AVRO_NAME: ClassVar[str] = "Card"


@NEEDS_C
def test_a_class_names_the_branch_of_its_instances() -> None:
    records = [a_record("Cash", ("number", "string")), a_record("Card", ("number", "string"))]
    contract = a_contract(("paid", ["null", *records]))
    assert_same(contract, {"paid": Card("4111"), "at": MOMENT})
    assert compiled(contract, {"paid": Line("a"), "at": MOMENT}) is None


@NEEDS_C
def test_an_attribute_that_raises_is_left_to_pure_python() -> None:
    class Raising(Order):
        @property
        def lines(self) -> Any:
            raise ValueError("ada@example.com")

        @lines.setter
        def lines(self, _: Any) -> None:
            pass

    contract = a_contract(("lines", LINES))
    with pytest.raises(InvalidEventError, match="its own code raised ValueError") as refused:
        encode_event(contract, Raising([]))
    assert "ada" not in str(refused.value)


@pytest.mark.parametrize("is_pure", [False, True])
def test_the_values_are_those_that_identify_and_date_the_event(is_pure: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PURE, str(int(is_pure)))
    there = MOMENT.astimezone(ZoneInfo("Europe/Berlin"))
    for moment in (MOMENT, there, MOMENT.astimezone(timezone(timedelta(hours=-7)))):
        contract = replace(FLIGHT)  # without the encoder of another test
        encoded = encode_event(contract, a_flight(scheduled_at=moment))
        assert derive_event_id(contract, encoded.values) == "b6236470-3d12-57db-897a-ad8ed91ddf3b"
        assert contract.event_moment(encoded.values) == MOMENT


PLACED = a_record("Placed", ("at", ["null", TIMESTAMP], {"default": None}), ("by", "string"))


@pytest.mark.parametrize("is_pure", [False, True])
@pytest.mark.parametrize(
    ("placed", "time"),
    [({"at": MOMENT, "by": "a"}, MOMENT), ({"at": None, "by": "a"}, None), ({"by": "a"}, None), (None, None)],
)
def test_the_event_time_may_be_within_a_record(
    placed: Any, time: datetime | None, is_pure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PURE, str(int(is_pure)))
    contract = a_contract(("placed", ["null", PLACED]), event_time={"field": "placed.at", "fallback": "publish_time"})
    encoded = encode_event(contract, {"placed": placed, "at": MOMENT})
    assert contract.event_moment(encoded.values) == time


def test_two_readings_are_refused_without_their_bytes() -> None:
    contract = a_contract(("a", "bytes"), ("b", "bytes"), encoding=None)
    events = [{"a": b"", "b": bytes(number)} for number in range(40)]
    for event in (each | {"at": MOMENT} for each in events):
        expected = in_python(contract, event)
        if isinstance(expected, str):
            with pytest.raises(InvalidEventError) as refused:
                encode_event(contract, event)
            assert str(refused.value) == expected
        else:
            assert encode_event(contract, event).datum == expected[0]


def a_list(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


@pytest.mark.parametrize("is_pure", [False, True])
@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (a_list("string"), ["x" * 1_000_000] * 100_000),
        (a_list("bytes"), [b"x" * 1_000_000] * 100_000),
        (
            {"type": "array", "items": {"type": "array", "items": {"type": "array", "items": "int"}}},
            [[[1] * 100_000] * 1000] * 1000,
        ),
        (
            {"type": "map", "values": {"type": "array", "items": "int"}},
            dict.fromkeys(map(str, range(100_000)), [1] * 100_000),
        ),
    ],
    ids=["texts", "bytes", "lists", "map"],
)
def test_what_is_far_too_large_is_refused_before_it_is_read(
    type_: Any, value: Any, is_pure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PURE, str(int(is_pure)))
    with pytest.raises(InvalidEventError, match="an event of more than 16777216 bytes up to here; split the event"):
        encode_event(a_contract(("f", type_)), {"f": value, "at": MOMENT})


def test_a_record_that_holds_another_one_twice_at_every_level_is_refused_soon() -> None:
    contract = a_contract(("f", NODE))
    node: dict[str, Any] = {"value": 1, "left": None, "right": None}
    for _ in range(60):
        node = {"value": 1, "left": node, "right": node}
    with pytest.raises(InvalidEventError, match="an event of more than 16777216 bytes up to here"):
        encode_event(contract, {"f": node, "at": MOMENT})


def test_a_record_within_itself_without_end_is_refused() -> None:
    node: dict[str, Any] = {"value": 1}
    node["left"] = node["right"] = node
    with pytest.raises(InvalidEventError, match="within itself more than"):
        encode_event(a_contract(("f", NODE)), {"f": node, "at": MOMENT})


@NEEDS_C
@pytest.mark.parametrize("length", [16_777_210, 16_777_200, 16_777_140])
def test_the_largest_events_are_encoded_and_larger_ones_refused_alike(length: int) -> None:
    contract = a_contract(("f", "string"))
    for more in range(12):
        event = {"f": "x" * (length + more - 12), "at": MOMENT}
        known, expected = compiled(contract, event), in_python(contract, event)
        assert difference(known, expected) == ""
        assert (known is None) == isinstance(expected, str)


def test_fastavro_is_the_encoder_of_pure_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PURE, "1")
    contract, out = replace(BOOKING), io.BytesIO()
    fastavro.schemaless_writer(out, contract.avro, validate(contract.record, a_booking()))
    assert contract.event_encoder is None
    assert encode_event(contract, a_booking()).datum == out.getvalue()
