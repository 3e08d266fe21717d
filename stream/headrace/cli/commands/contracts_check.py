"""``headrace contracts check``: print what contracts break."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from headrace.config.settings import MISSING_CONTRACTS, SettingsError, load_settings
from headrace.contract_check.check_folder import check_folder
from headrace.contract_check.git_state import contracts_at
from headrace.contract_check.reports import ReportFormat, report
from headrace.errors import Exit
from headrace.util.output import say
from headrace.util.terminal_columns import counted


def check_contracts(folder: Path | None, against: str | None, format_: str, profile: str | None) -> int:
    """Check the contracts of a folder, print each finding, and return the exit code.

    Raises:
        SettingsError: no folder is named.
        ContractError: the folder cannot be read, or holds no contract.
        GitStateError: *against* is no commit.
        BadParameter: the format is unknown.
    """
    if format_ not in set(ReportFormat):
        raise typer.BadParameter(f"choose from {', '.join(ReportFormat)}", param_hint="--format")
    settings = load_settings(project="not-asked", contracts=folder, profile=profile)
    if settings.contracts is None:
        raise SettingsError(MISSING_CONTRACTS)
    published = contracts_at(settings.contracts, against) if against else None
    checked = check_folder(settings.contracts, published)
    text = report(checked.findings, ReportFormat(format_), str(settings.contracts))
    if text:
        sys.stdout.write(f"{text}\n")
    broken = sum(not each.waived for each in checked.findings)
    waived = len(checked.findings) - broken
    say(
        f"{counted(checked.versions, 'version')} of {counted(checked.subjects, 'subject')}: "
        f"{counted(broken, 'problem')}{f', {waived} waived' if waived else ''}"
    )
    return Exit.FOUND if broken else Exit.DONE
