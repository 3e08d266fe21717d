"""The schema that each version becomes, and the versions that a revision is, whatever its definition is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.contract_publish.definitions import Definition, definitions_of
from headrace.contract_publish.revisions import match_revisions, revision_of
from headrace.schemas.registry import read_folder
from tests.support.builders import contract_json
from tests.support.contract_folders import write_contract, write_version

N = ("n", "int")
SIDECAR = """table = "orders"
event_time = "publish_time"
late_after = "30d"
ahead_at_most = "10m"
pii = "none"
revisions = ["f47c8c56"]
[envelope]
kind = "attributes"
id = "message_id"
"""


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = st.sampled_from(["type", "fields", "name", "items", "headrace", "symbols", "default"]) | st.text()
    return st.lists(inner) | st.dictionaries(keys, inner)


def definitions(folder: Path) -> list[Definition]:
    ((_, _, found),) = definitions_of(read_folder(folder))
    return found


def versions_of(text: str, folder: Path) -> list[int]:
    return [*match_revisions(definitions(folder), [revision_of("f47c8c56", text)]).by_version]


def test_a_file_is_its_definition(tmp_path: Path) -> None:
    files = [write_version(tmp_path, number, N) for number in (10, 9)]
    assert [each.text for each in definitions(tmp_path)] == [each.read_text() for each in reversed(files)]


def test_comments_are_blanked(tmp_path: Path) -> None:
    path = write_version(tmp_path, 1, N)
    path.write_text(f"// of the shop\n{path.read_text()}")
    (found,) = definitions(tmp_path)
    assert json.loads(found.text)
    assert "of the shop" not in found.text


def test_annotations_in_a_sidecar_are_not_in_it(tmp_path: Path) -> None:
    text = '{"type": "record",  "name": "Order", "fields": [{"name": "id", "type": "string"}]}\n'
    (tmp_path / "orders.v1.avsc").write_text(text)
    (tmp_path / "orders.v1.headrace.toml").write_text(SIDECAR)
    (found,) = definitions(tmp_path)
    assert (found.text, found.revisions) == (text, ("f47c8c56",))


@pytest.mark.parametrize("has_sidecar", [False, True])
def test_types_of_other_files_are_in_it(tmp_path: Path, has_sidecar: bool) -> None:
    (tmp_path / "shop.Money.avsc").write_text('{"type": "fixed", "name": "shop.Money", "size": 8}')
    contract: dict[str, Any] = contract_json(N, ("price", "shop.Money"))
    if has_sidecar:
        del contract["headrace"]
        contract["fields"][-1].pop("pii", None)
        (tmp_path / "thing_happened.v1.headrace.toml").write_text(SIDECAR)
    write_contract(tmp_path, 1, contract)
    (found,) = definitions(tmp_path)
    assert '"size": 8' in found.text
    assert ("headrace" in found.text) is not has_sidecar


def test_a_revision_is_the_version_with_the_same_json(tmp_path: Path) -> None:
    path = write_version(tmp_path, 1, N, revisions=["f47c8c56"])
    contract = json.loads(path.read_text())
    assert versions_of(json.dumps(contract, sort_keys=True), tmp_path) == [1]
    del contract["headrace"]["revisions"]
    assert versions_of(json.dumps(contract), tmp_path) == [1]
    contract["headrace"]["table"] = "others"
    assert versions_of(json.dumps(contract), tmp_path) == []
    del contract["headrace"]
    assert versions_of(json.dumps(contract | {"doc": "Of another program"}), tmp_path) == [1]
    contract["fields"][0]["type"] = "long"
    assert versions_of(json.dumps(contract), tmp_path) == []


@given(st.text() | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), _nested).map(json.dumps))
def test_any_definition_is_read_without_a_fault(text: str) -> None:
    assert revision_of("f47c8c56", text).id == "f47c8c56"


def test_a_hostile_definition_is_no_version() -> None:
    deep = "[" * 100_000, "[" * 900 + "]" * 900, '{"type":' * 50_000, '{"headrace": {"table": ' * 20_000
    for text in (*deep, '"\\ud800"', "1" * 10_000):
        assert not revision_of("f47c8c56", text).schema
