"""``headrace contracts catalog``: write pages and an AsyncAPI document of contracts."""

from __future__ import annotations

from pathlib import Path

from headrace.cli.commands.contracts_folder import chosen_folder
from headrace.cli.commands.generated_files import generated_files, write_files
from headrace.contract_catalog.catalog_pages import MARK, SUBJECTS, catalog
from headrace.contract_view.subjects import subjects_of
from headrace.errors import Exit
from headrace.schemas.registry import read_folder
from headrace.util.output import check_format


def write_catalog(
    folder: Path | None, output: Path, title: str, check: bool, profile: str | None, format_: str
) -> Exit:
    """Write the catalogue of a folder into *output*, and return the exit code. With *check*, write nothing.

    Raises:
        SettingsError: no folder is named.
        ContractError: the folder cannot be read, or holds no contract.
    """
    check_format(format_)
    subjects = subjects_of(read_folder(chosen_folder(folder, profile)))
    texts = {output / name: text for name, text in catalog([*subjects.values()], title).items()}
    left_over = [each for each in generated_files(output / SUBJECTS, ".html", MARK) if each not in texts]
    return write_files(texts, left_over, check, format_)
