"""Words of contents: what a hash is taken of, and the rule that is stored with it."""

from __future__ import annotations

import json
import struct
from decimal import Decimal
from typing import Any

import pytest

from headrace.schemas.content import content_of, content_plan, members_of, name_word
from headrace.schemas.content_rule import comparable_rules, rule_of
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.layout import column_of, columns_of
from headrace.schemas.model import Array, Kind, Optional, Scalar
from headrace.schemas.registry import Contract, Registry, parse_contract
from tests.support.builders import FLIGHT, PACKAGE, a_contract, a_record, contract_json

KEY, VALUE = name_word("key"), name_word("value")


def words(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}Q", *(number % 2**64 for number in numbers))


def field_of(type_: Any, **more: Any) -> Any:
    contract = a_contract(("x", type_, more)) if more else a_contract(("x", type_))
    return next(each for each in columns_of(contract.record).children if each.name == "x")


@pytest.mark.parametrize(
    ("type_", "value", "number", "body"),
    [
        ("boolean", True, 0, words(1)),
        ("int", -1, 0, words(-1)),
        ("long", 7, 0, words(7)),
        ("double", -0.0, 0, words(0)),
        ("float", float("nan"), 0, words(0x7FF8_0000_0000_0000)),
        ("string", "", 0, b""),
        ("string", "abc", 3, b"abc" + bytes(5)),
        ("bytes", b"12345678", 8, b"12345678"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 2}, Decimal("-1.00"), 1, words(-100)),
        ({"type": "array", "items": "int"}, [4, 5], 4, words(4, 5)),
        (
            {"type": "map", "values": "long"},
            {"b": 2, "a": 1},
            4,
            words(KEY + 2) + b"a" + bytes(7) + words(VALUE + 1, 1, 0) + words(KEY + 2) + b"b" + bytes(7)
            + words(VALUE + 1, 2, 0),
        ),
    ],
)  # fmt: skip
def test_the_words_of_a_value(type_: Any, value: Any, number: int, body: bytes) -> None:
    assert content_of(field_of(type_), value) == (number, body)


def test_a_word_before_each_item_says_whether_it_is_there_if_one_is_null() -> None:
    column = column_of(Array(Optional(Scalar(Kind.INT))))
    assert content_of(column, [None, 5]) == (5, words(0, 1, 5))
    assert content_of(column, [4, 5]) == (4, words(4, 5))


def test_the_word_of_a_name_never_changes() -> None:
    assert name_word("carrier") == 0x818208849B000000


def test_fields_are_in_the_order_of_their_names_and_left_out_at_their_default() -> None:
    record = a_record("R", ("b", "int", {"default": 3}), ("a", ["null", "int"], {"default": None}), ("c", "int"))
    column = field_of(record)
    full = content_of(column, {"a": None, "b": 3, "c": 9})
    assert full == content_of(column, {"c": 9, "b": 3})
    assert full == (0, words(name_word("c") + 1, 9, 0))
    assert [each.place for each in members_of(column)] == [1, 0, 2]


def test_a_null_that_is_not_the_default_is_the_name_alone() -> None:
    record = a_record("R", ("a", ["int", "null"], {"default": 3}))
    assert content_of(field_of(record), {"a": None}) == (0, words(name_word("a"), 0))


def test_a_plan_has_a_node_for_each_column() -> None:
    columns = columns_of(FLIGHT.record)
    assert len(content_plan(columns).nodes) == 12 * columns.span


def a_version(number: int, *fields: Any, **more: Any) -> Contract:
    return parse_contract(SchemaRef("thing_happened", number), json.dumps(contract_json(*fields, **more)))


def compared(*versions: tuple[Any, ...]) -> list[bool]:
    """Whether hashes of each version are comparable with those of the newest one."""
    contracts = [a_version(number, *fields) for number, fields in enumerate(versions, 1)]
    registry = Registry({each.ref: each for each in contracts})
    rules = comparable_rules(registry, "thing_happened")
    return [rule_of(each.record) in rules for each in contracts]


A, B = ("a", "int"), ("b", "string", {"default": "x"})


@pytest.mark.parametrize(
    ("older", "newer", "is_comparable"),
    [
        pytest.param((A,), (A, B), True, id="a field is added"),
        pytest.param((A, B), (A,), False, id="a field is taken away"),
        pytest.param((A,), (("a", "long"),), True, id="a number becomes wider"),
        pytest.param((A,), (("a", ["null", "int"], {"default": None}),), True, id="a field becomes optional"),
        pytest.param((A, B), (A, ("b", "string", {"default": "y"})), False, id="another default"),
        pytest.param((A,), (("a", "int", {"doc": "words"}),), True, id="words about a field"),
    ],
)
def test_which_hashes_of_an_older_version_prove_something(older: Any, newer: Any, is_comparable: bool) -> None:
    assert compared(older, newer) == [is_comparable, True]


def test_a_rule_is_no_rule_of_another_version() -> None:
    assert len({rule_of(each.record) for each in PACKAGE}) == 3
    assert all(rule_of(each.record) & 0xFF == 2 for each in PACKAGE)
