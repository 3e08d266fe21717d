"""Classes of events: what they say, and that the SDK reads them as it reads dicts."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.contract_code.event_module import event_module
from headrace.producers import EventProducer
from headrace.producers.testing import FakePublisher
from headrace.schemas.encode import encode
from headrace.schemas.errors import InvalidEventError
from headrace.schemas.model import MISSING
from headrace.schemas.registry import Contract, Registry
from headrace.schemas.validate import validate
from tests.support.builders import BOOKING, PACKAGE, a_booking, a_contract, a_decimal, a_flight, a_record
from tests.support.covering_events import covering_events
from tests.support.event_classes import EventClasses, foreign_contracts
from tests.support.strategies import FIXED_PROFILE, contracts, events
from tests.support.versions import versions

N = ("n", "int")
CARD = a_record("shop.Card", ("number", "string"))


def one_class(*fields: Any, **annotations: Any) -> EventClasses:
    return EventClasses(a_contract(*fields, **annotations))


def field_of(field: Any) -> str:
    """The line of the first field of the event's class."""
    tree = ast.parse(event_module(a_contract(field)))
    classes = {each.name: each for each in tree.body if isinstance(each, ast.ClassDef)}
    found = next(each for each in classes["ThingHappened"].body if isinstance(each, ast.AnnAssign))
    return ast.unparse(found)


