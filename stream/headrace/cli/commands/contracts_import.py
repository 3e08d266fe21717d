"""``headrace contracts import``: write the schemas of a registry as contracts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from headrace.config.registry_access import access_to
from headrace.config.registry_settings import RegistrySettings
from headrace.config.settings import MISSING_CONTRACTS, Settings, SettingsError, load_settings
from headrace.contract_publish.targets import PUBSUB_ADDRESS
from headrace.runtime.google_clients import open_schemas, open_storage
from headrace.runtime.reachability import Service, reach, reach_storage
from headrace.schema_registry.bucket_import import read_bucket_import
from headrace.schema_registry.contract_import import (
    ImportedFiles,
    checked_subject,
    read_import,
    subject_for,
    write_import,
)
from headrace.schema_registry.pubsub_import import read_pubsub_import
from headrace.schema_registry.registry_client import RegistryClient
from headrace.schemas.bucket_folder import bucket_folder
from headrace.schemas.folder import SUFFIX
from headrace.schemas.notation import Notation
from headrace.schemas.sidecar import JSON, SIDECARS, is_annotated
from headrace.util.output import check_format, say, show


def import_contracts(
    name: str,
    url: str | None,
    contracts: Path | None,
    subject: str | None,
    versions: Sequence[int],
    force: bool,
    profile: str | None,
    format_: str,
) -> None:
    """Write the versions of a subject or a schema into the folder, and print each file.

    Raises:
        SettingsError: no folder or no registry is named, or a setting is invalid.
        UnreachableError: Pub/Sub or Cloud Storage does not answer.
        RegistryError, NotInRegistryError, UnusableSchemaError: the schemas cannot be read.
        ImportConflictError: files would change.
    """
    check_format(format_)
    # Any project will do, because no service of a project is called.
    settings: Settings = load_settings(project="not-asked", contracts=contracts, profile=profile)
    if settings.contracts is None:
        raise SettingsError(MISSING_CONTRACTS)
    named = checked_subject(subject, "--subject") if subject else subject_for(name)
    files = _files(name, url, settings.schema_registry, named, versions)
    done = write_import(files, settings.contracts, force=force)
    rows = [_row(each, "written", files) for each in done.written]
    rows += [_row(each, "unchanged", files) for each in done.unchanged]
    show("files", rows, format_, folder=str(settings.contracts), subject=named)
    _say_what_is_left(files, settings.contracts, "datum" if files.revisions else "confluent")


def _files(
    name: str, url: str | None, settings: RegistrySettings, subject: str, versions: Sequence[int]
) -> ImportedFiles:
    if url is not None and (project := PUBSUB_ADDRESS.fullmatch(url)):
        reach(Service.PUBSUB)
        return read_pubsub_import(open_schemas(), project[1], name, subject, versions)
    if url is not None and (folder := bucket_folder(url)):
        reach_storage(Service.STORAGE.place)
        return read_bucket_import(open_storage(), folder, name, subject, versions)
    return read_import(RegistryClient(access_to(url, settings)), name, subject, versions)


def _row(name: str, result: str, files: ImportedFiles) -> dict[str, str]:
    revisions = {"revisions": " ".join(files.revisions.get(name, ()))} if files.revisions else {}
    return {"file": name, "result": result, **revisions}


def _say_what_is_left(files: ImportedFiles, folder: Path, encoding: str) -> None:
    """Print what a contract needs that the schema does not say; *encoding* is the likely one of its messages."""
    schemas = [name for name in files.contracts if name.endswith(SUFFIX)]
    annotated = {name for name in schemas if is_annotated(files.contracts[name].decode(errors="replace"), name)}
    bare = [
        name for name in schemas if name not in annotated and not any(_beside(folder, name, each) for each in SIDECARS)
    ]
    listed = [
        f"{_revisions(folder, name, names, name in annotated)} for {name}" for name, names in files.revisions.items()
    ]
    if listed:
        say(f"if the version of a message is its schema revision, write: {'; '.join(listed)}")
    if not bare:
        return
    say(
        f"{', '.join(bare)}: still without a table, an event time, its limits and a word on personal data; "
        f"declare them beside each file, in {bare[0].removesuffix(SUFFIX)}{SIDECARS[0]}: "
        f"`headrace contracts annotate {folder / bare[0]} --encoding {encoding} --envelope attributes` writes a first "
        "one; each version needs its own"
    )


def _revisions(folder: Path, name: str, names: Sequence[str], is_inline: bool) -> str:
    """Return how a contract lists its revisions; a schema without annotations of its own gets a sidecar in TOML."""
    beside = Notation.JSON if _beside(folder, name, JSON) else Notation.TOML
    notation = Notation.SCHEMA if is_inline else beside
    return notation.words(f'"revisions": {json.dumps(names)}')


def _beside(folder: Path, name: str, ending: str) -> bool:
    return (folder / f"{name.removesuffix(SUFFIX)}{ending}").exists()
