"""``headrace contracts list``, ``show`` and ``diff``: print contracts as people read them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from headrace.cli.commands.contracts_folder import chosen_folder
from headrace.contract_check.git_state import contracts_at
from headrace.contract_view.choose_versions import choose_versions
from headrace.contract_view.diff_contracts import diff_contracts
from headrace.contract_view.diff_lines import diff_json, diff_lines
from headrace.contract_view.show_contract import contract_json, contract_lines
from headrace.contract_view.subjects import Subject, listed, subject_named, subjects_of
from headrace.schemas.registry import read_folder
from headrace.util.output import SCHEMA_VERSION, check_format, print_json, say, show
from headrace.util.terminal_columns import counted


def list_contracts(folder: Path | None, profile: str | None, format_: str) -> None:
    """Print each subject of a folder on one line.

    Raises:
        SettingsError: no folder is named.
        ContractError: the folder cannot be read, or holds no contract.
    """
    check_format(format_)
    subjects = _subjects(chosen_folder(folder, profile))
    show("subjects", [listed(each) for each in subjects.values()], format_)
    refused = sum(each.refused is not None for each in subjects.values())
    say(f"{counted(len(subjects), 'subject')}, {refused:,} refused")


def show_contract(subject: str, version: int | None, folder: Path | None, profile: str | None, format_: str) -> None:
    """Print one version of a subject, the newest one without *version*.

    Raises:
        SettingsError: no folder is named.
        ContractError: the folder cannot be read, or the version is refused.
        UnknownSchemaError: there is no such subject or version.
    """
    check_format(format_)
    found = subject_named(_subjects(chosen_folder(folder, profile, by_option=True)), subject)
    contract = found.version(version)
    _print(format_, contract_json(found, contract), contract_lines(found, contract))


def diff_versions(
    subject: str,
    old: int | None,
    new: int | None,
    against: str | None,
    folder: Path | None,
    profile: str | None,
    format_: str,
) -> None:
    """Print what changes between two versions of a subject; with *against*, the older one is that of a commit.

    Raises:
        SettingsError: no folder is named.
        ContractError: the folder cannot be read, or a version is refused.
        UnknownSchemaError: there is no such subject or version.
        GitStateError: *against* is no commit.
        NothingToCompareError: the versions are not an older one and a newer one.
    """
    check_format(format_)
    chosen = chosen_folder(folder, profile, by_option=True)
    here = subject_named(_subjects(chosen), subject)
    published = subject_named(subjects_of(contracts_at(chosen, against)), subject) if against is not None else None
    chosen_versions = choose_versions(here, published, old, new)
    older, newer = chosen_versions.old, chosen_versions.new
    diff = diff_contracts(older, newer, chosen_versions.before, chosen_versions.after)
    at = f" of {against}" if against else ""
    lines = diff_lines(diff, f"v{older.ref.version}{at}", f"v{newer.ref.version}")
    _print(format_, diff_json(diff), lines)


def _subjects(folder: Path) -> dict[str, Subject]:
    return subjects_of(read_folder(folder))


def _print(format_: str, value: dict[str, Any], lines: Iterable[str]) -> None:
    if format_ == "table":
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    else:
        print_json({"schema_version": SCHEMA_VERSION, **value})
