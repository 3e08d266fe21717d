"""Findings as SARIF 2.1.0, which code scanning reads: docs.oasis-open.org/sarif/sarif/v2.1.0."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from headrace.contract_check.findings import Finding
from headrace.contract_check.rule_summaries import SUMMARIES
from headrace.schemas.compatibility.rules import Rule

_DOCS: Final = "https://github.com/headrace/headrace/blob/main/docs/contract-check.md"
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_RULES: Final = list(Rule)


def sarif(findings: Sequence[Finding], folder: Path) -> dict[str, Any]:
    """Return the log of one run; *folder* has the files of the findings."""
    driver = {"name": "headrace contracts check", "informationUri": _DOCS, "rules": [_rule(each) for each in _RULES]}
    results = [_result(each, folder) for each in findings]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.value,
        "shortDescription": {"text": SUMMARIES[rule]},
        "helpUri": f"{_DOCS}#{rule.lower()}",
        "defaultConfiguration": {"level": "error"},
    }


def _result(finding: Finding, folder: Path) -> dict[str, Any]:
    file = folder / finding.file
    uri = file.as_uri() if file.is_absolute() else quote(file.as_posix())
    place = {"artifactLocation": {"uri": uri}, "region": {"startLine": finding.line}}
    result: dict[str, Any] = {
        "ruleId": finding.rule.value,
        "ruleIndex": _RULES.index(finding.rule),
        "level": "error",
        "message": {"text": finding.message},
        "locations": [
            {"physicalLocation": place, "logicalLocations": [{"fullyQualifiedName": finding.path, "kind": "member"}]}
        ],
        # lines move, and the finding stays the same one
        "partialFingerprints": {"ruleAndPath/v1": sha256(f"{finding.rule} {finding.path}".encode()).hexdigest()},
    }
    if finding.waived:
        result["suppressions"] = [{"kind": "inSource", "status": "accepted", "justification": finding.waived}]
    return result
