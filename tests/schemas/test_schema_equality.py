"""Schemas are equal by their parsed form: what changes the meaning of a payload counts, and nothing else."""

from __future__ import annotations

import contextlib
import json
import random
from typing import Any

import pytest
from avro.schema import parse as apache_parse
from hypothesis import given
from hypothesis import strategies as st

from headrace.schemas.schema_equality import UnreadableSchemaError, parsed_form, read_schema, schema_hash
from tests.support.registry_answers import recorded_schema, schema_text

TIER = {"type": "enum", "name": "Tier", "symbols": ["A", "B"], "default": "A"}
MONEY = {"type": "fixed", "name": "Money", "size": 8, "logicalType": "decimal", "precision": 18, "scale": 2}
SALE: dict[str, Any] = {
    "type": "record",
    "name": "Sale",
    "namespace": "shop",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "tier", "type": TIER, "default": "A"},
        {"name": "price", "type": MONEY},
        {"name": "note", "type": ["null", "string"], "default": None, "aliases": ["remark"]},
        {"name": "rate", "type": "double", "default": 1},
    ],
}


def changed(path: str, value: Any) -> Any:
    """SALE with the value at *path*, such as ``fields.0.type``, replaced."""
    copy = json.loads(json.dumps(SALE))
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place = copy
    for part in parents:
        place = place[part]
    place[last] = value
    return copy


@pytest.mark.parametrize(
    "same",
    [
        changed("doc", "A sale."),
        changed("headrace", {"table": "sales"}),
        changed("fields.0.doc", "its id"),
        changed("fields.0.order", "descending"),
        changed("fields.0.pii", "none"),
        changed("fields.0.type", {"type": "string", "avro.java.string": "String"}),
        changed("fields.5.default", 1.0),
        changed("fields.2.type.namespace", "shop"),
        changed("namespace", "") | {"name": "shop.Sale"},
        changed("fields.3.type.doc", "euros"),
    ],
)
def test_what_does_not_change_a_payload_is_left_out(same: Any) -> None:
    assert parsed_form(same) == parsed_form(SALE)


@pytest.mark.parametrize(
    "other",
    [
        changed("name", "Sold"),
        changed("namespace", "store"),
        changed("fields.0.type", "bytes"),
        changed("fields.0.name", "key"),
        changed("fields.1.type.logicalType", "timestamp-micros"),
        changed("fields.1.type", "long"),
        changed("fields.2.type.symbols", ["B", "A"]),
        changed("fields.2.type.default", "B"),
        changed("fields.2.default", "B"),
        changed("fields.2.type.namespace", "other"),
        changed("fields.3.type.size", 9),
        changed("fields.3.type.scale", 3),
        changed("fields.3.type.aliases", ["Price"]),
        changed("fields.4.type", ["string", "null"]),
        changed("fields.4.aliases", ["comment"]),
        changed("fields.5.default", 2),
        changed("fields.5.default", True),
        changed("aliases", ["Sold"]),
    ],
)
def test_what_changes_a_payload_counts(other: Any) -> None:
    assert parsed_form(other) != parsed_form(SALE)


def test_negative_zero_is_another_default() -> None:
    assert parsed_form(changed("fields.5.default", -0.0)) != parsed_form(changed("fields.5.default", 0))


def test_a_type_is_the_same_wherever_it_is_defined() -> None:
    by_name = changed("fields.3.type", "Money")
    assert parsed_form(by_name, [{**MONEY, "namespace": "shop"}]) == parsed_form(SALE)
    assert parsed_form(by_name, [{**MONEY, "namespace": "bank"}, {**MONEY, "namespace": "shop"}]) == parsed_form(SALE)


def test_a_recursive_type_has_a_form() -> None:
    node = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
    assert '["null","Node"]' in parsed_form(node)


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (changed("fields.3.type", "Money"), "not defined"),
        (changed("fields.3.type.name", "Tier"), "two ways"),
        (changed("fields", None), "without fields"),
        (changed("fields.0", {"type": "string"}), "without a name"),
        (changed("fields.0.type", 7), "other than a type"),
        (changed("name", None), "without a name"),
        (changed("aliases", [1]), "aliases"),
        (changed("fields.2.type.symbols", None), "without symbols"),
    ],
)
def test_what_is_no_schema_is_refused(schema: Any, why: str) -> None:
    with pytest.raises(UnreadableSchemaError, match=why):
        parsed_form(schema)


