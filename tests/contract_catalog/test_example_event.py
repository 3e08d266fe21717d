"""The example of an event: one that `headrace publish` accepts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from headrace.contract_catalog.example_event import example_event
from headrace.schemas.encode import encode
from headrace.schemas.from_json import fields_from_json
from headrace.schemas.registry import Contract
from headrace.schemas.validate import validate
from tests.support.builders import PACKAGE, a_contract, a_decimal, a_record
from tests.support.strategies import FIXED_PROFILE, contracts


def publish(contract: Contract) -> dict[str, object]:
    example = json.loads(json.dumps(example_event(contract.record)))
    encode(contract, validate(contract.record, fields_from_json(contract.record, example)))
    return dict(example)


@given(contract=contracts())
@settings(FIXED_PROFILE)
def test_an_example_of_any_contract_can_be_published(contract: Contract) -> None:
    publish(contract)


@pytest.mark.parametrize("contract", [*PACKAGE], ids=lambda each: each.ref.short)
def test_an_example_of_a_sample_has_every_field(contract: Contract) -> None:
    assert list(publish(contract)) == [each.name for each in contract.record.fields]


@pytest.mark.parametrize(
    ("precision", "scale", "text"), [(1, 0, "1"), (9, 0, "12"), (2, 1, "1.5"), (3, 3, "0.500"), (38, 9, "12.500000000")]
)
def test_a_decimal_has_the_digits_of_its_scale(precision: int, scale: int, text: str) -> None:
    assert publish(a_contract(("d", a_decimal(precision, scale))))["d"] == text


def test_a_record_within_itself_ends() -> None:
    node = a_record("Node", ("next", ["null", "Node"]), ("more", {"type": "array", "items": "Node"}), ("n", "int"))
    ended: dict[str, object] = {"next": None, "more": [], "n": 12}
    assert publish(a_contract(("node", node)))["node"] == {"next": ended, "more": [ended], "n": 12}
