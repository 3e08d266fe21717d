"""``headrace contracts codegen``: write Python classes of events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import typer

from headrace.cli.commands.contracts_folder import chosen_folder
from headrace.cli.commands.generated_files import generated_files, write_files
from headrace.contract_code.event_module import MARK, event_module
from headrace.contract_code.python_names import module_name
from headrace.contract_view.subjects import Subject, subject_named, subjects_of
from headrace.errors import Exit
from headrace.schemas.registry import Contract, read_folder
from headrace.util.output import check_format

_SUFFIX: Final = ".py"


def write_classes(
    folder: Path | None,
    subjects: Sequence[str],
    output: Path,
    version: int | None,
    check: bool,
    profile: str | None,
    format_: str,
) -> Exit:
    """Write a module for each of *subjects*, without any for each subject of the folder, and return the exit code.

    *output* is the folder of the modules, or the file of one. With *check*, write nothing.

    Raises:
        SettingsError: no folder is named.
        ContractError: the folder cannot be read, or a contract is refused.
        UnknownSchemaError: there is no such subject or version.
        BadParameter: one file or one version is asked for, and there are several subjects.
    """
    check_format(format_)
    there = subjects_of(read_folder(chosen_folder(folder, profile)))
    chosen = [subject_named(there, each) for each in dict.fromkeys(subjects)] or [*there.values()]
    one_file = output.suffix == _SUFFIX
    if len(chosen) > 1 and (one_file or version is not None):
        what = "a file holds the classes of one subject" if one_file else "subjects have versions of their own"
        raise typer.BadParameter(f"{what}; name one SUBJECT", param_hint="--output" if one_file else "--version")
    texts = {
        output if one_file else output / f"{module_name(each.name)}{_SUFFIX}": event_module(_version(each, version))
        for each in chosen
    }
    is_whole = not subjects and not one_file
    left_over = [each for each in generated_files(output, _SUFFIX, MARK) if each not in texts] if is_whole else []
    return write_files(texts, left_over, check, format_)


def _version(subject: Subject, number: int | None) -> Contract:
    """Return the version to write; raises ContractError if the subject is refused, as the SDK refuses it."""
    if subject.refused is not None:
        raise subject.refused
    return subject.version(number)
