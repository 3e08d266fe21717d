"""Findings as text, JSON, JUnit's XML, and annotations of GitHub."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from headrace.contract_check.check_folder import Checked
from headrace.contract_check.findings import Finding
from headrace.contract_check.sarif import sarif
from headrace.util.output import SCHEMA_VERSION, json_text
from headrace.util.terminal_columns import limited, width, wrapped

_INDENT: Final = "  "


class ReportFormat(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"
    GITHUB = "github"
    SARIF = "sarif"


def report(checked: Checked, format_: ReportFormat, folder: Path) -> str:
    """Return the findings in a format, which is empty if there is nothing to say; *folder* has their files."""
    return _WRITERS[format_](checked, folder)


def _text(checked: Checked, folder: Path) -> str:
    return "\n".join(line for each in checked.findings for line in _text_lines(each, folder))


def _text_lines(finding: Finding, folder: Path) -> Iterator[str]:
    """Yield one line for each finding; on a terminal, it is wrapped."""
    waived = f" (waived: {finding.waived})" if finding.waived else ""
    line = f"{folder / finding.file}:{finding.line}: {finding.rule}: {finding.message}{waived}"
    if not limited():
        yield line
        return
    first, *others = wrapped(line, width())
    yield first
    rest = line[len(first) :].lstrip()
    yield from (f"{_INDENT}{each}" for each in wrapped(rest, width() - len(_INDENT)) if others)


def _json(checked: Checked, folder: Path) -> str:
    listed = [{**each._asdict(), "file": str(folder / each.file)} for each in checked.findings]
    counts = {"subjects": checked.subjects, "versions": checked.versions, **_counts(checked)}
    return json_text({"schema_version": SCHEMA_VERSION, **counts, "findings": listed})


def _counts(checked: Checked) -> dict[str, int]:
    waived = sum(bool(each.waived) for each in checked.findings)
    return {"broken": len(checked.findings) - waived, "waived": waived}


def _junit(checked: Checked, folder: Path) -> str:
    """Return one test case for each finding, or one that passes if nothing was found."""
    counts = _counts(checked)
    total = {"tests": str(max(1, len(checked.findings))), "failures": str(counts["broken"]), "errors": "0"}
    suites = ElementTree.Element("testsuites", total)
    name = {"name": "headrace contracts check", "skipped": str(counts["waived"])}
    suite = ElementTree.SubElement(suites, "testsuite", name | total)
    for each in checked.findings:
        place = {"file": str(folder / each.file), "line": str(each.line)}
        case = ElementTree.SubElement(suite, "testcase", {"classname": each.path, "name": each.rule.value} | place)
        if each.waived:
            ElementTree.SubElement(case, "skipped", message=each.waived)
        else:
            text = f"{folder / each.file}:{each.line}: {each.message}"
            ElementTree.SubElement(case, "failure", message=each.why, type=each.rule.value).text = text
    if not checked.findings:
        ElementTree.SubElement(suite, "testcase", classname="contracts", name="all rules")
    document: bytes = ElementTree.tostring(suites, encoding="us-ascii", xml_declaration=True)
    return document.decode()


def _github(checked: Checked, folder: Path) -> str:
    """Workflow commands: docs.github.com/actions/reference/workflow-commands-for-github-actions."""
    return "\n".join(
        f"::{'notice' if each.waived else 'error'} file={_property(str(folder / each.file))},line={each.line},"
        f"title={_property(each.rule)}::{_data(_note(each))}"
        for each in checked.findings
    )


def _note(finding: Finding) -> str:
    """Return the text of an annotation; a waived finding needs no remedy."""
    return f"{finding.path}: {finding.why} (waived: {finding.waived})" if finding.waived else finding.message


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _sarif(checked: Checked, folder: Path) -> str:
    return json_text(sarif(checked.findings, folder))


_WRITERS: Final[Mapping[ReportFormat, Callable[[Checked, Path], str]]] = {
    ReportFormat.TEXT: _text,
    ReportFormat.JSON: _json,
    ReportFormat.JUNIT: _junit,
    ReportFormat.GITHUB: _github,
    ReportFormat.SARIF: _sarif,
}
