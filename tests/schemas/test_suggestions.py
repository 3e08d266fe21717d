"""Suggestions for annotations: the event time, and fields that may be personal; the text that a person confirms."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from headrace.schemas.classification import Generalise, Mask, Pii
from headrace.schemas.errors import ContractError
from headrace.schemas.parse import parse_record
from headrace.schemas.registry import Registry
from headrace.schemas.sidecar_text import sidecar_text
from headrace.schemas.suggestions import suggest_event_time, suggest_fields, words_of
from tests.support.builders import TIMESTAMP, a_record

DATE = {"type": "int", "logicalType": "date"}
LOCAL = {"type": "long", "logicalType": "local-timestamp-micros"}


def schema(*fields: Any) -> dict[str, Any]:
    return a_record("OrderPlaced", *fields)


def suggested(*fields: Any) -> dict[str, Pii | None]:
    avro = schema(*fields)
    return {each.path: each.pii for each in suggest_fields(parse_record(avro, "test").record, avro)}


def time_of(*fields: Any) -> Any:
    return suggest_event_time(parse_record(schema(*fields), "test").record).rule


@pytest.mark.parametrize(
    ("name", "type_", "expected"),
    [
        ("email", "string", Pii("email", Mask.TOKENISE)),
        ("contactEMail", ["null", "string"], Pii("email", Mask.TOKENISE)),
        ("phone_number", "string", Pii("phone", Mask.PARTIAL, keep_last=2)),
        ("phone_number", "long", Pii("phone", Mask.REDACT)),
        ("ip", "string", Pii("ip", Mask.GENERALISE, to=Generalise.NETWORK)),
        ("ip", "bytes", Pii("ip", Mask.REDACT)),
        ("birthDate", DATE, Pii("birth", Mask.GENERALISE, to=Generalise.YEAR)),
        ("date_of_birth", "string", Pii("birth", Mask.REDACT)),
        ("first_name", "string", Pii("name", Mask.REDACT)),
        ("telephone", "string", Pii("phone", Mask.PARTIAL, keep_last=2)),
        ("homeTel", "string", Pii("phone", Mask.PARTIAL, keep_last=2)),
        ("fax", "string", Pii("phone", Mask.PARTIAL, keep_last=2)),
        ("credit_card", "string", Pii("account", Mask.TOKENISE)),
        ("customerTaxId", "string", Pii("identity_document", Mask.TOKENISE)),
        ("tax", "double", None),
        ("hotel", "string", None),
        ("name", "string", None),
        ("shipment", "string", None),
        ("recipe", "string", None),
        ("total", "double", None),
    ],
)
def test_a_name_that_is_likely_personal_gets_a_mask_that_fits(name: str, type_: Any, expected: Pii | None) -> None:
    assert suggested((name, type_)) == {name: expected}


def test_fields_in_records_lists_and_maps_are_found_and_so_are_tags() -> None:
    tagged = {"name": "note", "type": "string", "confluent:tags": ["PII"]}
    inner = a_record("Inner", ("email", "string"), tagged)

    found = suggested(("one", ["null", inner]), ("many", {"type": "array", "items": "Inner"}), ("more", "int"))

    assert found["one.email"] == found["many.email"] == Pii("email", Mask.TOKENISE)
    assert (found["one.note"], found["more"]) == (Pii("personal", Mask.REDACT), None)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ([("updated", TIMESTAMP), ("placed_at", TIMESTAMP)], "placed_at"),
        ([("meta", a_record("M", ("event_time", TIMESTAMP))), ("a", TIMESTAMP)], "meta.event_time"),
        ([("at", ["null", TIMESTAMP])], {"field": "at", "fallback": "publish_time"}),
        ([("placed_at", ["null", TIMESTAMP]), ("other", TIMESTAMP)], "other"),
        ([("at", LOCAL)], {"field": "at", "zone": "UTC"}),
        ([("created_at", "long"), ("count", "long")], {"field": "created_at", "unit": "millis"}),
        ([("count", "long"), ("tags", {"type": "array", "items": TIMESTAMP})], "publish_time"),
    ],
    ids=str,
)
def test_the_likeliest_event_time_is_suggested(fields: list[Any], rule: Any) -> None:
    assert time_of(*fields) == rule


def test_words_of_names() -> None:
    assert words_of("HTTPStatus_code2") == ["http", "status", "code", "2"]


@pytest.mark.parametrize("confirmed", [False, True])
def test_a_sidecar_is_a_contract_once_its_suggestions_are_confirmed(tmp_path: Path, confirmed: bool) -> None:
    avro = schema(("email", "string"), ("more", "int"), ("at", TIMESTAMP))
    record = parse_record(avro, "test").record
    more = {"encoding": "confluent", "envelope": {"kind": "attributes", "id": "message_id"}, "schema_ids": [7]}
    text = sidecar_text("orders", suggest_event_time(record), suggest_fields(record, avro), more, confirmed)
    (tmp_path / "order_placed.v1.avsc").write_text(json.dumps(avro))
    (tmp_path / "order_placed.v1.headrace.toml").write_text(text)

    if not confirmed:
        with pytest.raises(ContractError, match="more: not classified"):
            Registry.load(tmp_path)
        text = re.sub(r'^# (?=")', "", text, flags=re.MULTILINE)
        (tmp_path / "order_placed.v1.headrace.toml").write_text(text)
    contract = Registry.load(tmp_path).latest("order_placed")

    assert contract.options.table == "orders"
    assert contract.record.fields[0].mask == Pii("email", Mask.TOKENISE)


@pytest.mark.parametrize(
    ("type_", "listed"),
    [
        ([a_record("A", ("x", "int")), a_record("B", ("y", "int"))], ["f.A_value.x", "f.B_value.y"]),
        (["string", a_record("B", ("y", "int"))], ["f.string_value", "f.B_value.y"]),
        (["string", "long"], ["f.string_value", "f.long_value"]),
    ],
)
def test_a_union_is_classified_by_its_types(type_: Any, listed: list[str]) -> None:
    found = suggested(("f", ["null", *type_]))

    assert [path for path in found if path != "at"] == listed


def test_every_line_of_a_first_sidecar_may_be_confirmed(tmp_path: Path) -> None:
    types = [["null", "string", a_record("A", ("x", "int"))], ["string", "long"], [a_record("B", ("y", "int")), "null"]]
    avro = schema(*((f"f{place}", type_) for place, type_ in enumerate(types)), ("at", TIMESTAMP))
    record = parse_record(avro, "test").record
    text = sidecar_text("orders", suggest_event_time(record), suggest_fields(record, avro), {}, confirmed=True)
    (tmp_path / "order_placed.v1.avsc").write_text(json.dumps(avro))
    (tmp_path / "order_placed.v1.headrace.toml").write_text(text)

    assert Registry.load(tmp_path).subjects == ("order_placed",)
