"""What a contract may not say: every refusal names the place, the reason and the remedy."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from headrace.schemas.annotations import IdRule, Partition, TableOptions, parse_duration
from headrace.schemas.classification import Generalise, Mask, Pii
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.errors import ContractError
from headrace.schemas.message_rules.event_time import FieldTime
from headrace.schemas.model import Kind
from headrace.schemas.registry import Contract, parse_contract
from tests.support.builders import TIMESTAMP, a_contract, a_decimal, a_record, contract_json
from tests.support.paths import ROOT

DATE = {"type": "int", "logicalType": "date"}
ENUM = {"type": "enum", "name": "Suit", "symbols": ["CLUBS", "HEARTS"]}


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def a_map(values: Any) -> dict[str, Any]:
    return {"type": "map", "values": values}


def pii(mask: str, **parameters: Any) -> dict[str, Any]:
    return {"pii": {"kind": "email", "mask": mask, **parameters}}


TIME = {"type": "long", "logicalType": "time-micros"}
UUID = {"type": "string", "logicalType": "uuid"}
NONE = {"pii": "none"}


def parse(avro: Any) -> Contract:
    return parse_contract(SchemaRef("thing_happened", 1), json.dumps(avro))


def refusal(*fields: Any, make: Any = a_contract, **annotations: Any) -> str:
    with pytest.raises(ContractError) as raised:
        make(*fields, **annotations)
    return str(raised.value)


def assert_explains(message: str, where: str, why: str, remedy: str) -> None:
    place, _, rest = message.partition(": ")
    found_why, _, found_remedy = rest.partition("; ")
    assert place == f"thing_happened.v1.{where.partition(': ')[0]}".rstrip(".")
    assert why in found_why
    assert remedy in found_remedy


@pytest.mark.parametrize(
    ("annotations", "where", "why", "remedy"),
    [
        pytest.param({"table": None}, "table", "missing", "lower-case", id="no table"),
        pytest.param({"table": "My-Table"}, "table", "invalid name", "lower-case", id="a table that is no name"),
        pytest.param({"table": "t; DROP"}, "table", "invalid name", "at most 128 lower-case", id="a table with SQL"),
        pytest.param(
            {"table": "headrace_tallies"}, "table", "kept for Headrace's own tables", "another name", id="our table"
        ),
        pytest.param({"event_time": None}, "event_time", "missing", "write the name of a field", id="no event time"),
        pytest.param({"event_time": "then"}, "event_time", "no field then", "field of this record", id="no such field"),
        pytest.param({"event_time": "when"}, "event_time", "may be null", "fallback", id="an optional event time"),
        pytest.param(
            {"event_time": "rows"}, "event_time", "neither a timestamp", "attribute", id="a list as event time"
        ),
        pytest.param(
            {"event_tme": "at"}, "event_tme", "unknown annotation 'event_tme'", "event_time", id="a misspelling"
        ),
        pytest.param({"partition": "week"}, "partition", "known values", "hour, day, month", id="partition"),
        pytest.param({"partition": "hour"}, "partition", "10000 partitions", "expire_after", id="hours for ever"),
        pytest.param(
            {"partition": "hour", "expire_after_days": 417}, "partition", "10000", "416, or partition", id="hours"
        ),
        pytest.param(
            {"cluster": ["a", "b", "c", "d", "e"]},
            "cluster",
            "not a list of at most 4",
            "at most 4",
            id="five clusters",
        ),
        pytest.param({"cluster": ["text", "text"]}, "cluster", "different field names", "at most", id="twice"),
        pytest.param({"cluster": "text"}, "cluster", "not a list", "at most 4", id="a cluster that is no list"),
        pytest.param({"cluster": [7]}, "cluster", "not a list", "at most 4", id="a cluster of numbers"),
        pytest.param({"cluster": ["nowhere"]}, "cluster.nowhere", "no such field", "fields of", id="no such cluster"),
        pytest.param({"cluster": ["rows"]}, "cluster.rows", "does not cluster by", "choose", id="cluster by an array"),
        pytest.param({"cluster": ["size"]}, "cluster.size", "does not cluster by", "choose", id="cluster by a float"),
        pytest.param(
            {"expire_after_days": 0}, "expire_after_days", "not a whole number", "from 1", id="expire at once"
        ),
        pytest.param(
            {"expire_after_days": "800"}, "expire_after_days", "not a whole number", "from 1", id="days in text"
        ),
        pytest.param({"expire_after_days": True}, "expire_after_days", "not a whole number", "from 1", id="days true"),
        pytest.param({"require_partition_filter": "yes"}, "require_partition_filter", "true nor false", "true", id="y"),
        pytest.param({"late_after": None}, "late_after", "missing", "10m", id="no lateness"),
        pytest.param({"late_after": "0d"}, "late_after", "not a duration", "10m", id="lateness of nothing"),
        pytest.param({"late_after": 30}, "late_after", "not a duration", "10m", id="a number without unit"),
        pytest.param({"late_after": "1826d"}, "late_after", "1825 days", "at most 1825d", id="beyond streaming"),
        pytest.param(
            {"late_after": "31d", "expire_after_days": 30},
            "late_after",
            "expire_after_days",
            "at most 30d",
            id="vanishing",
        ),
        pytest.param({"ahead_at_most": None}, "ahead_at_most", "missing", "10m", id="no bound ahead"),
        *(
            pytest.param({"refuse_at_most": text}, "refuse_at_most", "not a percentage", "50%", id=f"share of {text!r}")
            for text in ("0%", "101%", "50", 50, 0.5, "5.5%", "-1%", "half")
        ),
        pytest.param({"ahead_at_most": "366d"}, "ahead_at_most", "beyond a year", "365d", id="too far ahead"),
        pytest.param({"identity": ["nowhere"]}, "identity.nowhere", "no such field", "fields of", id="no such key"),
        pytest.param({"identity": ["size"]}, "identity.size", "not one exact value", "such", id="a float for a key"),
        pytest.param({"identity": ["when"]}, "identity.when", "never null", "such", id="an optional key"),
        pytest.param({"identity": ["rows"]}, "identity.rows", "not one exact value", "such", id="a key of many"),
        pytest.param({"identity": {"id": "check"}}, "identity.fields", "missing", "name fields", id="ids of nothing"),
        pytest.param(
            {"identity": {"fields": ["text"]}}, "identity.id", "missing", "derive, check, trust", id="no rule"
        ),
        pytest.param(
            {"identity": {"fields": ["text"], "id": "guess"}}, "identity.id", "not one of", "check", id="no such rule"
        ),
        pytest.param(
            {"identity": {"fields": ["text"], "ids": "check"}},
            "identity.ids",
            "unknown annotation",
            "fields, id",
            id="ids",
        ),
        pytest.param({"identity": "text"}, "identity", "not a list", "field names", id="a key that is no list"),
        pytest.param({"id_rule": "check"}, "id_rule", "unknown annotation", "identity", id="a name of ours"),
    ],
)
def test_a_wrong_annotation_is_refused(annotations: dict[str, Any], where: str, why: str, remedy: str) -> None:
    fields = [("text", "string"), ("when", ["null", TIMESTAMP]), ("rows", array("int")), ("size", "double")]

    assert_explains(refusal(*fields, **annotations), f"headrace.{where}".rstrip("."), why, remedy)


def test_a_contract_without_annotation_names_the_file_that_may_have_it() -> None:
    message = refusal(make=lambda: parse(contract_json() | {"headrace": None}))

    assert_explains(message, "headrace", "missing", '"late_after": "30d"')
    assert ".v1.headrace.toml beside the file" in message


@pytest.mark.parametrize("annotation", [[], "flights"])
def test_an_annotation_of_another_type_is_refused(annotation: Any) -> None:
    message = refusal(make=lambda: parse(contract_json() | {"headrace": annotation}))

    assert_explains(message, "headrace", "missing, or not a JSON object", '"late_after": "30d"')


@pytest.mark.parametrize(
    ("type_", "where", "why", "remedy"),
    [
        pytest.param(["int", {"type": "int"}], "f", "a union with int twice", "a record with one field", id="twice"),
        pytest.param(
            ["string", ["null", "int"]], "f._value", "a union in a union", "outer one", id="a union in one of several"
        ),
        pytest.param(["int", a_record("R")], "f.R_value", "that has no column", "a field", id="a union with nothing"),
        pytest.param(["null", ["null", "int"]], "f", "a union in a union", "null once", id="a union in a union"),
        pytest.param(["null", "null"], "f", "null twice", '["null", type]', id="nulls"),
        pytest.param([], "f", "a union without a type", '["null", type]', id="no branch"),
        pytest.param(array("null"), "f", "values that have no column", "with a field", id="an array of nulls"),
        pytest.param(array(["null"]), "f", "values that have no column", "with a field", id="an array of [null]"),
        pytest.param(a_map(a_record("R")), "f", "values that have no column", "with a field", id="a map of nothing"),
        pytest.param(
            array(["null", a_record("R")]), "f", "values that have no column", "with a field", id="perhaps nothing"
        ),
        pytest.param(
            {"type": "string", "logicaltype": "uuid"}, "f", "nearly 'logicalType'", "write 'logicalType'", id="typo"
        ),
        pytest.param(array("int") | NONE, "f", "'pii' has no effect here", "on a field", id="astray"),
        pytest.param(
            a_record("R", ("a", "int")) | {"headrace": {}},
            "f",
            "'headrace' has no effect",
            "event's",
            id="inner headrace",
        ),
        pytest.param(a_record("R", ("a", "int"), ("a", "int")), "f.a", "named twice", "rename one", id="twins"),
        pytest.param(a_record("R", ("a b", "int")), "f.fields[0]", "invalid name 'a b'", "letters", id="no name"),
        pytest.param(a_record("R", ("a" * 1025, "int")), "f.fields[0]", "invalid name", "at most", id="a long name"),
        pytest.param(
            a_record("R", ("a", "int", {"aliases": "b"})), "f.a.aliases", "not a list", "a list", id="an alias"
        ),
        pytest.param("integer", "f", "unknown type 'integer'", "boolean, bytes, double", id="an unknown type"),
        pytest.param(7, "f", "has no type", "Avro type", id="a number for a type"),
        pytest.param(None, "f", "has no type", "Avro type", id="no type"),
        pytest.param(a_record("R", ("a", "R")), "f", "R contains itself without end", "optional", id="recursion"),
        pytest.param(
            a_record("R", ("a", ENUM), ("b", ENUM)),
            "f.b",
            "Suit is defined twice",
            '"type": "Suit"',
            id="two definitions",
        ),
        pytest.param(
            {"type": "record", "name": "R", "fields": ["a"]}, "f.fields[0]", "not a JSON object", "name", id="a text"
        ),
        pytest.param(ENUM | {"symbols": []}, "f", "without symbols", "symbols", id="no symbols"),
        pytest.param(ENUM | {"symbols": ["A", "A"]}, "f", "A is listed twice", "once", id="symbols twice"),
        pytest.param(ENUM | {"symbols": [["A"]]}, "f.symbols[0]", "invalid name", "letters", id="a list for a symbol"),
        pytest.param(ENUM | {"symbols": "AB"}, "f", "without symbols", "symbols", id="text for symbols"),
        pytest.param(ENUM | {"default": "SPADES"}, "f", "not one of its symbols", "choose one", id="an enum's default"),
        pytest.param(
            {"type": "fixed", "name": "F", "size": 0},
            "f",
            "not a whole number from 1",
            "such a size",
            id="an empty fixed",
        ),
        pytest.param(
            {"type": "fixed", "name": "F", "size": True},
            "f",
            "not a whole number from 1",
            "such a size",
            id="a size of true",
        ),
        pytest.param(a_decimal(60, 39), "f", "BIGNUMERIC", "38 digits", id="39 digits after the point"),
        pytest.param(a_decimal(4, 5), "f", "BIGNUMERIC", "38 digits", id="a scale beyond the precision"),
        pytest.param(a_decimal(0, 0), "f", "BIGNUMERIC", "38 digits", id="no digits"),
        pytest.param(
            {"type": "bytes", "logicalType": "decimal"}, "f", "without a precision", "whole number", id="no precision"
        ),
        pytest.param(
            a_decimal(38, 9, 15), "f", "15 bytes is too small for 38 digits", "at most 35", id="a small fixed"
        ),
        pytest.param(
            a_record("R", ("a", "other.S")), "f.a", "unknown type", "define the type", id="a type of another file"
        ),
    ],
)
def test_a_type_that_a_row_cannot_hold_is_refused(type_: Any, where: str, why: str, remedy: str) -> None:
    assert_explains(refusal(("f", type_)), where, why, remedy)


@pytest.mark.parametrize(
    ("type_", "default", "where", "remedy"),
    [
        pytest.param("int", "x", "f", "give an int", id="text for an int"),
        pytest.param("int", 2**31, "f", "leave it out", id="an int beyond 32 bits"),
        pytest.param("int", 1.5, "f", "give an int", id="a float for an int"),
        pytest.param("int", None, "f", "give an int", id="null for an int"),
        pytest.param("boolean", 1, "f", "True or False", id="a number for a boolean"),
        pytest.param("string", 1, "f", "give a str", id="a number for text"),
        pytest.param("double", 10**400, "f", "leave it out", id="a number beyond a double"),
        pytest.param(["null", "int"], "null", "f", "give an int", id="the text null"),
        pytest.param(ENUM, "SPADES", "f", "one of CLUBS", id="no symbol"),
        pytest.param(array("int"), [1, "2"], "f[1]", "give an int", id="items"),
        pytest.param(array("int"), {}, "f", "write a list", id="an object for a list"),
        pytest.param(a_map(DATE), {"a": 1, "b": "2026"}, "f.b", "whole number", id="entries"),
        pytest.param(a_record("R", ("a", "int")), {"b": 1}, "f.b", "known are a", id="another field"),
        pytest.param(a_record("R", ("a", "int")), {}, "f.a", "give it a value", id="a field without default"),
        pytest.param(a_record("R", ("a", "int")), 7, "f", "JSON object", id="a number for a record"),
        pytest.param(a_decimal(4, 2), "\u0000\u0000\u0001\u0000\u0000", "f", "round it", id="too many digits"),
        pytest.param(a_decimal(4, 2), 1.5, "f", "text of the characters", id="a number for a decimal"),
        pytest.param("bytes", "\u0100", "f", "text of the characters", id="no byte"),
        pytest.param(DATE, 10**9, "f", "within years", id="a date"),
        pytest.param(TIMESTAMP, 2**63, "f", "within years", id="a moment"),
        pytest.param(TIME, 86_400_000_000, "f", "within", id="a time"),
        pytest.param(UUID, "x", "f", "UUID", id="a uuid"),
    ],
)
def test_a_default_that_does_not_fit_is_refused(type_: Any, default: Any, where: str, remedy: str) -> None:
    message = refusal(("f", type_, {"default": default}))

    assert_explains(message, where, "a default that does not fit its type", remedy)


@pytest.mark.parametrize(
    ("field", "where", "why", "remedy"),
    [
        pytest.param(
            ("f", "string", {"pii": "non"}), "f.pii", "not a JSON object", 'write "none"', id="a misspelt none"
        ),
        pytest.param(("f", "string", {"pii": {"mask": "redact"}}), "f.pii.kind", "missing", "lower-case", id="no kind"),
        pytest.param(("f", "string", {"pii": {"kind": "email"}}), "f.pii.mask", "missing", "redact", id="no mask"),
        pytest.param(("f", "string", pii("hash")), "f.pii.mask", "known values", "tokenise", id="an unknown mask"),
        pytest.param(
            ("f", "string", pii("redact", keep_last=2)),
            "f.pii.keep_last",
            "unknown annotation",
            "remove it",
            id="astray",
        ),
        pytest.param(("f", "string", pii("partial", keep=2)), "f.pii.keep", "'keep'", "keep_first", id="a misspelling"),
        pytest.param(("f", "string", pii("partial")), "f.pii", "keeps nothing", "keep_first", id="nothing kept"),
        pytest.param(
            ("f", "string", pii("partial", keep_last=-1)), "f.pii.keep_last", "not a whole number", "from 1", id="less"
        ),
        pytest.param(("f", DATE, pii("generalise")), "f.pii", "without to", "month, year", id="to what"),
        pytest.param(("f", DATE, pii("generalise", to="week")), "f.pii.to", "known values", "month", id="to a week"),
        pytest.param(
            ("f", "int", pii("generalise", to="bucket")), "f.pii", "without a size", "whole number", id="no size"
        ),
        pytest.param(
            ("f", DATE, pii("generalise", to="month", size=2)), "f.pii", "nothing uses", "remove it", id="a size"
        ),
        pytest.param(
            ("f", "string", pii("generalise", to="month")),
            "f.pii",
            "to month does not fit",
            "redact, tokenise, partial, omit, generalise to network",
            id="text to month",
        ),
        pytest.param(("f", DATE, pii("generalise", to="network")), "f.pii", "not fit", "redact", id="a network"),
        pytest.param(
            ("f", DATE, pii("generalise", to="bucket", size=2)), "f.pii", "does not fit", "redact", id="to bucket"
        ),
        pytest.param(
            ("f", "int", pii("partial", keep_last=2)), "f.pii", "partial does not fit", "redact", id="part of int"
        ),
        pytest.param(("f", a_map("string"), pii("partial", keep_last=2)), "f.pii", "partial", "redact", id="map part"),
        pytest.param(
            ("f", a_map("int"), pii("generalise", to="bucket", size=2)), "f.pii", "fit", "redact", id="map bucket"
        ),
        pytest.param(("f", "double", pii("tokenise")), "f.pii", "tokenise does not", "redact", id="float token"),
        pytest.param(("f", a_record("R", ("a", "int")), pii("tokenise")), "f.pii", "fit", "redact", id="of a record"),
        pytest.param(("f", "string"), "f", "not classified", '"pii": "none"', id="an unclassified field"),
        pytest.param(("f", a_record("R", ("a", "int"))), "f.a", "not classified", "mask", id="a nested one"),
        pytest.param(
            ("f", array(a_record("R", ("a", "int"))), NONE),
            "f.pii",
            "as a whole",
            "on each of its fields",
            id="a record",
        ),
    ],
)
def test_personal_data_is_classified_and_its_mask_fits(field: Any, where: str, why: str, remedy: str) -> None:
    message = refusal(field, ("email", "string", pii("redact")))

    assert_explains(message, where, why, remedy)


@pytest.mark.parametrize(
    ("annotations", "where", "why"),
    [
        pytest.param({"identity": ["email"]}, "headrace.identity.email", "personal", id="in an id"),
        pytest.param({"cluster": ["card"]}, "headrace.cluster.card", "omitted column", id="clustering by no column"),
    ],
)
def test_a_masked_field_is_refused_where_it_would_show_or_is_gone(annotations: Any, where: str, why: str) -> None:
    fields = [("email", "string", pii("tokenise")), ("card", "string", pii("omit"))]

    assert_explains(refusal(*fields, **annotations), where, why, "choose" if "id" in where else "")


def test_a_masked_event_time_is_refused() -> None:
    avro = contract_json(pii=None)
    avro["fields"][-1] |= pii("redact")

    assert_explains(refusal(make=lambda: parse(avro)), "headrace.event_time", "a masked event time", "not personal")


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(("f", "string", NONE), id="declared as none"),
        pytest.param(("f", a_record("R", ("a", "int", NONE))), id="each field of a record"),
        pytest.param(("f", array(a_record("R", ("a", "int"))), pii("redact")), id="a record masked as a whole"),
        pytest.param(("f", array("string"), pii("tokenise")), id="the items of an array"),
        pytest.param(("f", a_map("string"), pii("tokenise")), id="the values of a map"),
        pytest.param(("f", ["null", "long"], pii("generalise", to="bucket", size=10)), id="a bucket"),
        pytest.param(("f", TIMESTAMP, pii("generalise", to="year")), id="a year"),
        pytest.param(("f", ENUM, pii("tokenise")), id="an enum"),
    ],
)
def test_a_classified_subject_is_accepted(field: Any) -> None:
    a_contract(field, ("email", "string", pii("omit")))


@pytest.mark.parametrize("name", ["event_type", "scheduledAt"])
def test_a_subject_without_personal_data_needs_no_classification_and_any_field_name(name: str) -> None:
    a_contract((name, TIMESTAMP), cluster=[name], identity=[name])


def test_the_event_time_may_have_any_name_avro_allows() -> None:
    avro = contract_json()
    avro["headrace"]["event_time"] = avro["fields"][-1]["name"] = "scheduledAt"

    assert parse(avro).options.event_time == FieldTime(("scheduledAt",))


def test_annotations_are_read_into_types() -> None:
    options = a_contract(
        ("text", "string"),
        partition="month",
        cluster=["text"],
        expire_after_days=90,
        require_partition_filter=True,
        late_after="12h",
        refuse_at_most="80%",
        identity=["text", "at"],
    ).options

    assert (options.table, options.event_time, options.partition) == ("things", FieldTime(("at",)), Partition.MONTH)
    assert (options.cluster, options.identity) == (("text",), ("text", "at"))
    assert (options.expire_after_days, options.require_partition_filter) == (90, True)
    assert options.refuse_at_most == 80
    assert (options.late_after, options.ahead_at_most) == (timedelta(hours=12), timedelta(minutes=10))


@pytest.mark.parametrize("rule", IdRule)
def test_an_identity_says_what_becomes_of_ids(rule: IdRule) -> None:
    options = a_contract(("text", "string"), identity={"fields": ["text", "at"], "id": rule}).options

    assert (options.identity, options.id_rule) == (("text", "at"), rule)


def test_ids_are_trusted_where_an_identity_is_a_list() -> None:
    assert a_contract(("text", "string"), identity=["text"]).options.id_rule is IdRule.TRUST


def test_what_is_left_out_has_plain_defaults() -> None:
    options = a_contract().options

    assert (options.partition, options.cluster, options.identity) == (Partition.DAY, (), ())
    assert (options.expire_after_days, options.require_partition_filter) == (None, False)
    assert options.refuse_at_most == 50


def test_a_mask_is_read_with_its_parameters() -> None:
    contract = a_contract(
        ("phone", "string", pii("partial", keep_first=1, keep_last=2)),
        ("points", "int", pii("generalise", to="bucket", size=1000)),
    )

    assert [field.pii for field in contract.record.fields[:2]] == [
        Pii("email", Mask.PARTIAL, keep_first=1, keep_last=2),
        Pii("email", Mask.GENERALISE, to=Generalise.BUCKET, size=1000),
    ]


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("10m", 600), ("12h", 43_200), ("400d", 34_560_000)], ids=str
)
def test_a_duration_has_a_unit(text: str, seconds: int) -> None:
    assert parse_duration(text, "here") == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "10", "m", "-1d", "1.5h", "1w", "10 m", "10m\n", "\u0661m", "9999999d", None, 7])
def test_another_duration_is_refused(text: Any) -> None:
    with pytest.raises(ContractError, match=r"^here: (not a duration|missing); "):
        parse_duration(text, "here")


def test_the_example_of_the_documentation_is_a_contract() -> None:
    page = (ROOT / "docs" / "contracts.md").read_text()
    example = page.partition("```json\n")[2].partition("```")[0]

    assert parse_contract(SchemaRef("parcel_delivered", 1), example).options.table == "deliveries"


def test_the_documentation_names_every_annotation_mask_and_type() -> None:
    page = (ROOT / "docs" / "contracts.md").read_text()

    options = [name for name in TableOptions.__dataclass_fields__ if name not in ("id_rule", "encodings")]
    for name in [*options, *IdRule, *Mask, *Generalise, *Kind]:
        assert f"`{name}`" in page or f'"{name}"' in page, name