@given(data=st.data())
@settings(FIXED_PROFILE)
def test_the_sdk_reads_an_instance_as_a_dict(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    event = data.draw(events(contract.record))
    classes = EventClasses(contract)
    assert encode(contract, validate(contract.record, classes.event(event))) == encode(
        contract, validate(contract.record, event)
    )


@given(pair=versions(), data=st.data())
@settings(FIXED_PROFILE)
def test_a_field_that_is_left_out_has_the_default_of_the_contract(
    pair: tuple[Contract, Contract], data: st.DataObject
) -> None:
    _, contract = pair
    event = data.draw(events(contract.record))
    left_out = {each.name for each in contract.record.fields if each.default is not MISSING}
    given_ = {name: value for name, value in event.items() if name not in left_out}
    instance = EventClasses(contract).event(given_)
    assert encode(contract, validate(contract.record, instance)) == encode(contract, validate(contract.record, given_))


@pytest.mark.parametrize("contract", [*PACKAGE, *foreign_contracts()], ids=lambda each: each.ref.short)
def test_events_of_the_samples_and_of_other_teams_are_published_alike(contract: Contract) -> None:
    classes, registry = EventClasses(contract), Registry({contract.ref: contract})
    for event in covering_events(contract.record):
        fake = FakePublisher()
        with EventProducer(fake, source="/checkout", contracts=registry) as producer:
            producer.publish(contract.subject, event, event_id="e-1")
            producer.publish(contract.subject, classes.event(event), event_id="e-1")
        first, second = fake.messages
        assert first == second
        assert contract.decode(first.data) == contract.decode(second.data)


UUID = {"type": "string", "logicalType": "uuid"}
LOCAL = {"type": "long", "logicalType": "local-timestamp-micros"}
DURATION = {"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}
PERSONAL = {"name": "m", "type": "string", "pii": {"kind": "m", "mask": "omit"}}
FACTORY = "field(default_factory="


@pytest.mark.parametrize(
    ("field", "line"),
    [
        (N, "n: int"),
        (("n", ["null", "long"], {"default": None}), "n: int | None = None"),
        (("id", UUID), "id: UUID"),
        (("d", DURATION), "d: bytes"),
        (("t", LOCAL), "t: dt.datetime"),
        (("j", {"type": "string", "sqlType": "JSON"}), "j: str"),
        (("e", {"type": "enum", "name": "e", "symbols": ["A"]}), "e: E"),
        (("x", {"type": "array", "items": ["null", "bytes"]}), "x: list[bytes | None]"),
        (("x", {"type": "map", "values": "double"}, {"default": {}}), f"x: dict[str, float] = {FACTORY}dict)"),
        (("u", ["int", "string"]), "u: int | str | Mapping[str, int | str]"),
        (("u", ["null", "long", "int"]), "u: int | Mapping[str, int] | None"),
        (("u", ["int", "long"], {"default": 1}), f"u: int | Mapping[str, int] = {FACTORY}lambda: {{'int': 1}})"),
        (("class", "string"), "class_: str = field(metadata={'avro': 'class'})"),
        (("a-b", "int", {"default": 2}), "a_b_d44362d6: int = field(default=2, metadata={'avro': 'a-b'})"),
        (("__init__", "int"), "field__init__: int = field(metadata={'avro': '__init__'})"),
        (("list", "int"), "list_: int = field(metadata={'avro': 'list'})"),
        (("SUBJECT", "int"), "SUBJECT_: int = field(metadata={'avro': 'SUBJECT'})"),
        (PERSONAL, "m: str = field(repr=False)"),
        (("d", a_decimal(4, 2), {"default": "\u007b"}), "d: Decimal = Decimal('1.23')"),
        (("f", "double", {"default": 1e300}), "f: float = 1e+300"),
    ],
)
def test_a_field_has_the_type_that_the_sdk_accepts(field: Any, line: str) -> None:
    assert field_of(field) == line


def test_a_class_in_a_union_names_its_type() -> None:
    other = a_record("shop.Gift", ("number", "string"))
    contract = a_contract(("paid", ["null", CARD, other]))
    classes = EventClasses(contract)
    event = {"paid": {"shop.Gift": {"number": "7"}}, "at": a_flight()["scheduled_at"]}
    instance = classes.event(event)
    assert type(instance.paid).__name__ == "Gift"
    assert validate(contract.record, instance) == validate(contract.record, event)


def test_names_of_two_namespaces_are_told_apart() -> None:
    classes = one_class(("a", a_record("x.Item", N)), ("b", a_record("y.Item", ("s", "string"))))
    assert {"XItem", "YItem"} <= vars(classes.module).keys()


def test_fields_that_would_have_one_name_are_told_apart() -> None:
    taken = "unit_price_5cee09df"
    classes = one_class((taken, "int"), ("unit-price", "int"), ("class_", "int"), ("class", "int"))
    at = a_flight()["scheduled_at"]
    event = {taken: 1, "unit-price": 2, "class_": 3, "class": 4, "at": at}
    contract = a_contract((taken, "int"), ("unit-price", "int"), ("class_", "int"), ("class", "int"))
    assert validate(contract.record, classes.event(event)) == event


def test_a_record_within_itself_is_a_class_that_names_itself() -> None:
    node = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"], "default": None}]}
    contract = a_contract(("node", node | {"fields": [*node["fields"], {"name": "n", "type": "int"}]}))
    event = {"node": {"n": 1, "next": {"n": 2}}, "at": a_flight()["scheduled_at"]}
    assert validate(contract.record, EventClasses(contract).event(event)) == validate(
        contract.record, event | {"node": {"n": 1, "next": {"n": 2, "next": None}}}
    )


def test_personal_values_are_not_in_the_text_of_an_instance() -> None:
    shown = repr(EventClasses(BOOKING).event(a_booking()))
    assert not [each for each in ("ada@example.com", "203.0.113.77", "Ada", "X1234567", "700100200") if each in shown]
    assert "GB" in shown


@pytest.mark.parametrize(
    "text", ['""" + __import__("os").abort() #', 'a "quoted"', "back\\slash\\", "two\n\n  lines \n", "\u202e\x00", ""]
)  # fmt: skip
def test_a_text_of_a_contract_stays_a_text(text: str) -> None:
    field = {"name": "n", "type": "string", "doc": text, "default": text}
    record = {"type": "record", "name": "R", "doc": text, "fields": [field]}
    module = one_class(field, ("r", record)).module
    assert module.R().n == text
    assert {*str(module.R.__doc__).split()} >= {*text.split()} - {"\u202e\x00"}


def test_the_text_is_the_same_each_time() -> None:
    assert event_module(BOOKING) == event_module(BOOKING)


def test_a_wrong_value_names_the_field_of_the_contract() -> None:
    contract = a_contract(("class", "int"))
    instance = EventClasses(contract).event({"class": "ada@example.com", "at": a_flight()["scheduled_at"]})
    with pytest.raises(InvalidEventError, match=r"^class: not a value of this field \(got str\)") as caught:
        validate(contract.record, instance)
    assert "ada" not in str(caught.value)
