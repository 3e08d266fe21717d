"""Foreign keys are allowed in every object of a schema, and near misses of a key with a meaning are not."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from headrace.schemas.envelope import SchemaRef
from headrace.schemas.errors import ContractError
from headrace.schemas.registry import Contract, parse_contract
from tests.support.builders import TIMESTAMP

# What other programs write into schemas.
# fmt: off
FOREIGN = [
    "order", "aliases", "doc", "java-class", "java-key-class", "java-element", "java-element-class",
    "avro.java.string", "connect.name", "connect.doc", "connect.version", "connect.parameters", "connect.default",
    "connect.index", "connect.type", "io.confluent.connect", "confluent:tags", "sqlType", "sqltype", "description",
    "comment", "comments", "example", "examples", "required", "label", "labels", "title", "displayName", "hasDefault",
    "defaultValue", "default_value", "tags", "tag", "metadata", "meta", "version", "pattern", "minLength",
    "maxLength", "format", "unit", "units", "sensitive", "nullable", "optional", "key", "id", "field-id",
    "element-id", "key-id", "value-id", "adjust-to-utc", "arg.properties", "options", "owner", "source", "schema",
    "scope", "desc", "alias", "docs", "primaryKey", "primary_key", "dataType", "physicalType", "length", "min", "max",
    "minimum", "maximum", "mapping", "path", "column", "columnName", "classification", "gdpr", "privacy", "security",
    "encrypted", "isPii", "is_pii", "piiType", "contains_pii", "pid", "api", "xpath", "custom", "props", "properties",
    "java.type", "jsonType", "since", "deprecated", "visibility", "index", "position", "domain", "notes", "info",
    "extra", "hidden", "readOnly", "uri", "$id", "$schema", "topic", "hash", "names", "types", "supertype",
    "implements", "protocol", "error", "enum-docs", "symbolDescriptions", "physical_type", "logical", "semantic-type",
    "role", "subtype", "display_name",
]
# fmt: on


def whole(place: str, keys: dict[str, Any]) -> dict[str, Any]:
    """A contract with every kind of object, and *keys* in one of them."""

    def more(name: str) -> dict[str, Any]:
        return keys if name == place else {}

    enum = {"type": "enum", "name": "E", "symbols": ["A"], **more("enum")}
    fixed = {"type": "fixed", "name": "F", "size": 4, **more("fixed")}
    record = {
        "type": "record",
        "name": "R",
        "fields": [{"name": "x", "type": "int", **more("field")}],
        **more("record"),
    }
    fields = [
        {"name": "a", "type": {"type": "array", "items": enum, **more("array")}},
        {"name": "b", "type": {"type": "map", "values": fixed, **more("map")}},
        {"name": "c", "type": record},
        {"name": "d", "type": {"type": "string", **more("type")}},
        {"name": "at", "type": TIMESTAMP},
    ]
    headrace = {"table": "things", "event_time": "at", "late_after": "1d", "ahead_at_most": "1m"}
    headrace |= {"encoding": "datum", "pii": "none"}
    return {"type": "record", "name": "T", "headrace": headrace, "fields": fields, **more("event")}


PLACES = ("event", "record", "field", "array", "map", "enum", "fixed", "type")


def parse(avro: dict[str, Any]) -> Contract:
    return parse_contract(SchemaRef("thing_happened", 1), json.dumps(avro))


@pytest.mark.parametrize("place", PLACES)
def test_foreign_keys_are_allowed_everywhere_and_change_nothing(place: str) -> None:
    values: dict[str, Any] = {key: [] if key == "aliases" else "" if key == "doc" else "text" for key in FOREIGN}

    assert parse(whole(place, values)).record == parse(whole("", {})).record


# A misspelling, what was meant, and the objects in which it is one.
EVERYWHERE = [
    *(
        (key, "headrace")
        for key in ("Headrace", "head_race", "headRace", "head-race", "headrce", "haedrace", "HEADRACE")
    ),
    *(
        (key, "pii")
        for key in ("PII", "Pii", "_pii", "p_i_i", "ppii", "piii", "pie", "PIO", "ipi", "pii2", "p11", "P1I")
    ),
]
SOMEWHERE = [
    *((key, "logicalType", "type") for key in ("logicaltype", "logical_type", "logicalTyp", "lgoicalType")),
    *((key, "precision", "type") for key in ("Precision", "precison", "percision", "precisions")),
    *((key, "scale", "fixed") for key in ("Scale", "sclae", "scal", "scales")),
    *((key, "default", "field") for key in ("Default", "deafult", "defualt", "defaults", "defaut", "_default")),
    *((key, "namespace", "record") for key in ("nameSpace", "name_space", "namspace", "namespaces")),
    *((key, "namespace", "enum") for key in ("NameSpace", "namespce")),
    *((key, "default", "enum") for key in ("defalt", "DEFAULT")),
    *((key, "aliases", "field") for key in ("Aliases", "aliasses", "alaises")),
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("key", "meant"), EVERYWHERE)
def test_a_near_miss_of_an_annotation_is_refused_everywhere(place: str, key: str, meant: str) -> None:
    with pytest.raises(ContractError) as raised:
        parse(whole(place, {key: "none"}))

    assert raised.value.why == f"{key!r} is not a key, and nearly {meant!r}"
    assert raised.value.remedy.startswith(f"write {meant!r}")


@pytest.mark.parametrize("key", ["pi", "pic", "pid", "pin", "pip", "pit"])
def test_a_word_of_other_programs_is_a_misspelling_only_with_a_mask(key: str) -> None:
    assert parse(whole("field", {key: "none"})).record == parse(whole("field", {key: {"width": 4}})).record
    with pytest.raises(ContractError, match=f"'{key}' is not a key, and nearly 'pii'"):
        parse(whole("field", {key: {"kind": "email", "mask": "redact"}}))


@pytest.mark.parametrize(("key", "meant", "place"), SOMEWHERE)
def test_a_near_miss_of_a_key_of_avro_is_refused_where_the_key_has_a_meaning(key: str, meant: str, place: str) -> None:
    with pytest.raises(ContractError) as raised:
        parse(whole(place, {key: "x"}))

    assert raised.value.why == f"{key!r} is not a key, and nearly {meant!r}"
    elsewhere = {"array": "map", "map": "array"}.get(place, "array")
    assert parse(whole(elsewhere, {key: "x"})).record, "it has no meaning there, misspelt or not"


@pytest.mark.parametrize(("kind", "key", "misspelt"), [("enum", "symbols", "symbol"), ("array", "items", "item")])
def test_a_misspelling_of_a_key_that_is_missing_is_named(kind: str, key: str, misspelt: str) -> None:
    avro = json.loads(re.sub(rf'"{key}"', f'"{misspelt}"', json.dumps(whole("", {}))))

    with pytest.raises(ContractError, match=f"nearly '{key}'; write '{key}', or"):
        parse(avro)


@pytest.mark.parametrize("place", [each for each in PLACES if each != "field"])
def test_pii_away_from_a_field_is_refused(place: str) -> None:
    with pytest.raises(ContractError, match="'pii' has no effect here; write it on a field"):
        parse(whole(place, {"pii": {"kind": "email", "mask": "redact"}}))


def test_a_very_long_key_takes_no_time() -> None:
    assert parse(whole("field", {"x" * 900_000: 1}))
