"""What a contract may say of transformations: every refusal names the place, the reason and the remedy."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.schemas.errors import ContractError
from headrace.schemas.model import Decimal, Kind, Optional, Scalar
from headrace.schemas.registry import Registry
from headrace.schemas.value_rules import Otherwise, ValueRule
from tests.support.builders import a_contract, a_decimal


def refusal(**annotations: Any) -> str:
    with pytest.raises(ContractError) as raised:
        a_contract(("size", "int"), **annotations)
    return str(raised.value)


def derived(**changes: Any) -> dict[str, Any]:
    return {"name": "double_size", "type": "long", "expression": "size * 2"} | changes


def rollup(**changes: Any) -> dict[str, Any]:
    return {"name": "sizes", "by": {"size": "size"}, "measures": {"events": "COUNT(*)"}} | changes


def rule(**changes: Any) -> dict[str, Any]:
    return {"name": "has_size", "expression": "size > 0", "else": "dead_letter"} | changes


def test_a_contract_without_transformations_asks_nothing_of_the_job() -> None:
    contract = a_contract(("size", "int"))

    assert not contract.transformations.in_the_job
    assert contract.written.fields == contract.record.fields


def test_derived_columns_follow_the_payload_and_may_be_null() -> None:
    contract = a_contract(("size", "int"), derived=[derived(), derived(name="cost", type=["null", a_decimal(9, 2)])])

    assert [(field.name, field.type) for field in contract.written.fields[-2:]] == [
        ("double_size", Optional(Scalar(Kind.LONG))),
        ("cost", Optional(Decimal(9, 2))),
    ]


def test_rollups_are_no_work_of_the_job() -> None:
    assert not a_contract(("size", "int"), rollups=[rollup()]).transformations.in_the_job


@pytest.mark.parametrize(
    ("annotations", "where", "why"),
    [
        ({"where": 3}, "where", "not an expression"),
        ({"where": "  "}, "where", "not an expression"),
        ({"where": "1" * 4001}, "where", "longer than"),
        ({"derived": {}}, "derived", "not a list"),
        ({"derived": [derived(name="Big")]}, "derived.Big.name", "invalid name"),
        ({"derived": [derived(expresion="1")]}, "derived.double_size.expresion", "unknown key 'expresion'"),
        ({"derived": [derived(type="int64")]}, "derived.double_size.type", "unknown type"),
        ({"derived": [derived(type={"type": "array", "items": "int"})]}, "derived.double_size.type", "not one plain"),
        ({"derived": [derived(name="size")]}, "derived.size", "named twice"),
        ({"derived": [derived(), derived()]}, "derived.double_size", "named twice"),
        ({"derived": [{"name": "spare", "type": "long"}]}, "derived.spare.expression", "missing"),
        ({"function": "no spaces"}, "function", "not the name of an entry point"),
        ({"rollups": [rollup(name="headrace_x")]}, "rollups.headrace_x.name", "begins with headrace_"),
        ({"rollups": [rollup(name="things")]}, "rollups.things", "named twice"),
        ({"rollups": [rollup(), rollup()]}, "rollups.sizes", "named twice"),
        ({"rollups": [rollup(measures={})]}, "rollups.sizes.measures", "empty"),
        ({"rollups": [rollup(by={"Not a name": "size"})]}, "rollups.sizes.by", "invalid name"),
        ({"rollups": [rollup(measures={"size": "COUNT(*)"})]}, "rollups.sizes.measures", "used twice"),
        ({"rollups": [rollup(group="size")]}, "rollups.sizes.group", "unknown key 'group'"),
        ({"rollups": [rollup(by=["size"])]}, "rollups.sizes.by", "not a JSON object"),
        ({"rules": rule()}, "rules", "not a list of at most 50"),
        ({"rules": [rule(name=f"r{number}") for number in range(51)]}, "rules", "not a list of at most 50"),
        ({"rules": ["size > 0"]}, "rules", "not a list of at most 50 JSON objects"),
        ({"rules": [rule(name="HasSize")]}, "rules.HasSize.name", "invalid name"),
        ({"rules": [rule(name="r" * 65)]}, f"rules.{'r' * 65}.name", "invalid name; use at most 64 lower-case"),
        ({"rules": [rule(name="1st")]}, "rules.1st.name", "invalid name"),
        ({"rules": [{"expression": "TRUE", "else": "warn"}]}, "rules.0.name", "missing"),
        ({"rules": [{"name": "has_size", "else": "warn"}]}, "rules.has_size.expression", "missing"),
        ({"rules": [rule(expression=" ")]}, "rules.has_size.expression", "not an expression"),
        ({"rules": [rule(expression="1" * 4001)]}, "rules.has_size.expression", "longer than"),
        ({"rules": [rule(**{"else": "drop"})]}, "rules.has_size.else", "choose from dead_letter, warn"),
        ({"rules": [{"name": "has_size", "expression": "TRUE"}]}, "rules.has_size.else", "missing; choose from"),
        ({"rules": [rule(doc="why")]}, "rules.has_size.doc", "unknown key 'doc'"),
        ({"rules": [rule(), rule(expression="TRUE")]}, "rules.has_size", "named twice"),
        ({"filter": "TRUE"}, "filter", "unknown annotation 'filter'"),
    ],
)
def test_what_is_misspelt_or_mistyped_is_refused(annotations: dict[str, Any], where: str, why: str) -> None:
    message = refusal(**annotations)

    assert message.startswith(f"thing_happened.v1.headrace.{where}".rstrip(".") + ": ")
    assert why in message
    assert "; " in message


def test_a_rollup_takes_no_table_of_another_subject() -> None:
    one = a_contract(("size", "int"), subject="one_happened", table="ones", rollups=[rollup(name="others")])
    other = a_contract(("size", "int"), subject="other_happened", table="others")

    with pytest.raises(ContractError, match="writes table others too"):
        Registry({each.ref: each for each in (one, other)})


def test_a_table_may_be_clustered_by_a_derived_column() -> None:
    assert a_contract(("size", "int"), derived=[derived()], cluster=["double_size"]).options.cluster == ("double_size",)


def test_rules_are_work_of_the_job_and_keep_their_order() -> None:
    contract = a_contract(("size", "int"), rules=[rule(), rule(name="also", **{"else": "warn"})])

    assert contract.transformations.in_the_job
    assert contract.transformations.rules == (
        ValueRule("has_size", "size > 0", Otherwise.DEAD_LETTER),
        ValueRule("also", "size > 0", Otherwise.WARN),
    )
    assert contract.written.fields == contract.record.fields


def test_all_faults_of_rules_are_told_at_once() -> None:
    message = refusal(rules=[rule(name="A", expression=1), rule(), rule(), rule(name="b", **{"else": True})])

    assert [line.split(": ")[0].partition("headrace.")[2] for line in message.splitlines()] == [
        "rules.A.name",
        "rules.A.expression",
        "rules.b.else",
        "rules.has_size",
    ]
