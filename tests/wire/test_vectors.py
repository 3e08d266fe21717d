"""The test vectors of ``docs/wire.md``: the file is what the tool makes, and another Avro library reads the same."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any
from uuid import uuid5

import pytest
from zstandard import ZstdDecompressor

from headrace.core.dead_letter import Reason
from headrace.schemas.identity import NAMESPACE
from headrace.schemas.times import read_instant
from tests.support.paths import ROOT
from tests.wire.avro_oracle import as_row, read, written
from tests.wire.contracts import schema_of
from tests.wire.messages import payload_of
from tests.wire.vectors import FILE, text

FOUND: dict[str, Any] = json.loads(FILE.read_text())
VECTORS: list[dict[str, Any]] = FOUND["vectors"]
NAMED = {each["name"]: each for each in VECTORS}
READABLE = [each for each in VECTORS if "row" in each or "duplicate_of" in each]
PAGE = (ROOT / "docs/wire.md").read_text()


def named(vectors: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(each, id=each["name"]) for each in vectors]


def row_of(vector: dict[str, Any]) -> dict[str, Any]:
    return dict(vector["row"] if "row" in vector else NAMED[vector["duplicate_of"]]["row"])


def test_the_file_is_what_the_tool_makes() -> None:
    assert FILE.read_text() == text(), "run python -m tests.wire.vectors --write"


def test_each_vector_has_a_name_of_its_own_and_one_outcome() -> None:
    assert [name for name, count in Counter(each["name"] for each in VECTORS).items() if count > 1] == []
    assert {len({"row", "duplicate_of", "dead_letter"} & each.keys()) for each in VECTORS} == {1}
    assert {each["dead_letter"] for each in VECTORS if "dead_letter" in each} <= set(Reason)
    assert [each["name"] for each in VECTORS if "dead_letter" in each and not each["detail"]] == []


def test_a_vector_that_repeats_another_comes_after_it() -> None:
    places = {each["name"]: place for place, each in enumerate(VECTORS)}
    for place, each in enumerate(VECTORS):
        first = each.get("duplicate_of") or each.get("conflicts_with")
        if first is not None:
            assert places[first] < place
            assert "row" in NAMED[first]
            assert NAMED[first]["attributes"]["ce-id"] == each["attributes"]["ce-id"]


def test_the_page_describes_every_key_of_a_vector() -> None:
    section = PAGE.partition("## Test vectors")[2].partition("\n## ")[0]
    described = set(re.findall(r"`(\w+)`", section))
    assert {key for each in VECTORS for key in each} <= described
    assert {key for each in FOUND["contracts"] for key in each} <= described


@pytest.mark.parametrize("vector", named(READABLE))
def test_fastavro_reads_the_values_of_the_row(vector: dict[str, Any]) -> None:
    schema, payload = schema_of(vector["subject"], vector["version"]), payload_of(vector)
    if vector["attributes"].get("content-encoding") == "zstd":
        payload = ZstdDecompressor().decompress(payload)

    value, length = read(schema, payload)

    assert length == len(payload)
    found, expected = as_row(schema, value), row_of(vector)
    for given in (found, expected):  # the order of entries, and the case of a UUID, do not count
        given.update({name: sorted(map(json.dumps, given[name])) for name in ("labels",) if name in given})
    assert json.dumps(found, sort_keys=True) == json.dumps({name: expected[name] for name in found}, sort_keys=True)


@pytest.mark.parametrize("vector", named([each for each in READABLE if "any_encoding" not in each]))
def test_fastavro_writes_the_same_bytes(vector: dict[str, Any]) -> None:
    schema, payload = schema_of(vector["subject"], vector["version"]), payload_of(vector)

    value, _ = read(schema, payload)

    assert written(schema, value).hex() == payload.hex()


def test_a_derived_id_is_the_uuid_of_its_name() -> None:
    derived = [each for each in VECTORS if "id_name" in each]
    assert len(derived) > 10
    for each in derived:
        assert each["attributes"]["ce-id"] == str(uuid5(NAMESPACE, each["id_name"])), each["name"]
        assert json.loads(each["id_name"])[0] == each["subject"]


def test_the_table_of_times_says_what_the_reader_does() -> None:
    section = PAGE.partition("## `ce-time`")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `2") or line.startswith("| `1")]
    assert len(lines) == 8
    for line in lines:
        times, meaning = line.strip("| ").split(" | ", 1)
        for each in re.findall(r"`([^`]+)`", times):
            assert_readable(each, not meaning.startswith("refused"))


def assert_readable(time: str, is_readable: bool) -> None:
    try:
        read_instant(time)
    except ValueError:
        assert not is_readable, time
    else:
        assert is_readable, time
