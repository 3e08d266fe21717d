"""Findings in each format: what a forge, a viewer of test results and a code scanner make of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.contract_check.check_folder import Checked
from headrace.contract_check.findings import Finding
from headrace.contract_check.reports import ReportFormat, report
from headrace.contract_check.rule_summaries import SUMMARIES
from headrace.schemas.compatibility.rules import Rule
from tests.support.strategies import FIXED_PROFILE

FOLDER = Path("contracts")
BROKEN = Finding(Rule.FIELD_REMOVED, "a.v2.avsc", 7, "a.v2.m", "against v1: it is gone", "keep it")
WAIVED = Finding(Rule.TABLE_CHANGED, "a.v2.avsc", 3, "a.v2.headrace.table", "another table", "keep it", "archived")
HOSTILE = Finding(
    Rule.TYPE_CHANGED, "a,b:c%.avsc", 1, "a.v2.x::error::", "100% <b>&\"'\r\n::stop-commands::t", "]]> ; keep\x00 it"
)
FINDINGS = st.builds(
    Finding,
    st.sampled_from(Rule),
    st.text(min_size=1),
    st.integers(1, 10**6),
    st.text(),
    st.text(),
    st.text(),
    st.text(),
)


def said(format_: ReportFormat, *findings: Finding, folder: Path = FOLDER) -> str:
    return report(Checked(list(findings), subjects=1, versions=2), format_, folder)


def test_text_has_one_line_for_each_finding_as_compilers_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert said(ReportFormat.TEXT) == ""
    assert said(ReportFormat.TEXT, BROKEN, WAIVED).split("\n") == [
        "contracts/a.v2.avsc:7: FIELD_REMOVED: a.v2.m: against v1: it is gone; keep it",
        "contracts/a.v2.avsc:3: TABLE_CHANGED: a.v2.headrace.table: another table; keep it (waived: archived)",
    ]


def test_text_is_wrapped_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    lines = said(ReportFormat.TEXT, WAIVED).split("\n")

    assert lines == [
        "contracts/a.v2.avsc:3: TABLE_CHANGED: a.v2.headrace.table:",
        "  another table; keep it (waived: archived)",
    ]
    assert "\n" not in said(ReportFormat.TEXT, BROKEN._replace(why="gone"))


def test_json_is_one_object_on_one_line() -> None:
    text = said(ReportFormat.JSON, BROKEN, WAIVED)

    assert "\n" not in text
    assert json.loads(text) == {
        "schema_version": 1,
        "subjects": 1,
        "versions": 2,
        "broken": 1,
        "waived": 1,
        "findings": [{**each._asdict(), "file": f"contracts/{each.file}"} for each in (BROKEN, WAIVED)],
    }
    assert json.loads(said(ReportFormat.JSON))["findings"] == []


def test_junit_counts_what_is_broken_and_what_is_waived() -> None:
    (suite,) = ElementTree.fromstring(said(ReportFormat.JUNIT, BROKEN, WAIVED, HOSTILE._replace(remedy="keep it")))

    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "3",
        "failures": "2",
        "errors": "0",
        "skipped": "1",
    }
    first, waived, hostile = suite
    assert (first.get("classname"), first.get("name"), first.get("line")) == ("a.v2.m", "FIELD_REMOVED", "7")
    assert [each.tag for each in (*first, *waived, *hostile)] == ["failure", "skipped", "failure"]
    assert first[0].get("message") == "against v1: it is gone"
    (passed,) = ElementTree.fromstring(said(ReportFormat.JUNIT))
    assert (passed.get("tests"), len(passed), len(passed[0])) == ("1", 1, 0)


def test_annotations_of_github_are_one_command_for_each_finding() -> None:
    assert said(ReportFormat.GITHUB, BROKEN, WAIVED).split("\n") == [
        "::error file=contracts/a.v2.avsc,line=7,title=FIELD_REMOVED::a.v2.m: against v1: it is gone; keep it",
        "::notice file=contracts/a.v2.avsc,line=3,title=TABLE_CHANGED::"
        "a.v2.headrace.table: another table (waived: archived)",
    ]


def test_no_text_of_a_contract_is_a_command_of_github() -> None:
    (line,) = said(ReportFormat.GITHUB, HOSTILE).splitlines()
    command, properties, message = re.fullmatch(r"::(\w+) ([^:]*)::(.*)", line).groups()  # type: ignore[union-attr]

    assert command == "error"
    assert dict(each.split("=") for each in properties.split(","))["file"] == "contracts/a%2Cb%3Ac%25.avsc"
    assert message.startswith("a.v2.x::error::: 100%25 <b>&")
    assert "%0D%0A::stop-commands::" in message


@given(findings=st.lists(FINDINGS, max_size=3))
@FIXED_PROFILE
def test_any_text_is_one_command_and_reads_as_it_was(findings: list[Finding]) -> None:
    lines = said(ReportFormat.GITHUB, *findings).split("\n") if findings else []

    assert len(lines) == len(findings)
    for line, each in zip(lines, findings, strict=True):
        assert "\r" not in line
        found = re.fullmatch(r"::(?:error|notice) file=([^,:]*),line=(\d+),title=(\w+)::(.*)", line, re.DOTALL)
        assert found
        waived = f"{each.path}: {each.why} (waived: {each.waived})"
        assert unquote(found[4]) == (waived if each.waived else each.message)
        assert int(found[2]) == each.line


def test_sarif_names_rules_places_and_waivers() -> None:
    log = json.loads(said(ReportFormat.SARIF, BROKEN, WAIVED, HOSTILE))
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]

    assert log["version"] == "2.1.0"
    assert [each["id"] for each in rules] == [*Rule] == [*SUMMARIES]
    for result, finding in zip(run["results"], (BROKEN, WAIVED, HOSTILE), strict=True):
        (place,) = result["locations"]
        physical = place["physicalLocation"]
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == finding.rule
        assert unquote(physical["artifactLocation"]["uri"]) == f"contracts/{finding.file}"
        assert physical["region"] == {"startLine": finding.line}
        assert result["message"]["text"] == finding.message
    assert [each.get("suppressions", [{}])[0].get("justification") for each in run["results"]] == [
        *(None, "archived", None)
    ]


def test_sarif_finds_the_same_place_again_when_lines_move() -> None:
    (one, other, third) = (
        json.loads(said(ReportFormat.SARIF, each))["runs"][0]["results"][0]["partialFingerprints"]
        for each in (BROKEN, BROKEN._replace(line=70, why="it was gone"), BROKEN._replace(path="a.v2.k"))
    )
    assert one == other != third


def test_sarif_names_files_outside_of_the_repository_by_their_url() -> None:
    (result,) = json.loads(said(ReportFormat.SARIF, BROKEN, folder=Path("/srv/my contracts")))["runs"][0]["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "file:///srv/my%20contracts/a.v2.avsc"
