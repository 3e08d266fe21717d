"""Following a remedy helps: each contract here is refused, and accepted once what the message says is done."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from headrace.bigquery.columns import COLUMN_DOC, TABLE_DOC, description
from headrace.bigquery.event_table import table_for
from headrace.schemas import parse as parsing
from headrace.schemas import transformation_parts, transformations, value_rules
from headrace.schemas.annotations import MAX_CLUSTERED, MAX_IDENTITY
from headrace.schemas.avro_names import MAX_NAME
from headrace.schemas.checked_values import MAX_IDENTIFIER
from headrace.schemas.column_names import MAX_COLUMN
from headrace.schemas.decoder import MAX_PAYLOAD_BYTES
from headrace.schemas.defaults import MAX_DEFAULT
from headrace.schemas.envelope import MAX_ID_BYTES, SchemaRef
from headrace.schemas.errors import ContractError, UndecodableError
from headrace.schemas.folder import MAX_FILE_BYTES
from headrace.schemas.lint import MAX_PARTITIONS
from headrace.schemas.model import MAX_COLUMN_BYTES, MAX_ITEMS
from headrace.schemas.registry import Contract, Registry, parse_contract
from headrace.schemas.table_limits import MAX_COLUMNS, MAX_LEVELS
from tests.schemas.test_lint import DATE, ENUM, a_map, array, pii
from tests.support.builders import a_contract, a_decimal, a_record, contract_json, decode, encode
from tests.support.paths import ROOT

NONE = {"pii": "none"}


def contract(*fields: Any, version: int = 1, **annotations: Any) -> Contract:
    return a_contract(*fields, version=version, **annotations)


def a_fixed(size: object, **more: Any) -> dict[str, Any]:
    return {"type": "fixed", "name": "F", "size": size, **more}


# What the message says to do, and the same field before and after it is done.
FIELDS: list[tuple[str, Any, Any]] = [
    ("write null once", ("f", ["null", ["null", "int"]]), ("f", ["null", "int"])),
    ('write ["null", type]', ("f", []), ("f", ["null", "string"])),
    ('write ["null", type]', ("f", ["null", "string", "null"]), ("f", ["null", "string"])),
    ("list the types of the inner union", ("f", ["string", ["null", "int"]]), ("f", ["string", "null", "int"])),
    ('write null as "null"', ("f", ["int", "string", a_record("R")]), ("f", ["null", "int", "string"])),
    ("give a record a field", ("f", ["int", a_record("R")]), ("f", ["int", a_record("R", ("a", "int"))])),
    (
        "make one of them a record with one field",
        ("f", ["int", {"type": "int", "logicalType": "date"}]),
        ("f", ["int", a_record("Day", ("day", {"type": "int", "logicalType": "date"}))]),
    ),
    ("remove it", ("f", array("int"), {"is_null_column": True}), ("f", array("int"))),
    (
        "write true or false",
        ("f", ["null", array("int")], {"is_null_column": 1}),
        ("f", ["null", array("int")], {"is_null_column": True}),
    ),
    (
        "rename that field",
        a_record("R", ("f", ["null", array("int")], {"is_null_column": True}), ("f_is_null", "int")),
        a_record("R", ("f", ["null", array("int")], {"is_null_column": True}), ("f_was_null", "int")),
    ),
    ("leave it out", ("f", "string", {"default": None}), ("f", "string")),
    ("write a list", ("f", array("string"), {"default": {}}), ("f", array("string"), {"default": ["x"]})),
    ("write a JSON object", ("f", a_map("string"), {"default": []}), ("f", a_map("string"), {"default": {"a": "x"}})),
    ("one of CLUBS, HEARTS", ("f", ENUM, {"default": "X"}), ("f", ENUM, {"default": "CLUBS"})),
    ("give an int", ("f", "int", {"default": "7"}), ("f", "int", {"default": 7})),
    ("write a whole number", ("f", DATE, {"default": "2026-01-01"}), ("f", DATE, {"default": 20_454})),
    ("within years 1 to 9999", ("f", DATE, {"default": 10**7}), ("f", DATE, {"default": 10**6})),
    ("characters U+0000 to U+00FF", ("f", "bytes", {"default": "\u20ac"}), ("f", "bytes", {"default": "\u00ff"})),
    ("exactly 2 bytes", ("f", a_fixed(2), {"default": "x"}), ("f", a_fixed(2), {"default": "xy"})),
    ("give it a value", ("f", a_record("R", ("a", "int")), {"default": {}}), ("f", a_record("R", ("a", "int")))),
    ("shorten it", ("f", "string", {"default": "x" * 32_769}), ("f", "string", {"default": "x" * 32_768})),
    (
        "one of the types of its union",
        ("f", ["int", "string"], {"default": 1.5}),
        ("f", ["int", "string"], {"default": "x"}),
    ),
    (
        "write null, or an empty list",
        ("f", a_record("R", ("a", array("R"), {"default": [{"a": []}]}))),
        ("f", a_record("R", ("a", array("R"), {"default": []}))),
    ),
    (
        "write 'logicalType'",
        ("f", {"type": "string", "logical_type": "uuid"}),
        ("f", {"type": "string", "logicalType": "uuid"}),
    ),
    ("write 'default'", ("f", "string", {"defaults": "x"}), ("f", "string", {"default": "x"})),
    ("write it on a field", ("f", array("int") | NONE), ("f", array("int"), NONE)),
    ('write a list of names, such as "aliases"', ("f", "int", {"aliases": "g"}), ("f", "int", {"aliases": ["g"]})),
    ("use at most 1024 letters, digits and _", ("f 1", "string"), ("f_1", "string")),
    ("use at most 1024 letters, digits and _", ("f" * 1025, "string"), ("f" * 1024, "string")),
    ("end it with a name", ("f", a_record("a.b.", ("a", "int"))), ("f", a_record("a.b.R", ("a", "int")))),
    ("write a.F", ("f", a_record("R", ("x", a_fixed(1, namespace="a")), ("y", "b.F"))), ("f", a_fixed(1))),
    ('add "name"', {"type": "string"}, ("f", "string")),
    ('write "symbols"', ("f", ENUM | {"symbols": []}), ("f", ENUM)),
    ("list it once", ("f", ENUM | {"symbols": ["A", "A"]}), ("f", ENUM | {"symbols": ["A"]})),
    ("choose one of the symbols", ("f", ENUM | {"default": "X"}), ("f", ENUM | {"default": "CLUBS"})),
    ("give it such a size", ("f", a_fixed("8")), ("f", a_fixed(8))),
    ("a precision of at most 35", ("f", a_decimal(38, 9, 15)), ("f", a_decimal(35, 9, 15))),
    ("use a larger size", ("f", a_decimal(38, 9, 15)), ("f", a_decimal(38, 9, 16))),
    ("write precision", ("f", {"type": "bytes", "logicalType": "decimal"}), ("f", a_decimal(9, 0))),
    ("at most 38 digits after the point", ("f", a_decimal(50, 39)), ("f", a_decimal(50, 38))),
    ("a record with a field", ("f", array("null")), ("f", array(a_record("R", ("a", "int"))))),
    ("make the inner one optional", ("f", a_record("R", ("a", "R"))), ("f", a_record("R", ("a", ["null", "R"])))),
    ("use boolean, bytes, double", ("f", "String"), ("f", "string")),
    ("write a sentence, or leave doc out", ("f", "string", {"doc": 7}), ("f", "string", {"doc": "Seven."})),
    ("rename one", a_record("R", ("a", "int"), ("a", "int")), a_record("R", ("a", "int"), ("b", "int"))),
    ("write a whole number from 1", ("f", "int", pii("generalise", to="bucket", size=2.5)), None),
    ('"size", a whole number from 1', ("f", "int", pii("generalise", to="bucket")), None),
    ("remove it", ("f", DATE, pii("generalise", to="month", size=1)), ("f", DATE, pii("generalise", to="month"))),
    ('"to": one of month', ("f", DATE, pii("generalise")), ("f", DATE, pii("generalise", to="month"))),
    ("keep_first or keep_last", ("f", "string", pii("partial")), ("f", "string", pii("partial", keep_last=1))),
    ('write "none"', ("f", "string", {"pii": "no"}), ("f", "string", NONE)),
    ("use one of: redact, omit", ("f", "double", pii("tokenise")), ("f", "double", pii("redact"))),
    (
        "use one of: redact, omit, generalise to bucket",
        ("f", "double", pii("partial", keep_last=1)),
        ("f", "double", pii("generalise", to="bucket", size=10)),
    ),
    (
        "write it on each of its fields",
        ("f", a_record("R", ("a", "int", NONE)), NONE),
        ("f", a_record("R", ("a", "int", NONE))),
    ),
]
BUCKET = ("f", "int", pii("generalise", to="bucket", size=2))


def as_field(given: Any) -> Any:
    """A record of its own replaces its fields; None for the bucket that is right."""
    if isinstance(given, dict) and "fields" in given:
        return ("f", given)
    return given or BUCKET


@pytest.mark.parametrize(("remedy", "bad", "good"), FIELDS)
def test_a_field_is_accepted_once_its_remedy_is_followed(remedy: str, bad: Any, good: Any) -> None:
    with pytest.raises(ContractError) as raised:
        contract(as_field(bad))
    assert remedy in raised.value.remedy
    contract(as_field(good))


ANNOTATIONS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("lower-case letters", {"table": "Things"}, {"table": "things"}),
    ("at most 128", {"table": "t" * 129}, {"table": "t" * 128}),
    ("choose another name", {"table": "headrace_x"}, {"table": "x"}),
    ("write the name of a field", {"event_time": None}, {"event_time": "at"}),
    ("name a field of this record", {"event_time": "g"}, {"event_time": "f"}),
    ("remove it, or use one of", {"event_tme": "at"}, {}),
    ("choose from hour, day, month", {"partition": "week"}, {"partition": "month"}),
    ("or partition by day", {"partition": "hour"}, {"partition": "day"}),
    ("expire_after_days of at most 416", {"partition": "hour"}, {"partition": "hour", "expire_after_days": 416}),
    ("at most 4 field names", {"cluster": "f"}, {"cluster": ["f"]}),
    ("without quotation marks", {"expire_after_days": "30"}, {"expire_after_days": 30}),
    ("without quotation marks", {"require_partition_filter": "true"}, {"require_partition_filter": True}),
    ('such as "10m"', {"late_after": "1w"}, {"late_after": "7d"}),
    ("write at most 1825d", {"late_after": "2000d"}, {"late_after": "1825d"}),
    (
        "write at most 30d",
        {"late_after": "31d", "expire_after_days": 30},
        {"late_after": "30d", "expire_after_days": 30},
    ),
    (
        "expire_after_days of at least 31",
        {"late_after": "721h", "expire_after_days": 30},
        {"late_after": "721h", "expire_after_days": 31},
    ),
    ("write at most 365d", {"ahead_at_most": "400d"}, {"ahead_at_most": "365d"}),
    ('such as "50%"', {"refuse_at_most": 50}, {"refuse_at_most": "50%"}),
    ("name fields of this record", {"identity": ["g"]}, {"identity": ["f"]}),
]


@pytest.mark.parametrize(("remedy", "bad", "good"), ANNOTATIONS)
def test_an_annotation_is_accepted_once_its_remedy_is_followed(
    remedy: str, bad: dict[str, Any], good: dict[str, Any]
) -> None:
    with pytest.raises(ContractError) as raised:
        contract(("f", "string"), **bad)
    assert remedy in raised.value.remedy
    contract(("f", "string"), **good)


VERSIONS: list[tuple[str, Any, Any, list[Any]]] = [
    ("keep the type", ("f", "int"), [("f", "string")], [("f", "int"), ("g", "string", {"default": ""})]),
    ("give it one", ("f", "int"), [("f", "int"), ("g", "int")], [("f", "int"), ("g", "int", {"default": 0})]),
    (
        'make it ["null", type]',
        ("f", "int"),
        [("f", "int"), ("g", DATE)],
        [("f", "int"), ("g", ["null", DATE], {"default": None})],
    ),
    ("keep it", ("f", ENUM), [("f", ENUM | {"symbols": ["CLUBS"]})], [("f", ENUM | {"symbols": ["HEARTS", "CLUBS"]})]),
    (
        "give the enum a default",
        ("f", ENUM),
        [("f", ENUM | {"symbols": ["CLUBS"]})],
        [("f", ENUM | {"symbols": ["CLUBS"], "default": "CLUBS"})],
    ),
]


@pytest.mark.parametrize(("remedy", "old", "bad", "good"), VERSIONS)
def test_a_version_is_accepted_once_its_remedy_is_followed(remedy: str, old: Any, bad: Any, good: Any) -> None:
    first = contract(old)

    def registry(fields: list[Any]) -> Registry:
        second = contract(*fields, version=2)
        return Registry({first.ref: first, second.ref: second})

    with pytest.raises(ContractError) as raised:
        registry(bad)
    assert remedy in raised.value.remedy
    assert registry(good).latest("thing_happened").ref.version == 2


def test_a_doc_of_null_is_no_doc() -> None:
    found = parse_contract(
        SchemaRef("thing_happened", 1), json.dumps(contract_json(("f", "string", {"doc": None})) | {"doc": None})
    )

    assert (found.doc, found.record.fields[0].doc) == ("", "")


@pytest.mark.parametrize("name", ["f 1", "f[0]", "f\n", "", 7, ["f"]])
def test_an_invalid_name_is_named_with_the_place_of_its_field(name: object) -> None:
    with pytest.raises(ContractError, match=r"^thing_happened\.v1\.fields\[1\]: invalid name"):
        contract(("f", "string"), {"name": name, "type": "string"})


def test_the_documentation_names_every_limit() -> None:
    page = (ROOT / "docs" / "contracts.md").read_text()
    limits = page.partition("## Limits")[2].partition("\n## ")[0]

    for limit in (
        MAX_FILE_BYTES,
        MAX_NAME,
        parsing.MAX_DEPTH,
        MAX_LEVELS,
        MAX_COLUMNS,
        MAX_COLUMN,
        MAX_DEFAULT,
        MAX_IDENTIFIER,
        MAX_CLUSTERED,
        MAX_IDENTITY,
        transformation_parts.MAX_NAME,
        transformations.MAX_DERIVED,
        transformations.MAX_ROLLUPS,
        value_rules.MAX_RULES,
        value_rules.MAX_RULE_NAME,
        transformations.MAX_COLUMNS,
        transformation_parts.MAX_EXPRESSION,
        MAX_PARTITIONS,
        MAX_ITEMS,
        MAX_COLUMN_BYTES,
        MAX_PAYLOAD_BYTES,
        MAX_ID_BYTES,
        COLUMN_DOC,
        TABLE_DOC,
    ):
        assert re.search(rf"\b{limit:,}\b", limits), limit


def test_a_long_doc_is_cut_where_bigquery_shows_it() -> None:
    table = table_for(contract(("f", "string", {"doc": "x" * 1_025})), "project", "dataset")
    (shown,) = [column.description for column in table.schema if column.name == "f"]

    assert shown == "x" * 1_021 + "..."
    assert len(description("y" * 20_000, TABLE_DOC)) == TABLE_DOC
    assert description("short", COLUMN_DOC) == "short"


def test_a_decimal_with_more_bytes_than_its_precision_needs_is_refused() -> None:
    made = contract(("f", a_decimal(2, 0)))
    payload = encode(made, {"f": Decimal(5), "at": datetime(2026, 1, 1, tzinfo=UTC)})

    assert decode(made, payload)["f"] == 5
    with pytest.raises(UndecodableError, match=r"^f: a decimal of no bytes or of too many at byte 0$"):
        decode(made, b"\x04\x00\x05" + payload[2:])
