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


NODE = a_record("Node", ("text", "string"), ("inner", ["null", "Node"]))
SHAPES = contract_json(
    ("email", "string"),
    ("born", "int"),
    ("tags", {"type": "array", "items": "string"}),
    ("lines", {"type": "array", "items": a_record("Line", ("sku", "string"))}),
    ("either", ["null", "string", a_record("Phone", ("number", "string"))]),
    ("tree", NODE),
    ("huge", a_record("Around", ("node", "Node"))),
)
del SHAPES["headrace"]
TABLE = {"table": "things", "event_time": "at", "late_after": "30d", "ahead_at_most": "10m"}
FREE, TEXT = {"pii": "none"}, {"pii": {"kind": "text", "mask": "redact"}}
FIELDS: dict[str, Any] = {
    "at": FREE,
    "email": TEXT,
    "born": FREE,
    "tags": FREE,
    "lines.sku": FREE,
    "either.string_value": FREE,
    "either.Phone_value.number": FREE,
    "tree.text": FREE,
    "tree.inner": TEXT,
    "huge.node.text": FREE,
    "huge.node.inner": TEXT,
}
WRONG_FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "a mask that does not fit": ({"born": {"pii": {"kind": "day", "mask": "partial", "keep_last": 2}}}, "born"),
    "an unknown mask": ({"email": {"pii": {"kind": "email", "mask": "hide"}}}, "email"),
    "a parameter that is missing": ({"email": {"pii": {"kind": "email", "mask": "partial"}}}, "email"),
    "a mask of a record that does not fit": ({"lines": {"pii": {"kind": "l", "mask": "tokenise"}}}, "lines"),
    "a mask in a type of a union": (
        {"either.Phone_value.number": {"pii": {"kind": "phone", "mask": "generalise", "to": "month"}}},
        "either.Phone_value.number",
    ),
    "a record as a whole": ({"lines": FREE}, "lines"),
    "a path of no field": ({"lines[].sku": FREE}, "lines[].sku"),
    "no classification": ({"born": {}}, "born"),
    "an annotation of something else": ({"born": {"pii": "none", "partition": "day"}}, "born"),
    "a column for null of a list that has none": ({"tags": {"pii": "none", "is_null_column": True}}, "tags"),
    "levels of a field without any": ({"born": {"pii": "none", "column_levels": 2}}, "born"),
    "levels that are no number": ({"tree.inner": {**TEXT, "column_levels": "2"}}, "tree.inner"),
    "levels deeper than a table": ({"huge.node.inner": {**TEXT, "column_levels": 14}}, "huge.node.inner"),
    "a text with personal fields": ({"tree.text": TEXT, "tree.inner": {"column_levels": 1}}, "tree.inner"),
    "a mask at each level": (
        {
            "tree.inner": {**TEXT, "column_levels": 2},
            "tree.text": {"pii": {"kind": "t", "mask": "generalise", "to": "month"}},
        },
        "tree.text",
    ),
}


def toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml_value(each)}" for key, each in value.items()) + "}"
    return json.dumps(value)


def toml(document: dict[str, Any]) -> str:
    """A table with a line for each pair and for each field."""
    lines = [f"{key} = {toml_value(value)}" for key, value in document.items() if key != "fields"]
    fields = [f"{json.dumps(path)} = {toml_value(given)}" for path, given in document["fields"].items()]
    return "\n".join([*lines, "[fields]", *fields, ""])


def toml_of_tables(document: dict[str, Any]) -> str:
    """The same with a table for each field."""
    lines = [f"{key} = {toml_value(value)}" for key, value in document.items() if key != "fields"]
    tables = [
        [f"[fields.{json.dumps(path)}]", *(f"{key} = {toml_value(value)}" for key, value in given.items())]
        for path, given in document["fields"].items()
    ]
    return "\n".join([*lines, *(line for table in tables for line in table), ""])


def json_of_lines(document: dict[str, Any]) -> str:
    """The same in JSON, with a line for each field."""
    fields = ",\n".join(f"{json.dumps(path)}: {json.dumps(given)}" for path, given in document["fields"].items())
    return json.dumps(document | {"fields": "FIELDS"}).replace('"FIELDS"', "{\n" + fields + "\n}")


