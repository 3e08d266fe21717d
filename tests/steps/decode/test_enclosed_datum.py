"""An Avro container as a payload: one event, whose schema is that of a version; anything else is refused."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from typing import Any

import fastavro
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from headrace.core.dead_letter import Reason
from headrace.dead_letters.letter_form import form_of
from headrace.schemas.errors import UndecodableError
from headrace.schemas.message_rules.encoding import Body, Encoding
from headrace.schemas.registry import Contract, Registry
from headrace.steps.decode.enclosed_datum import MAX_SCHEMA_BYTES
from headrace.steps.decode.payload_layers import read_header
from tests.steps.decode.test_mapped_messages import NEW, a_message, attributes_contract, refusal, row
from tests.support.builders import MOMENT

CODECS = ["deflate", "bzip2", "xz"]
CONTAINER = Encoding(body=Body.CONTAINER)
SCHEMA: Any = fastavro.parse_schema({"type": "record", "name": "R", "fields": [{"name": "text", "type": "string"}]})


def container_contract(*fields: Any, **annotations: Any) -> Contract:
    return attributes_contract(*fields, encoding="container", **annotations)


def container(schema: Any, *events: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    fastavro.writer(file, schema, events, **options)
    return file.getvalue()


def container_of(contract: Contract, codec: str = "null", **fields: Any) -> bytes:
    return container(json.loads(contract.json), {"at": MOMENT, **fields}, codec=codec)


@pytest.mark.parametrize("codec", ["null", *CODECS])
def test_the_event_in_a_container_is_a_row(codec: str) -> None:
    contract = container_contract(("note", "string"))

    assert row(a_message(container_of(contract, codec, note="n" * 500)), contract)["note"] == "n" * 500


@pytest.mark.parametrize("version", [1, 2])
def test_the_schema_in_the_container_says_the_version(version: int) -> None:
    contracts = container_contract(), container_contract(NEW, version=2)

    found = row(a_message(container_of(contracts[version - 1], more="x")), *contracts)

    assert (found["_schema_version"], found["more"]) == (version, "x" if version == 2 else None)


def test_a_schema_is_known_by_its_parsed_form() -> None:
    contract = container_contract(("note", "string"))
    described = json.loads(contract.json)
    described["doc"], described["owner"] = "Another text", "another team"
    described["fields"][0]["type"] = {"type": "string", "avro.java.string": "String"}

    assert row(a_message(container(described, {"note": "x", "at": MOMENT})), contract)["note"] == "x"


def test_versions_with_equal_schemas_are_told_apart_by_what_the_message_says() -> None:
    rule = {"version": {"attribute": "v"}}
    contracts = container_contract(), container_contract(version=2, envelope=rule)
    data = container_of(contracts[0])

    found = [row(a_message(data, {"v": version}), *contracts)["_schema_version"] for version in "12"]

    assert found == [1, 2]


def test_a_schema_of_no_version_is_refused() -> None:
    contract = container_contract()

    reason, detail = refusal(a_message(container(SCHEMA, {"text": "x"})), contract)

    assert (reason, "add it as a version" in detail) == (Reason.UNKNOWN_SCHEMA, True)


def test_a_schema_of_another_version_than_the_message_says_is_refused() -> None:
    contracts = container_contract(), container_contract(NEW, version=2, envelope={"version": {"attribute": "v"}})

    assert refusal(a_message(container_of(contracts[0]), {"v": "2"}), *contracts) == (
        Reason.UNKNOWN_SCHEMA,
        "the schema in the container is that of v1, and the message says v2",
    )


GOOD = container(SCHEMA, {"text": "a text"})
LARGE: Any = {**SCHEMA, "doc": "d" * MAX_SCHEMA_BYTES}


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"", "not an Avro object file"),
        (b"Obj\x02" + GOOD[4:], "not an Avro object file"),
        (GOOD[:20], "it ends in the middle"),
        (GOOD[:-20], "it ends in the middle"),
        (GOOD[:-1] + b"?", "a block that does not end where it says"),
        (GOOD + b"\0", "it ends in the middle"),
        (container(SCHEMA), "none or several events"),
        (container(SCHEMA, {"text": "1"}, {"text": "2"}), "none or several events"),
        (container(SCHEMA, {"text": "1" * 99}, {"text": "2"}, sync_interval=1), "none or several events"),
        (GOOD.replace(b"\x08null", b"\x08brot"), "an unknown codec; use one of null, deflate"),
        (GOOD.replace(b"avro.schema", b"avro.scheme"), "no Avro schema"),
        (GOOD.replace(b'"record"', b'"rec\xff\xffd"'), "no Avro schema that can be read"),
        (GOOD.replace(b'"record"', b'"recart"'), "no Avro schema that can be read"),
        (container(LARGE, {"text": "1"}), "a schema of more than 262,144 bytes"),
        *(
            (container(SCHEMA, {"text": "1" * (3 * 10**7)}, codec=codec), "of more than 16,777,216 bytes")
            for codec in CODECS
        ),
    ],
)
def test_what_is_no_container_with_one_event_is_refused(data: bytes, detail: str) -> None:
    with pytest.raises(UndecodableError, match=detail):
        read_header(data, CONTAINER)


@given(st.integers(0, len(GOOD) - 1), st.binary(max_size=12))
@example(4, b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f")  # more entries than a file can have
@example(len(GOOD) - 24, b"\x01")  # a length below zero
def test_any_bytes_are_read_or_refused(at: int, change: bytes) -> None:
    with suppress(UndecodableError):
        read_header(GOOD[:at] + change + GOOD[at + len(change) :], CONTAINER)


def test_a_dead_letter_of_a_container_shows_the_event() -> None:
    contract = container_contract(("note", "string"))
    message = a_message(container_of(contract, "deflate", note="x"))

    form = form_of(Registry({contract.ref: contract}), message)

    assert form.is_datum
    assert form.claimed == contract.ref
