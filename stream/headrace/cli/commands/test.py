"""``headrace test``: run the cases beside contracts, and print one line for each, with the differences."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from headrace.config.served_contracts import folder_named
from headrace.config.settings import load_contracts
from headrace.dev.contract_tests.case_file import CaseFile, CaseFileError
from headrace.dev.contract_tests.find_cases import SUFFIXES, case_files, contracts_beside
from headrace.dev.contract_tests.run_cases import CaseResult, ReadyCase, ready_cases
from headrace.errors import Exit
from headrace.schemas.registry import Registry
from headrace.util.output import check_format, say, show
from headrace.util.terminal_columns import counted
from headrace.util.terminal_safe import safe


def run_cases(paths: Sequence[Path], contracts: Path | None, part: str, format_: str) -> Exit:
    """Run the cases of *paths* whose name contains *part*, and print their results.

    Raises:
        CaseFileError: no case is found, or a file is invalid; then no case has run.
        ContractError: a contract is invalid.
        SettingsError: *paths* is empty, and no folder of contracts is named.
    """
    check_format(format_)
    chosen = _cases(list(paths) or [folder_named(contracts)], contracts, part)
    results = (each.run() for each in chosen)
    failed = _print_lines(results) if format_ == "table" else _print_objects(list(results), format_)
    say(
        f"{counted(len(chosen), 'case')} passed"
        if not failed
        else f"{failed:,} of {counted(len(chosen), 'case')} failed"
    )
    return Exit.FOUND if failed else Exit.DONE


def _cases(paths: Sequence[Path], contracts: Path | None, part: str) -> list[ReadyCase]:
    """Return the chosen cases; all files are checked, whichever cases are chosen."""
    files = case_files(paths)
    where = ", ".join(map(str, paths))
    if not files:
        raise CaseFileError(where, "no file of cases", f"name one <subject>{SUFFIXES[0]}, beside its contract")
    registries: dict[Path, Registry] = {}
    every = [case for path in files for case in _cases_of(path, contracts, registries)]
    found = [case for case in every if part in case.name]
    if not found:
        raise CaseFileError(where, "no case has this text in its name", "choose another text with --case")
    return found


def _cases_of(path: Path, contracts: Path | None, registries: dict[Path, Registry]) -> list[ReadyCase]:
    file = CaseFile.read(path)
    folder = contracts or contracts_beside(path) or folder_named(None)
    if folder not in registries:
        registries[folder] = load_contracts(folder)
    return ready_cases(file, registries[folder])


def _print_lines(results: Iterator[CaseResult]) -> int:
    """Print each result as soon as it is there; return the number of failed cases."""
    failed = 0
    for path, group in groupby(results, key=lambda result: result.path):
        sys.stdout.write(f"{safe(str(path))}\n")
        for result in group:
            failed += not result.passed
            for line in _lines(result):
                sys.stdout.write(f"  {safe(line)}\n")
            sys.stdout.flush()
    return failed


def _lines(result: CaseResult) -> Iterator[str]:
    if result.passed:
        yield f"passed  {result.name}"
        return
    yield f"FAILED  {result.name} (line {result.line})"
    yield from (f"          {failure}" for failure in result.failures)


def _print_objects(results: Sequence[CaseResult], format_: str) -> int:
    failed = sum(not result.passed for result in results)
    cases = [_as_dict(result) for result in results]
    show("cases", cases, format_, passed=len(results) - failed, failed=failed)
    return failed


def _as_dict(result: CaseResult) -> Mapping[str, Any]:
    return {
        "file": str(result.path),
        "line": result.line,
        "subject": result.subject,
        "case": result.name,
        "passed": result.passed,
        "failures": [
            {"where": failure.where, "expected": failure.expected, "got": failure.got} for failure in result.failures
        ],
    }