def lines_of_field(text: str, path: str) -> range:
    """The lines of one field in a sidecar."""
    lines = text.splitlines()
    begin = (json.dumps(path), f"[fields.{json.dumps(path)}")
    first = next(at for at, line in enumerate(lines) if line.startswith(begin))
    behind = (at for at, line in enumerate(lines) if at > first and line.startswith(("[", '"', "}")))
    return range(first + 1, next(behind, len(lines)) + 1)


@pytest.mark.parametrize("write", [toml, toml_of_tables, json_of_lines])
@pytest.mark.parametrize("wrong", WRONG_FIELDS)
def test_a_wrong_annotation_of_a_field_is_told_in_the_sidecar(tmp_path: Path, wrong: str, write: Any) -> None:
    fields, guilty = WRONG_FIELDS[wrong]
    text = write(TABLE | {"fields": FIELDS | fields})
    name = "one_thing.v1.headrace." + ("json" if write is json_of_lines else "toml")

    found = refused(tmp_path, one_thing__v1__avsc=SHAPES, **{name.replace(".", "__"): text})

    assert {each.source.rpartition(":")[0] for each in found} == {name}
    assert {int(each.source.rpartition(":")[2]) for each in found} <= {*lines_of_field(text, guilty)}


@pytest.mark.parametrize("write", [toml, toml_of_tables, json_of_lines])
def test_a_field_that_a_sidecar_leaves_out_is_told_among_its_fields(tmp_path: Path, write: Any) -> None:
    fields = {path: given for path, given in FIELDS.items() if path != "born"}
    text = write(TABLE | {"fields": fields})
    name = "one_thing.v1.headrace." + ("json" if write is json_of_lines else "toml")

    (found,) = refused(tmp_path, one_thing__v1__avsc=SHAPES, **{name.replace(".", "__"): text})

    place, _, line = found.source.rpartition(":")
    assert place == name
    assert "fields" in text.splitlines()[int(line) - 1]


LISTS = """table = "things"
event_time = "at"
late_after = "30d"
ahead_at_most = "10m"
pii = "none"
cluster = [
  "email",  # ] is no end
  "nothing",
]
derived = [
  {name = "one", type = "string", expression = "'x = 1'"},
  {name = "two", type = "strin", expression = "email"},
]
encoding = [
  "datum",
  {kind = "jsn"},
]

[[rollups]]
name = "first"
measures = {n = "COUNT(*)"}

[[rollups]]
name = "second"
measures = {}
where = '''
name = 1
'''

[metadata]
tenant = {attribute = "tenant", pii = "none"}
_published_at = {pii = {kind = "time", mask = "partial", keep_last = 1}}
"""


def test_a_wrong_item_of_a_list_is_told_on_its_line(tmp_path: Path) -> None:
    found = refused(tmp_path, one_thing__v1__avsc=SHAPES, one_thing__v1__headrace__toml=LISTS)

    assert [(each.source.rpartition(":")[2], each.where.removeprefix("one_thing.v1.headrace.")) for each in found] == [
        ("8", "cluster.nothing"),
        ("12", "derived.two.type"),
        ("16", "encoding[1]"),
        ("25", "rollups.second.measures"),
        ("32", "metadata._published_at.pii"),
    ]


def test_a_table_of_two_subjects_is_told_where_each_names_it(tmp_path: Path) -> None:
    sidecar = "# orders\n" + toml(TABLE | {"fields": FIELDS})

    found = refused(
        tmp_path,
        one_thing__v1__avsc=SHAPES,
        one_thing__v1__headrace__toml=sidecar,
        two_things__v1__avsc=SHAPES,
        two_things__v1__headrace__toml=sidecar,
    )

    assert [each.source for each in found] == ["one_thing.v1.headrace.toml:2", "two_things.v1.headrace.toml:2"]


def test_a_fault_that_is_found_later_has_its_line_too(tmp_path: Path) -> None:
    (tmp_path / "one_thing.v1.avsc").write_text(json.dumps(SHAPES))
    (tmp_path / "one_thing.v1.headrace.toml").write_text(toml(TABLE | {"fields": FIELDS}))
    (tmp_path / "two_things.v1.avsc").write_text(json.dumps(contract_json(table="others")))
    registry = Registry.load_serviceable(tmp_path)

    fault = ContractError("one_thing.v1.headrace.table", "wrong", 'write "table": "x"')
    blocked = registry.blocking({"one_thing": fault}).blocked["one_thing"]
    assert str(blocked) == 'one_thing.v1.headrace.toml:1: one_thing.v1.headrace.table: wrong; write table = "x"'


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
