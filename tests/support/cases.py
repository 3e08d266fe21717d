"""Cases of contracts, from the text of a file."""

from __future__ import annotations

from pathlib import Path

from headrace.config.yaml_file import YamlFile
from headrace.dev.contract_tests.case_file import CaseFile, CaseFileError, Cases
from headrace.dev.contract_tests.run_cases import CaseResult, ready_cases
from headrace.schemas.registry import Registry
from tests.support.builders import PACKAGE


def run_text(text: str, registry: Registry = PACKAGE) -> list[CaseResult]:
    """The results of the cases in *text*; the file is called c.yaml."""
    yaml = YamlFile.parse("c.yaml", text.encode(), CaseFileError)
    file = CaseFile(Path("c.yaml"), yaml, yaml.check(Cases))
    return [case.run() for case in ready_cases(file, registry)]


def failures_of(text: str, registry: Registry = PACKAGE) -> list[str]:
    """The failures of the one case in *text*."""
    (result,) = run_text(text, registry)
    assert result.passed is not bool(result.failures)
    return [str(each) for each in result.failures]
