"""The import of a schema of Pub/Sub's schema service: its revisions as versions of a contract."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from headrace.schema_registry.contract_import import ImportedFiles
from headrace.schema_registry.registered_schema import RegisteredSchema, hash_of
from headrace.schema_registry.registry_errors import (
    NotInRegistryError,
    RegistryAwayError,
    RegistryRefusedError,
    UnusableSchemaError,
)
from headrace.schemas.folder import MAX_FILE_BYTES, SUFFIX

if TYPE_CHECKING:
    from google.pubsub_v1 import Schema, SchemaServiceClient

_SECONDS: Final = 20.0


def read_pubsub_import(
    client: SchemaServiceClient, project: str, schema: str, subject: str, versions: Collection[int] = ()
) -> ImportedFiles:
    """Read the revisions of a schema, the oldest first, as versions from 1 on; equal ones are one version.

    *versions* chooses some, by default all.

    Raises:
        NotInRegistryError: the project has no such schema or version.
        UnusableSchemaError: a revision is not Avro.
        RegistryError: the service cannot be asked now.
    """
    name = f"projects/{project}/schemas/{schema}"
    found = revisions_as_versions(_revisions(client, name), subject)
    wanted = {f"{subject}.v{version}{SUFFIX}" for version in versions} or set(found.contracts)
    if missing := sorted(wanted - set(found.contracts)):
        count = len(found.contracts)
        raise NotInRegistryError(f"{name}: has {count} versions, and none is {missing[0]}; choose one of them")
    return ImportedFiles(
        subject,
        {file: content for file, content in found.contracts.items() if file in wanted},
        {},
        {file: names for file, names in found.revisions.items() if file in wanted},
    )


def revisions_as_versions(revisions: Iterable[Schema], subject: str) -> ImportedFiles:
    """Return a file for each different schema among *revisions*; raises UnusableSchemaError for one not Avro."""
    contracts: dict[str, bytes] = {}
    names: dict[str, tuple[str, ...]] = {}
    by_hash: dict[str, str] = {}
    for revision in sorted(revisions, key=_created_at):
        file = by_hash.setdefault(_hash_of(revision), f"{subject}.v{len(by_hash) + 1}{SUFFIX}")
        contracts.setdefault(file, revision.definition.encode())
        names[file] = (*names.get(file, ()), revision.revision_id)
    return ImportedFiles(subject, contracts, {}, names)


def _created_at(revision: Schema) -> datetime:
    created: Any = revision.revision_create_time  # the client makes a datetime of it, which the stub does not say
    return cast("datetime", created)


def _hash_of(revision: Schema) -> str:
    """Return the hash of a revision's parsed form; the service has no references."""
    place = f"revision {revision.revision_id} of {revision.name.partition('@')[0]}"
    if revision.type_ != revision.Type.AVRO:
        raise UnusableSchemaError(f"{place}: a {revision.type_.name} schema; only Avro schemas are read")
    if len(revision.definition) > MAX_FILE_BYTES:
        raise UnusableSchemaError(f"{place}: a schema of more than {MAX_FILE_BYTES:,} bytes")
    try:
        return hash_of(RegisteredSchema(revision.definition), _no_reference)
    except UnusableSchemaError as error:
        raise UnusableSchemaError(f"{place}: {error}") from None


def _no_reference(reference: object) -> RegisteredSchema:
    raise NotInRegistryError("Pub/Sub's schemas have no references")


def _revisions(client: SchemaServiceClient, name: str) -> Iterator[Schema]:
    from google.api_core.exceptions import Forbidden, GoogleAPIError, InvalidArgument, NotFound, Unauthenticated
    from google.pubsub_v1.types import ListSchemaRevisionsRequest, SchemaView

    request = ListSchemaRevisionsRequest(name=name, view=SchemaView.FULL)
    try:
        yield from client.list_schema_revisions(request=request, timeout=_SECONDS)
    except (NotFound, InvalidArgument):
        project = name.split("/")[1]
        raise NotInRegistryError(
            f"{name}: there is no such schema; `gcloud pubsub schemas list --project {project}` lists those that are"
        ) from None
    except (Forbidden, Unauthenticated) as error:
        raise RegistryRefusedError(
            f"{name}: {type(error).__name__}; ask for the role roles/pubsub.viewer in the project"
        ) from None
    except GoogleAPIError as error:
        raise RegistryAwayError(f"{name}: Pub/Sub does not answer ({type(error).__name__}); try again") from None
