"""The versions of a registry's subjects, as what it has published of the contracts of a folder."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from headrace.contract_check.published import Published
from headrace.contract_comparison.held_versions import published_by
from headrace.contract_comparison.schema_versions import HeldSchema
from headrace.contract_publish.revisions import Revision, revision_of
from headrace.schema_registry.contract_import import ImportedFiles, read_import, subject_for
from headrace.schema_registry.registry_client import RegistryClient
from headrace.schema_registry.registry_errors import ImportConflictError, NotInRegistryError, UnusableSchemaError
from headrace.schemas.avro_text import read_avro, without_comments
from headrace.schemas.errors import ContractError
from headrace.schemas.folder import SUFFIX
from headrace.schemas.registry import FolderContents
from headrace.schemas.shared_types import SharedTypes, bundled
from headrace.util.terminal_columns import counted


def published_registry_versions(
    found: FolderContents, client: RegistryClient, note: Callable[[str], None]
) -> Published:
    """Return what a registry has published; *note* gets a sentence that says how much that is.

    Raises:
        RegistryError: the registry cannot be asked now.
    """
    named = _subjects_of_contracts(client.subjects())
    chosen = {subject: _registry_subjects(found, subject, named, client) for subject in found.latest}
    held = {subject: [each for name in names for each in _held(client, name)] for subject, names in chosen.items()}
    published = published_by(found, lambda subject: held[subject])
    versions = counted(sum(map(len, held.values())), "version")
    subjects = counted(sum(map(len, chosen.values())), "subject")
    without = [subject for subject, names in chosen.items() if not names]
    lacking = f"; it has no subject for {', '.join(without)}" if without else ""
    note(f"compared with {versions} of {subjects} in {client.url}{lacking}")
    return published


def _subjects_of_contracts(registry_subjects: Sequence[str]) -> Mapping[str, list[str]]:
    """Return the registry's subjects by the subjects of contracts that an import calls them."""
    named: dict[str, list[str]] = defaultdict(list)
    for each in sorted(registry_subjects):
        try:
            named[subject_for(each)].append(each)
        except ImportConflictError:  # no contract can have this name
            continue
    return named


def _registry_subjects(
    found: FolderContents, subject: str, named: Mapping[str, list[str]], client: RegistryClient
) -> list[str]:
    """Return the registry's subjects of one of ours: those of its name, else the one that has the ids it lists."""
    if subject in named:
        return named[subject]
    listed = [each.options.schema_ids.schema_ids for each in found.contracts.values() if each.subject == subject]
    users: set[str] = set()
    for schema_id in (each for ids in listed for each in ids if isinstance(each, int)):
        try:
            users |= {use.subject for use in client.uses_of_id(schema_id)}
        except NotInRegistryError:
            continue
    return [*users] if len(users) == 1 else []


def _held(client: RegistryClient, registry_subject: str) -> list[HeldSchema]:
    try:
        numbers = client.versions_of(registry_subject)
    except NotInRegistryError:  # somebody has deleted it meanwhile
        return []
    return [_held_version(client, registry_subject, number) for number in numbers]


def _held_version(client: RegistryClient, registry_subject: str, number: int) -> HeldSchema:
    name, definition = f"version {number} of {registry_subject} in {client.url}", ""
    try:
        definition = _self_contained(read_import(client, registry_subject, "imported", [number]), number)
    except (UnusableSchemaError, NotInRegistryError, ContractError):
        return HeldSchema(name, Revision(name), "", number)
    return HeldSchema(name, revision_of(name, definition), definition, number)


def _self_contained(files: ImportedFiles, number: int) -> str:
    """Return a schema with the types that it refers to in it, as a contract is read from its files."""
    text = files.contracts[f"{files.subject}.v{number}{SUFFIX}"].decode()
    if not files.shared:
        return text
    shared = SharedTypes()
    for name, content in files.shared.items():
        shared.add_file(content.decode(), name, name.removesuffix(SUFFIX))
    where = f"{files.subject}.v{number}"
    return json.dumps(bundled(read_avro(without_comments(text, where), where), shared, where), ensure_ascii=False)
