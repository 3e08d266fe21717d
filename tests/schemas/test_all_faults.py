"""One run tells every fault of a folder of contracts, with its file and line, and none that follows from another."""

from __future__ import annotations

import json
import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.schemas.errors import ContractError
from headrace.schemas.registry import Registry
from tests.support.builders import a_record, contract_json

SCHEMA = """{
  "type": "record",
  "name": "Order",
  // a comment
  "fields": [
    {"name": "id", "type": "strin"},
    {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": []}},
    {"name": "before", "type": "Status"},
    {"name": "customer", "type": {"type": "record", "name": "Customer", "fields": [
      {"name": "email", "type": "string", "default": 7},
      {"name": "born", "type": {"type": "int", "logicalType": "date"}}
    ]}},
    {"name": "placed", "type": "long"}
  ]
}
"""
SIDECAR = """table = "Orders"
late_after = "30"
ahead_at_most = "10m"
event_time = {field = "placed"}
cluster = ["nothing", "id"]
encodin = "confluent"

[envelope]
kind = "atributes"

[fields]
"customer.email" = {pii = {kind = "email", mask = "tokenize"}}
"customer.born" = {pii = "none"}
"customer.nme" = {pii = "none"}
"""


def refused(folder: Path, **files: Any) -> list[ContractError]:
    """The faults of a folder with *files*: ``orders__v1__avsc`` is ``orders.v1.avsc``."""
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content, indent=2)
        (folder / name.replace("__", ".")).write_text(text)
    with pytest.raises(ContractError) as caught:
        Registry.load(folder)
    return list(caught.value.faults)


def test_one_run_tells_every_fault_with_its_line(tmp_path: Path) -> None:
    found = refused(tmp_path, orders__v1__avsc=SCHEMA, orders__v1__headrace__toml=SIDECAR)

    assert [(each.source, each.where.removeprefix("orders.v1.")) for each in found] == [
        ("orders.v1.avsc:6", "id"),
        ("orders.v1.avsc:7", "status"),
        ("orders.v1.avsc:10", "customer.email"),
        ("orders.v1.headrace.toml:1", "headrace.table"),
        ("orders.v1.headrace.toml:2", "headrace.late_after"),
        ("orders.v1.headrace.toml:4", "headrace.event_time"),
        ("orders.v1.headrace.toml:5", "headrace.cluster.nothing"),
        ("orders.v1.headrace.toml:6", "headrace.encodin"),
        ("orders.v1.headrace.toml:9", "headrace.envelope.kind"),
        ("orders.v1.headrace.toml:11", "headrace.fields.placed"),
        ("orders.v1.headrace.toml:12", "headrace.fields.customer.email.pii.mask"),
        ("orders.v1.headrace.toml:14", "headrace.fields.customer.nme"),
    ]


def test_the_remedy_for_a_sidecar_in_toml_is_toml(tmp_path: Path) -> None:
    found = {
        each.where: each.remedy
        for each in refused(tmp_path, orders__v1__avsc=SCHEMA, orders__v1__headrace__toml=SIDECAR)
    }

    assert found["orders.v1.headrace.event_time"].startswith('write {field = "placed", unit = "millis"}')
    assert found["orders.v1.headrace.fields.placed"].startswith('add placed = {pii = "none"} to fields')


def test_the_text_has_a_line_for_each_fault(tmp_path: Path) -> None:
    avro = contract_json(("one", "wrong"), ("two", "wrong"))
    (tmp_path / "one_thing.v1.avsc").write_text(json.dumps(avro, indent=2))

    with pytest.raises(ContractError) as caught:
        Registry.load(tmp_path)

    assert [line.partition(": unknown")[0] for line in str(caught.value).splitlines()] == [
        "one_thing.v1.avsc:13: one_thing.v1.one",
        "one_thing.v1.avsc:17: one_thing.v1.two",
    ]
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_faults_of_every_file_are_told(tmp_path: Path) -> None:
    bad = contract_json(("f", "wrong"))

    found = refused(tmp_path, one_thing__v1__avsc=bad, one_thing__v2__avsc=bad, two_things__v1__avsc="{")

    assert [each.where for each in found] == ["one_thing.v1.f", "one_thing.v2.f", "two_things.v1"]


def test_faults_between_versions_are_told_at_the_newest_one(tmp_path: Path) -> None:
    first = contract_json(("a", "string"), ("b", "string"))
    second = contract_json(("a", "int"), ("b", "int"), ("c", "int"))

    found = refused(tmp_path, one_thing__v1__avsc=first, one_thing__v2__avsc=second)

    assert [each.where for each in found] == ["one_thing.v2.a", "one_thing.v2.b", "one_thing.v2.c"]
    assert {each.source.partition(":")[0] for each in found} == {"one_thing.v2.avsc"}


@pytest.mark.parametrize(
    "fields",
    [
        [("f", "wrong")],
        [("f", {"type": "enum", "name": "E", "symbols": []}), ("g", "E"), ("h", ["null", "E"])],
        [("f", a_record("R", ("x", "wrong"))), ("g", "R")],
        [("f", {"type": "fixed", "name": "F", "size": 0}), ("g", {"type": "array", "items": "F"})],
        [{"name": "f", "type": "string", "pii": {"kind": "email", "mask": "hide"}}],
    ],
)
def test_no_fault_is_told_that_follows_from_another(tmp_path: Path, fields: list[Any]) -> None:
    assert len(refused(tmp_path, one_thing__v1__avsc=contract_json(*fields))) == 1


def test_a_faulty_field_may_be_named_elsewhere(tmp_path: Path) -> None:
    avro = contract_json(("f", "wrong"), cluster=["f"], identity=["f"], fields={"f": {"pii": "none"}})

    assert len(refused(tmp_path, one_thing__v1__avsc=avro)) == 2  # and the event time is not classified


def test_an_event_time_whose_field_is_faulty_is_not_told(tmp_path: Path) -> None:
    found = refused(tmp_path, one_thing__v1__avsc=contract_json(at="tim", event_time={"field": "at", "unit": "millis"}))

    assert [each.where for each in found] == ["one_thing.v1.at"]


@pytest.mark.parametrize(
    ("annotations", "place"),
    [
        ({"partition": "hour", "expire_after_days": "x"}, "expire_after_days"),
        ({"envelope": {"kind": "x"}, "encoding": "confluent"}, "envelope.kind"),
        ({"encoding": "x", "envelope": {"kind": "attributes", "id": "message_id", "version": "schema_id"}}, "encoding"),
    ],
)
def test_no_annotation_is_blamed_for_another_one(tmp_path: Path, annotations: dict[str, Any], place: str) -> None:
    found = refused(tmp_path, one_thing__v1__avsc=contract_json(**annotations))

    assert [each.where for each in found] == [f"one_thing.v1.headrace.{place}"]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "type", "fields"]), inner),
    max_leaves=12,
)


@given(JSON_VALUES, JSON_VALUES)
def test_any_json_is_a_contract_or_refused(
    tmp_path_factory: pytest.TempPathFactory, field: Any, annotation: Any
) -> None:
    avro = contract_json(("good", "string"))
    avro["fields"].append(field)
    avro["headrace"]["fields"] = annotation
    folder = tmp_path_factory.mktemp("any")
    (folder / "one_thing.v1.avsc").write_text(json.dumps(avro))

    with suppress(ContractError):
        Registry.load(folder)
