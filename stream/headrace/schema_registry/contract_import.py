"""The import of a registry's subject as files of contracts, byte for byte as the registry has them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from headrace.schema_registry.registered_schema import Reference, RegisteredSchema, check_is_avro, hash_of, referenced
from headrace.schema_registry.registry_client import RegistryClient
from headrace.schema_registry.registry_errors import ImportConflictError, NotInRegistryError, UnusableSchemaError
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.folder import MAX_FILE_BYTES, SUFFIX
from headrace.schemas.schema_equality import read_schema

_FULL_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_OTHER: Final = re.compile(r"[^a-z0-9_]+")
_VALUE: Final = "-value"  # Confluent's names of subjects are those of topics with -value or -key


@dataclass(frozen=True, slots=True)
class ImportedFiles:
    """The contents of files by their names: *contracts* of a *subject*, and *shared* types that they refer to.

    *revisions* has the revisions of Pub/Sub's schema service that each contract is.
    """

    subject: str
    contracts: Mapping[str, bytes] = field(repr=False)
    shared: Mapping[str, bytes] = field(repr=False)
    revisions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WrittenFiles:
    """The names of the files that an import has *written*, and of those that were the same already."""

    written: tuple[str, ...]
    unchanged: tuple[str, ...]


def subject_for(registry_subject: str) -> str:
    """Return the subject of contracts for a subject of the registry.

    >>> subject_for("shop.order-placed-value")
    'shop_order_placed'

    Raises:
        ImportConflictError: no valid subject can be made of it.
    """
    name = _OTHER.sub("_", registry_subject.removesuffix(_VALUE).lower()).strip("_")
    return checked_subject(name, registry_subject)


def checked_subject(name: str, place: str) -> str:
    """Return *name* if it is the name of a subject; raises ImportConflictError, which names *place*."""
    try:
        return SchemaRef.parse(f"headrace:{name}:1").subject
    except ValueError:
        raise ImportConflictError(
            f"{place}: gives no name of a subject; choose one with --subject: 3 to 100 lower-case letters, digits and "
            "_, which begin with a letter and not with goog"
        ) from None


def read_import(
    client: RegistryClient, registry_subject: str, subject: str, versions: Iterable[int] = ()
) -> ImportedFiles:
    """Read *versions* of a subject of the registry, by default all of them.

    Raises:
        NotInRegistryError: the registry has no such subject or version.
        UnusableSchemaError: a version is not Avro, or its references cannot be resolved.
        ImportConflictError: two versions refer to different types of one name.
        RegistryError: the registry cannot be asked now.
    """
    contracts: dict[str, bytes] = {}
    shared: dict[str, bytes] = {}
    for version in sorted(set(versions)) or _versions(client, registry_subject):
        place = f"version {version} of {registry_subject}"
        try:
            schema = client.schema_of(Reference(registry_subject, version))
            check_is_avro(schema)
            hash_of(schema, client.schema_of)
            needed = referenced(schema, client.schema_of)
            contracts[f"{subject}.v{version}{SUFFIX}"] = _content(schema)
            found = {f"{_type_of(each)}{SUFFIX}": _content(each) for each in needed.values()}
        except NotInRegistryError:
            raise NotInRegistryError(
                f"{client.url}: has no {place}; look at its list, {client.url}/subjects/{registry_subject}/versions"
            ) from None
        except UnusableSchemaError as error:
            raise UnusableSchemaError(f"{place}: {error}") from None
        for name, content in found.items():
            if shared.setdefault(name, content) != content:
                raise ImportConflictError(
                    f"{place}: refers to another {name.removesuffix(SUFFIX)} than a version before it; import the "
                    "versions into folders of their own, with --version and --contracts, and define the type in each"
                )
    return ImportedFiles(subject, contracts, shared)


def write_import(files: ImportedFiles, folder: Path, *, force: bool) -> WrittenFiles:
    """Write all files into *folder*, or none.

    Raises:
        ImportConflictError: a file differs from the one that exists, and there is no *force*.
        OSError: the folder cannot be read or written.
    """
    wanted = {**files.shared, **files.contracts}
    existing = {name: (folder / name).read_bytes() for name in wanted if (folder / name).exists()}
    others = [name for name, content in existing.items() if content != wanted[name]]
    if others and not force:
        raise ImportConflictError(
            f"{folder}: {', '.join(others)} would change, and a published version never does; compare them, or "
            "replace them with --force"
        )
    changed = [name for name, content in wanted.items() if existing.get(name) != content]
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder, {name: wanted[name] for name in changed})
    return WrittenFiles(tuple(changed), tuple(name for name in wanted if name not in changed))


def _replace(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write all files beside their places first, so that a full disk leaves none half replaced."""
    beside = {folder / f".{name}.new": folder / name for name in contents}
    try:
        for path, place in beside.items():
            path.write_bytes(contents[place.name])
        for path, place in beside.items():
            path.replace(place)
    finally:
        for path in beside:
            path.unlink(missing_ok=True)


def _versions(client: RegistryClient, registry_subject: str) -> list[int]:
    try:
        return client.versions_of(registry_subject)
    except NotInRegistryError:
        raise NotInRegistryError(
            f"{client.url}: has no subject {registry_subject}; look at its list, {client.url}/subjects"
        ) from None


def _content(schema: RegisteredSchema) -> bytes:
    try:
        content = schema.text.encode()
    except UnicodeEncodeError:
        raise UnusableSchemaError("a schema with half a character") from None
    if len(content) > MAX_FILE_BYTES:
        raise UnusableSchemaError(f"a schema of more than {MAX_FILE_BYTES:,} bytes")
    return content


def _type_of(schema: RegisteredSchema) -> str:
    """Return the full name of the type that a referenced schema defines: its file is named after it."""
    avro: Any = read_schema(schema.text)
    name, namespace = (avro.get(key) if isinstance(avro, dict) else None for key in ("name", "namespace"))
    full = f"{namespace}.{name}" if namespace and isinstance(name, str) and "." not in name else name
    if not isinstance(full, str) or not _FULL_NAME.fullmatch(full):
        raise UnusableSchemaError("a reference to a schema that defines no type with a name")
    return full