@pytest.mark.parametrize("text", ["", "nonsense", '{"a": 1, "a": 2}', "[" * 100_000, "9" * 5000, "\udc80"])
def test_hostile_text_is_refused(text: str) -> None:
    with pytest.raises(UnreadableSchemaError):
        parsed_form(read_schema(text))


def test_deep_types_are_refused() -> None:
    schema: Any = "string"
    for _ in range(400):
        schema = {"type": "array", "items": schema}
    with pytest.raises(UnreadableSchemaError, match="too deep"):
        parsed_form(schema)


@pytest.mark.parametrize("depth", [200, 480, 900, 990])
def test_deep_defaults_and_attributes_are_refused_or_read(depth: int) -> None:
    deep = "[" * depth + "]" * depth
    fixed = f'{{"type": "fixed", "name": "F", "size": 1, "x": {deep}}}'
    texts = [
        f'{{"type": "record", "name": "A", "fields": [{{"name": "a", "type": "int", "default": {deep}}}]}}',
        f"[{fixed}, {fixed}]",
    ]
    for text in texts:
        with contextlib.suppress(UnreadableSchemaError):
            parsed_form(read_schema(text))


def test_a_type_may_be_wrapped() -> None:
    assert parsed_form({"type": {"type": "string"}}) == parsed_form("string")
    assert parsed_form({"type": ["null", {"type": "int"}]}) == parsed_form(["null", "int"])


_NAMES_IN_SCHEMAS = (
    "type name fields items values symbols record enum fixed array map int default size aliases logicalType decimal "
    "precision namespace union a.b"
)
_WORDS = st.sampled_from([*_NAMES_IN_SCHEMAS.split(), "", "\ud800"])
_ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS, inner, max_size=6),
    max_leaves=30,
)


@given(_ANY_JSON, st.lists(_ANY_JSON, max_size=2))
def test_any_json_is_a_schema_or_is_refused(value: Any, others: list[Any]) -> None:
    with contextlib.suppress(UnreadableSchemaError):
        assert parsed_form(value, others) == parsed_form(json.loads(json.dumps(value)), others)


def test_a_registry_may_reformat_a_schema() -> None:
    assert len({schema_hash(recorded_schema(number)) for number in (6, 16, 21)}) == 1
    assert schema_hash(recorded_schema(6)) == schema_hash(read_schema(schema_text("order_placed.v1.avsc")))
    assert schema_hash(recorded_schema(7)) != schema_hash(recorded_schema(6))
    assert schema_hash(recorded_schema(7)) == schema_hash(recorded_schema(22))


_NAMES = st.sampled_from(["a", "b", "c", "d"])
_SIMPLE = st.sampled_from(
    [
        "string",
        "int",
        "bytes",
        {"type": "int", "logicalType": "date"},
        ["null", "long"],
        {"type": "map", "values": "int"},
    ]
)


@st.composite
def _records(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(_NAMES, unique=True, min_size=1))
    fields = [{"name": name, "type": draw(_SIMPLE)} for name in names]
    return {"type": "record", "name": draw(_NAMES).upper(), "namespace": draw(_NAMES), "fields": fields}


def _shuffled(value: Any, chance: random.Random) -> Any:
    """The same JSON with its keys in another order, and with attributes that Avro does not know."""
    if isinstance(value, list):
        return [_shuffled(each, chance) for each in value]
    if not isinstance(value, dict):
        return value
    items = [(key, _shuffled(each, chance)) for key, each in value.items()] + [("connect.version", 1)]
    chance.shuffle(items)
    return dict(items)


@given(_records(), st.randoms(use_true_random=False))
def test_order_of_keys_and_foreign_attributes_never_count(schema: dict[str, Any], chance: random.Random) -> None:
    assert parsed_form(_shuffled(schema, chance)) == parsed_form(schema)


@given(_records(), _records())
def test_schemas_that_apache_tells_apart_have_other_forms(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Apache's canonical form leaves out logical types, so ours may tell more apart, never less."""
    ones, others = (apache_parse(json.dumps(each)).canonical_form for each in (one, other))
    if ones != others:
        assert parsed_form(one) != parsed_form(other)
    if one == other:
        assert parsed_form(one) == parsed_form(other)
