"""``headrace contracts check``: print what contracts break."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import typer

from headrace.cli.commands.check_against import published_at
from headrace.cli.commands.contracts_folder import check_expressions, chosen_folder
from headrace.contract_check.check_folder import Checked, check_contents
from headrace.contract_check.published import Published
from headrace.contract_check.reports import ReportFormat, report
from headrace.errors import Exit
from headrace.schemas.registry import read_folder
from headrace.util.output import say
from headrace.util.terminal_columns import counted

_OF_FORGES: Final = (ReportFormat.GITHUB, ReportFormat.SARIF)  # which know files by their path in the repository


def check_contracts(folder: Path | None, against: str | None, format_: str, profile: str | None) -> int:
    """Check the contracts of a folder, print each finding, and return the exit code.

    Raises:
        SettingsError: no folder is named, or no project whose service is asked.
        ContractError: the folder cannot be read, or holds no contract.
        GitStateError, PublishTargetError: *against* is neither a commit nor a service.
        UnreachableError, RegistryError: the service does not answer, or refuses the credentials.
        BadParameter: the format is unknown.
    """
    if format_ not in set(ReportFormat):
        raise typer.BadParameter(f"choose from {', '.join(ReportFormat)}", param_hint="--format")
    chosen = chosen_folder(folder, profile)
    found = read_folder(chosen)
    published = published_at(against, chosen, found, profile) if against is not None else Published()
    checked = check_contents(found, published, check_expressions)
    text = report(checked, ReportFormat(format_), _shown(chosen, ReportFormat(format_)))
    if text:
        sys.stdout.write(f"{text}\n")
    say(_summary(checked))
    return Exit.FOUND if any(not each.waived for each in checked.findings) else Exit.DONE


def _shown(folder: Path, format_: ReportFormat) -> Path:
    """Return a folder as a report names it: within the current one, or for a forge within its repository."""
    path, here = Path(os.path.abspath(folder)), Path.cwd()
    if format_ in _OF_FORGES:
        here = next((each for each in (path, *path.parents) if (each / ".git").exists()), here)
    return path.relative_to(here) if path.is_relative_to(here) else path


def _summary(checked: Checked) -> str:
    waived = sum(bool(each.waived) for each in checked.findings)
    problems = counted(len(checked.findings) - waived, "problem")
    also = f", {waived:,} waived" if waived else ""
    return f"{counted(checked.versions, 'version')} of {counted(checked.subjects, 'subject')}: {problems}{also}"
