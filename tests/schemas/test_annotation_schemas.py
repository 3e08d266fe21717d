"""The JSON Schemas for editors: they have every annotation, and agree with what contracts accept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry

from headrace.schemas.annotations import KNOWN
from headrace.schemas.classification import Generalise, Mask
from headrace.schemas.column_annotations import COLUMN_KEYS
from headrace.schemas.compatibility.rules import Compatibility, Rule
from headrace.schemas.errors import ContractError
from headrace.schemas.json_encoding.forms import SETTINGS
from headrace.schemas.samples import SAMPLES
from tests.schemas.message_rules.test_message_rules import WRONG as WRONG_RULES
from tests.support.builders import a_contract, contract_json
from tests.support.paths import ROOT

FOLDER = ROOT / "docs" / "schemas"
SIDECAR = json.loads((FOLDER / "headrace-sidecar.schema.json").read_text())
CONTRACT = json.loads((FOLDER / "headrace-contract.schema.json").read_text())
# What only the whole contract shows, or a list in which two entries have one form.
BEYOND_A_SCHEMA = ("no encoding is json", "in Headrace's own envelope", "no header with one", "different content types")
WAIVERS = [
    ({"waivers": []}, True),
    ({"waivers": [{"rule": "TABLE_CHANGED", "reason": "it moves"}]}, True),
    ({"waivers": [{"rule": "FIELD_REMOVED", "field": "customer.phone", "reason": "nobody reads it"}]}, True),
    ({"waivers": {"rule": "TABLE_CHANGED", "reason": "it moves"}}, False),
    ({"waivers": ["TABLE_CHANGED"]}, False),
    ({"waivers": [{"rule": "TABLE_CHANGED"}]}, False),
    ({"waivers": [{"rule": "TABLE_CHANGED", "reason": ""}]}, False),
    ({"waivers": [{"rule": "TABLE_CHANGED", "reason": "it moves", "until": "May"}]}, False),
    ({"waivers": [{"rule": "TABLE_CHANGED", "field": 1, "reason": "it moves"}]}, False),
    ({"waivers": [{"rule": "TABEL_CHANGED", "reason": "it moves"}]}, False),
    ({"waivers": [{"rule": "BIGQUERY_TYPE_CHANGED", "field": "f", "reason": "it will work"}]}, False),
    ({"waivers": [{"rule": "PII_UNCLASSIFIED", "field": "f", "reason": "later"}]}, False),
    ({"compatibility": "full"}, True),
    ({"compatibility": "full_transitive"}, True),
    ({"compatibility": "forward"}, False),
    ({"compatibility": "none"}, False),
]
RULE = {"name": "has_size", "expression": "size > 0", "else": "warn"}
RULES: list[tuple[Any, bool]] = [
    ([], True),
    ([RULE, {**RULE, "name": "r", "else": "dead_letter"}], True),
    ([{**RULE, "name": "r" * 64}], True),
    ([{**RULE, "name": "r" * 65}], False),
    ([{**RULE, "name": "HasSize"}], False),
    ([{**RULE, "name": 1}], False),
    ([{**RULE, "expression": " "}], False),
    ([{**RULE, "expression": "1" * 4001}], False),
    ([{**RULE, "else": "drop"}], False),
    ([{**RULE, "when": "always"}], False),
    ([{name: value for name, value in RULE.items() if name != "else"}], False),
    ([{name: value for name, value in RULE.items() if name != "expression"}], False),
    (RULE, False),
    (["size > 0"], False),
    ([{**RULE, "name": f"r{number}"} for number in range(50)], True),
    ([{**RULE, "name": f"r{number}"} for number in range(51)], False),
]


def errors(schema: Any, value: Any) -> list[str]:
    files: Registry[Any] = Registry().with_contents([(each["$id"], each) for each in (SIDECAR, CONTRACT)])
    return [error.json_path for error in Draft202012Validator(schema, registry=files).iter_errors(value)]


def test_the_schema_has_every_annotation_and_no_other() -> None:
    assert set(SIDECAR["properties"]) == KNOWN
    assert all("description" in each or "$ref" in each for each in SIDECAR["properties"].values())


def test_a_schema_has_every_mask_and_form() -> None:
    (pii,) = [each for each in SIDECAR["$defs"]["pii"]["oneOf"] if "properties" in each]

    assert pii["properties"]["mask"]["enum"] == [*Mask]
    assert pii["properties"]["to"]["enum"] == [*Generalise]
    assert set(SIDECAR["$defs"]["json"]["properties"]) == {"convention", "unknown_keys", *SETTINGS}


def test_a_schema_has_every_rule_that_can_be_waived() -> None:
    assert SIDECAR["$defs"]["waiver"]["properties"]["rule"]["enum"] == [each for each in Rule if each.is_waivable]
    assert SIDECAR["properties"]["compatibility"]["enum"] == [*Compatibility]


@pytest.mark.parametrize(("annotation", "good"), [*WAIVERS, *(({"rules": rules}, good) for rules, good in RULES)])
def test_an_editor_accepts_and_refuses_the_lists_that_a_contract_does(annotation: Any, good: bool) -> None:
    assert (errors(SIDECAR, contract_json(**annotation)["headrace"]) == []) is good
    if good:
        a_contract(**annotation)
        return
    with pytest.raises(ContractError, match="; "):
        a_contract(**annotation)


def test_both_schemas_are_schemas() -> None:
    Draft202012Validator.check_schema(SIDECAR)
    Draft202012Validator.check_schema(CONTRACT)


@pytest.mark.parametrize("file", sorted(SAMPLES.glob("*.avsc")), ids=lambda file: file.name)
def test_the_samples_are_contracts(file: Path) -> None:
    avro = json.loads(file.read_text())

    assert errors(CONTRACT, avro) == []
    avro["fields"][0]["pii"] = "no"
    assert errors(CONTRACT, avro) == ["$.fields[0].pii"]


@pytest.mark.parametrize(("wrong", "why", "good"), WRONG_RULES, ids=[str(wrong) for wrong, _, _ in WRONG_RULES])
def test_an_editor_accepts_and_refuses_what_a_contract_does(wrong: Any, why: str, good: Any) -> None:
    assert errors(SIDECAR, contract_json(**good)["headrace"]) == []
    if not why.startswith(BEYOND_A_SCHEMA):
        assert errors(SIDECAR, contract_json(**wrong)["headrace"]) != []


def test_an_editor_refuses_a_misspelling_and_a_sidecar_without_a_table() -> None:
    headrace = contract_json()["headrace"]

    assert errors(SIDECAR, {**headrace, "event_tme": "at"}) == ["$"]
    assert errors(SIDECAR, {name: value for name, value in headrace.items() if name != "table"}) == ["$"]


@pytest.mark.parametrize(
    ("annotations", "good"),
    [
        ({"pii": "none"}, True),
        ({"pii": "none", "is_null_column": True, "column_levels": 14}, True),
        ({"column_levels": 1}, True),
        ({}, False),
        ({"is_null_column": "yes"}, False),
        ({"column_levels": 0}, False),
        ({"column_levels": 15}, False),
        ({"column_level": 1}, False),
    ],
)
def test_an_editor_knows_the_annotations_of_a_field(annotations: Any, good: bool) -> None:
    sidecar = contract_json()["headrace"] | {"fields": {"f": annotations}}
    field = {"name": "f", "type": "string", **annotations}

    assert (errors(SIDECAR, sidecar) == []) is good
    if annotations and "column_level" not in annotations:
        assert (errors(CONTRACT, contract_json(("g", "string")) | {"fields": [field]}) == []) is good


def test_an_editor_knows_every_annotation_of_a_field() -> None:
    assert set(SIDECAR["$defs"]["field"]["properties"]) == {"pii", *COLUMN_KEYS}
    assert {"pii", *COLUMN_KEYS} < set(CONTRACT["$defs"]["field"]["properties"])
