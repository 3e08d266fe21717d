"""Instances of dataclasses as events: read as the mapping of their fields, once, or refused without their values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from headrace.producers import EventProducer, InvalidEventError
from headrace.producers.testing import FakePublisher
from headrace.schemas.validate import validate
from tests.support.builders import MOMENT, PACKAGE, a_booking, a_contract, a_flight, a_record
from tests.support.event_classes import EventClasses

MARKER = "ada@example.com"
LINE = a_record("Line", ("sku", "string"), ("unit-price", "int", {"default": 1}))
CONTRACT = a_contract(("lines", {"type": "array", "items": LINE}), ("labels", {"type": "map", "values": "string"}))


@dataclass
class Line:
    sku: Any
    price: int = field(default=1, metadata={"avro": "unit-price"})


@dataclass
class Thing:
    lines: Any
    labels: Any
    at: Any = MOMENT


@dataclass
class Broken:
    sku: Any

    def __getattribute__(self, name: str) -> Any:
        raise ValueError(MARKER)


@dataclass(slots=True, init=False)
class Unfinished:
    sku: Any


def refusal(event: object) -> InvalidEventError:
    with pytest.raises(InvalidEventError) as caught:
        validate(CONTRACT.record, event)
    assert MARKER not in str(caught.value)
    assert caught.value.__context__ is None
    return caught.value


@pytest.mark.parametrize(("subject", "event"), [("flight_departed", a_flight()), ("booking_created", a_booking())])
def test_an_instance_is_published_as_the_dict_of_its_fields(subject: str, event: dict[str, Any]) -> None:
    fake = FakePublisher()
    with EventProducer(fake, source="/checkout", contracts=PACKAGE) as producer:
        producer.publish(subject, event, event_id="e-1")
        producer.publish(subject, EventClasses(PACKAGE.latest(subject)).event(event), event_id="e-1")
    first, second = fake.messages
    assert (first.data, first.attributes) == (second.data, second.attributes)
    assert fake.events(subject, PACKAGE)[0] == fake.events(subject, PACKAGE)[1]


def test_any_dataclass_has_the_names_of_its_attributes_or_of_their_metadata() -> None:
    found = validate(CONTRACT.record, Thing([Line("a", 5), {"sku": "b"}], {}))
    assert found["lines"] == [{"sku": "a", "unit-price": 5}, {"sku": "b"}]


def test_an_attribute_is_asked_once() -> None:
    asked = []

    @dataclass
    class Counted:
        sku: str

        def __getattribute__(self, name: str) -> Any:
            asked.append(name)
            return object.__getattribute__(self, name)

    validate(CONTRACT.record, Thing([Counted("a")], {}))
    assert asked.count("sku") == 1


@pytest.mark.parametrize(
    ("event", "where", "why"),
    [
        (Thing([Line(5)], {}), "lines[0].sku", "got int"),
        (Thing([Broken("a")], {}), "lines[0]", "its own code raised ValueError"),
        (Thing([Unfinished()], {}), "lines[0]", "its own code raised AttributeError"),
        (Thing([Line], {}), "lines[0]", "got type"),
        (Thing([Thing([], {})], {}), "lines[0].lines", "the contract has no such field"),
        (Thing([], Line("a")), "labels", "got Line"),
    ],
)
def test_an_instance_that_does_not_fit_is_refused(event: Thing, where: str, why: str) -> None:
    error = refusal(event)
    assert error.path == where
    assert why in error.why


def test_of_two_records_alike_the_class_names_its_own() -> None:
    contract = a_contract(("paid", [a_record("Card", ("n", "int")), a_record("Gift", ("n", "int"))]))

    @dataclass
    class Gift:
        AVRO_NAME = "Gift"
        n: int

    @dataclass
    class Nameless:
        n: int

    assert validate(contract.record, {"paid": Gift(1), "at": MOMENT})["paid"] == {"Gift": {"n": 1}}
    with pytest.raises(InvalidEventError, match="fits several branches"):
        validate(contract.record, {"paid": Nameless(1), "at": MOMENT})
