"""Messages that other producers wrote: each is read as the value that its producer meant."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headrace.schemas.json_encoding.rules import AVRO_JSON, CONVENTIONS, JsonRules
from headrace.schemas.parse import parse_record
from tests.support.json_reading import KINDS, read_json_as

DATA = Path(__file__).parent / "data"
CORPORA: dict[str, JsonRules] = {
    "jackson": CONVENTIONS["jackson"],
    "go": CONVENTIONS["go"],
    "avro_json": AVRO_JSON,
    "cloudevents": CONVENTIONS["strict"],
}
RECORDS = {
    path.stem: replace(parse_record(json.loads(path.read_text()), path.stem).record, datum=True)
    for path in DATA.glob("*.json")
}
BYTES = ("device", "raw")
TIMES = ("wall_micros", "wall_millis", "opens_at", "closes_at")


def messages(corpus: str) -> list[dict[str, Any]]:
    with (DATA / f"{corpus}.ndjson").open() as lines:
        return [json.loads(line) for line in lines]


def as_expected(fields: dict[str, Any]) -> dict[str, Any]:
    """Bytes in hexadecimal, and times with six digits, as the samples have them."""
    for name in BYTES:
        if name in fields:
            fields[name] = base64.b64decode(fields[name]).hex()
    for name in TIMES:
        if fields.get(name) and "." not in fields[name]:
            fields[name] += ".000000"
    return fields


def lost(expected: dict[str, Any], text: str) -> dict[str, Any]:
    """*expected* without what its producer left out: Jackson's NON_EMPTY drops entries of maps whose text is empty."""
    attributes = {key: value for key, value in expected["attributes"].items() if value or '"attributes"' in text}
    return expected | {"attributes": attributes}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("corpus", CORPORA)
def test_each_message_is_read_as_its_producer_meant_it(kind: str, corpus: str) -> None:
    found = messages(corpus)
    assert len(found) >= 16

    for message in found:
        expected = message["expect"]
        if message["note"] == "NON_EMPTY":
            expected = lost(expected, message["text"])
        read = read_json_as(kind, RECORDS[message["schema"]], CORPORA[corpus], message["text"])
        assert json.dumps(as_expected(read), sort_keys=True) == json.dumps(expected, sort_keys=True)


def test_totals_of_eighteen_digits_would_change_in_a_double() -> None:
    totals = [message["expect"]["total"] for message in messages("jackson")]

    assert sum(repr(float(total)) != total for total in totals) > 30


def test_a_nil_slice_is_refused_unless_the_convention_is_that_of_go() -> None:
    nil = next(message for message in messages("go") if message["note"])

    with pytest.raises(
        ValueError, match=r"^samples: null, and the field is not optional at byte \d+; .*\"null\": \"empty\""
    ):
        read_json_as("fallback", RECORDS[nil["schema"]], CONVENTIONS["jackson"], nil["text"])
