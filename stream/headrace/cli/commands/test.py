"""``headrace test``: run the cases beside contracts, and print one line for each, with the differences."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from headrace.config.served_contracts import folder_named
from headrace.config.settings import MISSING_CONTRACTS, SettingsError, load_contracts
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
        SettingsError: a folder of contracts is needed, and none is named.
    """
    check_format(format_)
    registries = _Registries(contracts, folder_named(contracts))
    chosen = _cases(paths or [registries.folder_named()], registries, part)
    results = (each.run() for each in chosen)
    failed = _print_lines(results) if format_ == "table" else _print_objects(list(results), format_)
    every = counted(len(chosen), "case")
    say(f"{failed:,} of {every} failed" if failed else f"{every} passed")
    return Exit.FOUND if failed else Exit.DONE


class _Registries:
    """Contracts by their folder, each read once. *flag* overrides the folder of every file, *named* is the setting."""

    def __init__(self, flag: Path | None, named: Path | None) -> None:
        self._flag, self._named = flag, named
        self._loaded: dict[Path, Registry] = {}

    def folder_named(self) -> Path:
        if self._named is None:
            raise SettingsError(MISSING_CONTRACTS)
        return self._named

    def of(self, file: Path) -> Registry:
        """Return the contracts for a file of cases."""
        folder = self._flag or contracts_beside(file) or self.folder_named()
        if folder not in self._loaded:
            self._loaded[folder] = load_contracts(folder)
        return self._loaded[folder]


def _cases(paths: Sequence[Path], registries: _Registries, part: str) -> list[ReadyCase]:
    """Return the chosen cases; all files are checked, whichever cases are chosen."""
    where, files = ", ".join(map(str, paths)), case_files(paths)
    if not files:
        raise CaseFileError(where, "no file of cases", f"name one <subject>{SUFFIXES[0]}, beside its contract")
    every = [case for path in files for case in ready_cases(CaseFile.read(path), registries.of(path))]
    found = [case for case in every if part in case.name]
    if not found:
        raise CaseFileError(where, "no case has this text in its name", "choose another text with --case")
    return found


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
