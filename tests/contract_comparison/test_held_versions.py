"""What a service has published of a folder's contracts, whatever it holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from headrace.contract_check.check_folder import Checked, check_contents
from headrace.contract_comparison.held_versions import published_by
from headrace.contract_comparison.schema_versions import HeldSchema
from headrace.contract_publish.revisions import revision_of
from headrace.schemas.compatibility.rules import Rule
from headrace.schemas.registry import read_folder
from tests.support.builders import contract_json
from tests.support.contract_folders import write_contract, write_version

N = ("n", "int")
HOSTILE = ["", "no schema", "[" * 100_000, '"string"', "[]", '{"type": "record"}', '{"a": "\\ud800"}']


def held(*texts: str) -> list[HeldSchema]:
    return [HeldSchema(f"schema {at}", revision_of(str(at), text), text) for at, text in enumerate(texts, 1)]


def checked(folder: Path, there: Mapping[str, list[HeldSchema]]) -> Checked:
    found = read_folder(folder)
    return check_contents(found, published_by(found, lambda subject: there.get(subject, [])), lambda contract: None)


def rules(found: Checked) -> list[tuple[Rule, str]]:
    return [(each.rule, each.path) for each in found.findings]


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_is_held_is_a_finding_and_no_crash(tmp_path: Path, text: str) -> None:
    first = write_version(tmp_path, 1, N).read_text()
    found = checked(tmp_path, {"thing_happened": held(first, text)})
    assert rules(found) == [(Rule.PUBLISHED_VERSION_EDITED, "thing_happened.v1")]
    assert "schema 2 is no version in the folder" in found.findings[0].why


def test_an_edit_of_a_version_that_cannot_be_read_now_is_reported_as_that(tmp_path: Path) -> None:
    first = write_version(tmp_path, 1, N).read_text()
    second = write_version(tmp_path, 2, N).read_text()
    write_version(tmp_path, 2, N, late_after="soon")
    found = checked(tmp_path, {"thing_happened": held(first, second.replace('"int"', '"long"'))})
    assert {each.rule for each in found.findings} == {Rule.CONTRACT_INVALID, Rule.PUBLISHED_VERSION_EDITED}


def test_a_schema_without_annotations_is_compared_with_those_of_the_newest_version(tmp_path: Path) -> None:
    bare = contract_json(N, ("m", "int"))
    annotation = bare.pop("headrace")
    write_contract(tmp_path, 1, bare)
    (tmp_path / "thing_happened.v1.headrace.json").write_text(json.dumps(annotation))
    first = json.dumps(bare)
    bare["fields"][1]["type"] = "string"
    write_contract(tmp_path, 3, bare)
    (tmp_path / "thing_happened.v3.headrace.json").write_text(json.dumps(annotation))
    bare["fields"][1]["type"] = "long"

    found = checked(tmp_path, {"thing_happened": held(first, json.dumps(bare))})

    # the second one takes the next number, and its file is gone
    assert rules(found) == [
        (Rule.PUBLISHED_VERSION_EDITED, "thing_happened.v2"),
        (Rule.TYPE_CHANGED, "thing_happened.v3.m"),
    ]
