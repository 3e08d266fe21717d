"""Published contracts that ``--against`` names: those of a commit of git, or of a service.

The clients of a service, and the settings, are imported only if it is named.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from headrace.contract_check.git_state import contracts_at
from headrace.contract_check.published import Published
from headrace.schemas.registry import FolderContents
from headrace.util.output import say

PUBSUB: Final = "pubsub"
BIGQUERY: Final = "bigquery"
REGISTRY: Final = "registry"
SERVICES: Final = (PUBSUB, BIGQUERY, REGISTRY)  # a branch of such a name is refs/heads/NAME


def published_at(against: str, folder: Path, found: FolderContents, profile: str | None) -> Published:
    """Return what counts as published: what a service or a commit has; *found* is what *folder* has now.

    Raises:
        GitStateError: *against* is neither a service nor a commit.
        PublishTargetError: it is no address of a project's Pub/Sub.
        SettingsError: the settings name no project or no registry, or a dataset that does not exist.
        UnreachableError, RegistryError, GoogleAPIError: a service does not answer, or refuses the credentials.
    """
    if against == PUBSUB or against.startswith("pubsub:"):
        return _in_pubsub(against, found, profile)
    if against == BIGQUERY:
        return _in_bigquery(found, profile)
    if against == REGISTRY or against.startswith(("http:", "https:")):
        return _in_registry(None if against == REGISTRY else against, found, profile)
    return _in_git(against, folder)


def _in_git(ref: str, folder: Path) -> Published:
    there = contracts_at(folder, ref)
    if there.blocked:
        names = ", ".join(there.blocked)
        say(f"{ref}: contracts of {names} cannot be read there, and count as not published")
    elif not there.contracts:
        say(f"{ref}: no contracts in this folder there, so nothing counts as published")
    return Published(there.contracts)


def _in_pubsub(against: str, found: FolderContents, profile: str | None) -> Published:
    from headrace.config.settings import load_settings
    from headrace.contract_comparison.held_revisions import published_revisions
    from headrace.contract_publish.publish_errors import PublishTargetError
    from headrace.contract_publish.schema_service import SchemaService
    from headrace.contract_publish.targets import PUBSUB_ADDRESS
    from headrace.runtime.google_clients import describe_emulators, open_gapic_publisher, open_schemas
    from headrace.runtime.reachability import Service, reach

    address = PUBSUB_ADDRESS.fullmatch(against)
    if address is None and against != PUBSUB:
        raise PublishTargetError("--against: no such project; write pubsub, or pubsub://PROJECT")
    project = address[1] if address else load_settings(profile=profile).project
    if line := describe_emulators():
        say(line)
    reach(Service.PUBSUB)
    service = SchemaService(project, open_schemas(), open_gapic_publisher())
    return published_revisions(found, service, say)


def _in_bigquery(found: FolderContents, profile: str | None) -> Published:
    from google.api_core.exceptions import NotFound
    from google.cloud import bigquery

    from headrace.config.settings import SettingsError, load_settings
    from headrace.contract_comparison.held_tables import compare_tables
    from headrace.runtime.google_clients import describe_emulators, open_bigquery
    from headrace.runtime.reachability import Service, reach

    names = load_settings(profile=profile).names
    if line := describe_emulators():
        say(line)
    reach(Service.BIGQUERY)
    client = open_bigquery(names.project)
    try:
        client.get_dataset(f"{names.project}.{names.dataset}")
    except NotFound:
        raise SettingsError(
            f"{names.project}.{names.dataset}: there is no such dataset; set project and dataset to those of the job, "
            "or run `headrace provision` first"
        ) from None

    def existing_table(name: str) -> bigquery.Table | None:
        try:
            return client.get_table(name)
        except NotFound:
            return None

    return compare_tables(found, names, existing_table, say)


def _in_registry(url: str | None, found: FolderContents, profile: str | None) -> Published:
    from headrace.config.registry_access import access_to
    from headrace.config.settings import load_settings
    from headrace.contract_comparison.held_registry_versions import published_registry_versions
    from headrace.schema_registry.registry_client import RegistryClient

    # Any project will do, because no service of a project is called.
    settings = load_settings(project="not-asked", profile=profile).schema_registry
    client = RegistryClient(access_to(url, settings, "--against"))
    return published_registry_versions(found, client, say)
