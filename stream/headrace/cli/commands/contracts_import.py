"""``headrace contracts import``: write the schemas of a registry as contracts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from headrace.config.registry_access import access_to
from headrace.config.settings import MISSING_CONTRACTS, Settings, SettingsError, load_settings
from headrace.schema_registry.contract_import import (
    ImportedFiles,
    checked_subject,
    read_import,
    subject_for,
    write_import,
)
from headrace.schema_registry.registry_client import RegistryClient
from headrace.schemas.folder import SUFFIX
from headrace.util.output import check_format, say, show

_SIDECARS: Final = (".headrace.toml", ".headrace.json")


def import_contracts(
    registry_subject: str,
    url: str | None,
    contracts: Path | None,
    subject: str | None,
    versions: Sequence[int],
    force: bool,
    profile: str | None,
    format_: str,
) -> None:
    """Write the versions of a subject into the folder, and print each file.

    Raises:
        SettingsError: no folder or no registry is named, or a setting is invalid.
        RegistryError, NotInRegistryError, UnusableSchemaError: the schemas cannot be read.
        ImportConflictError: files would change.
    """
    check_format(format_)
    # Any project will do, because no service of a project is called.
    settings: Settings = load_settings(project="not-asked", contracts=contracts, profile=profile)
    if settings.contracts is None:
        raise SettingsError(MISSING_CONTRACTS)
    access = access_to(url, settings.schema_registry)
    named = checked_subject(subject, "--subject") if subject else subject_for(registry_subject)
    files = read_import(RegistryClient(access), registry_subject, named, versions)
    done = write_import(files, settings.contracts, force=force)
    rows = [{"file": name, "result": "written"} for name in done.written]
    rows += [{"file": name, "result": "unchanged"} for name in done.unchanged]
    show("files", rows, format_, folder=str(settings.contracts), subject=named)
    _say_what_is_left(files, settings.contracts)


def _say_what_is_left(files: ImportedFiles, folder: Path) -> None:
    """Print what a contract needs that the schema does not say."""
    bare = [name for name in files.contracts if not any(_beside(folder, name, each) for each in _SIDECARS)]
    if not bare:
        return
    say(
        f"{', '.join(bare)}: still without a table, an event time, its limits and a word on personal data; "
        f"declare them beside each file, in {bare[0].removesuffix(SUFFIX)}{_SIDECARS[0]}: "
        f"`headrace contracts annotate {folder / bare[0]} --encoding confluent --envelope attributes` writes a first "
        "one; each version needs its own"
    )


def _beside(folder: Path, name: str, ending: str) -> bool:
    return (folder / f"{name.removesuffix(SUFFIX)}{ending}").exists()
