"""Findings as text, JSON, JUnit's XML, annotations of GitHub, and SARIF."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final
from xml.etree import ElementTree

from headrace.contract_check.findings import Finding

_DOCS: Final = "https://github.com/headrace/headrace/blob/main/docs/contract-check.md"
_SARIF: Final = "https://json.schemastore.org/sarif-2.1.0.json"


class ReportFormat(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"
    GITHUB = "github"
    SARIF = "sarif"


def report(findings: Sequence[Finding], format_: ReportFormat, folder: str) -> str:
    """Return the findings in a format; *folder* is that of the files, as the caller named it."""
    return _WRITERS[format_](findings, folder)


def _text(findings: Sequence[Finding], folder: str) -> str:
    return "\n".join(f"{folder}/{each.text}" for each in findings)


def _json(findings: Sequence[Finding], folder: str) -> str:
    listed = [{**each._asdict(), "file": f"{folder}/{each.file}"} for each in findings]
    return json.dumps({"findings": listed}, indent=2)


def _junit(findings: Sequence[Finding], folder: str) -> str:
    """One test case for each finding, because a passed check has none."""
    suite = ElementTree.Element("testsuite", name="headrace contracts check", tests=str(max(1, len(findings))))
    broken = 0
    for each in findings:
        place = {
            "classname": each.path,
            "name": str(each.rule),
            "file": f"{folder}/{each.file}",
            "line": str(each.line),
        }
        case = ElementTree.SubElement(suite, "testcase", place)
        if each.waived:
            ElementTree.SubElement(case, "skipped", message=each.waived)
        else:
            broken += 1
            ElementTree.SubElement(case, "failure", message=each.why).text = each.text
    if not findings:
        ElementTree.SubElement(suite, "testcase", classname="contracts", name="all rules")
    suite.set("failures", str(broken))
    return ElementTree.tostring(suite, encoding="unicode")


def _github(findings: Sequence[Finding], folder: str) -> str:
    """Workflow commands: docs.github.com/actions/reference/workflow-commands-for-github-actions."""
    return "\n".join(
        f"::{'notice' if each.waived else 'error'} file={_property(f'{folder}/{each.file}')},line={each.line},"
        f"title={_property(each.rule)}::{_data(f'{each.path}: {each.why}; {each.remedy}')}"
        for each in findings
    )


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _sarif(findings: Sequence[Finding], folder: str) -> str:
    rules = sorted({str(each.rule) for each in findings})
    driver = {
        "name": "headrace contracts check",
        "informationUri": _DOCS,
        "rules": [{"id": rule, "helpUri": f"{_DOCS}#{rule.lower()}"} for rule in rules],
    }
    run = {"tool": {"driver": driver}, "results": [_sarif_result(each, folder) for each in findings]}
    return json.dumps({"$schema": _SARIF, "version": "2.1.0", "runs": [run]}, indent=2)


def _sarif_result(finding: Finding, folder: str) -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": f"{folder}/{finding.file}"},
        "region": {"startLine": finding.line},
    }
    result: dict[str, Any] = {
        "ruleId": str(finding.rule),
        "level": "error",
        "message": {"text": f"{finding.path}: {finding.why}; {finding.remedy}"},
        "locations": [{"physicalLocation": place}],
    }
    if finding.waived:
        result["suppressions"] = [{"kind": "inSource", "justification": finding.waived}]
    return result


_WRITERS: Final[Mapping[ReportFormat, Callable[[Sequence[Finding], str], str]]] = {
    ReportFormat.TEXT: _text,
    ReportFormat.JSON: _json,
    ReportFormat.JUNIT: _junit,
    ReportFormat.GITHUB: _github,
    ReportFormat.SARIF: _sarif,
}
