"""``headrace contracts publish``: print what would be published, and publish it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from headrace.cli.commands.contracts_folder import check_expressions, chosen_folder
from headrace.config.settings import Settings, load_settings
from headrace.contract_check.git_state import contracts_at
from headrace.contract_publish.bucket import ContractsBucket
from headrace.contract_publish.plan_rows import table_rows
from headrace.contract_publish.plan_schemas import SubjectPlan
from headrace.contract_publish.publication import (
    Places,
    Publication,
    Publisher,
    broken_rules,
    plan_publication,
    publication_rows,
)
from headrace.contract_publish.publish_errors import PublishRefusedError
from headrace.contract_publish.schema_service import SchemaService
from headrace.contract_publish.targets import Targets, targets_of
from headrace.runtime.google_clients import describe_emulators, open_gapic_publisher, open_schemas, open_storage
from headrace.runtime.reachability import Service, reach, reach_storage
from headrace.schemas.fault_lines import notation_of
from headrace.schemas.registry import read_folder
from headrace.util.output import check_format, say, show
from headrace.util.terminal_columns import counted


def publish_contracts(
    folder: Path | None,
    to: Sequence[str],
    against: str | None,
    apply: bool,
    delete_oldest: bool,
    profile: str | None,
    format_: str,
) -> None:
    """Print what would be published of a folder; with *apply*, publish it. Nothing is done if something is refused.

    Raises:
        SettingsError: no folder or no project is named.
        ContractError: the folder cannot be read, or holds no contract.
        GitStateError: *against* is no commit.
        PublishTargetError: an address in *to* is of no place to publish to.
        PublishRefusedError: something cannot be published; the rows say why.
        PublishConflictError: somebody else publishes too.
        UnreachableError, RegistryError: a service does not answer, or refuses the credentials.
    """
    check_format(format_)
    targets, chosen = targets_of(to), chosen_folder(folder, profile)
    if not to:
        settings: Settings = load_settings(profile=profile)
        targets = Targets(settings.project)
    published = contracts_at(chosen, against).contracts if against is not None else {}
    contents = read_folder(chosen)
    if findings := broken_rules(contents, published, check_expressions):
        _refuse(Publication(findings), Places(), format_)
    places = _places(targets)
    publication = plan_publication(chosen, contents, published, places, may_delete=delete_oldest, note=_note)
    if publication.refused:
        _refuse(publication, places, format_)
    publisher = Publisher(publication, places, say)
    if apply:
        publisher.apply()
    _show(publication, places, publisher.made, format_, applied=apply)
    _say_what_is_left(chosen, publication, publisher.made)
    say(_ending(publication, apply))


def _refuse(publication: Publication, places: Places, format_: str) -> NoReturn:
    _show(publication, places, {}, format_, applied=False)
    raise PublishRefusedError(f"{counted(publication.refused, 'refusal')}, see above; nothing was published")


def _places(targets: Targets) -> Places:
    if line := describe_emulators():
        say(line)
    bucket = service = None
    if targets.bucket is not None:
        reach_storage(Service.STORAGE.place)
        bucket = ContractsBucket(targets.bucket, open_storage())
    if targets.project is not None:
        reach(Service.PUBSUB)
        service = SchemaService(targets.project, open_schemas(), open_gapic_publisher())
    return Places(bucket, service)


def _note(sentence: str) -> None:
    say(f"note: {sentence}")


def _show(
    publication: Publication, places: Places, made: Mapping[str, Mapping[int, str]], format_: str, *, applied: bool
) -> None:
    for subject in publication.subjects:
        for each in subject.plan.notes:
            _note(f"{subject.subject}: {each}")
    rows = publication_rows(publication, places, made)
    if format_ != "table":
        show("changes", rows, format_, applied=applied)
    elif shown := table_rows(rows):
        show("changes", shown, format_)


def _say_what_is_left(folder: Path, publication: Publication, made: Mapping[str, Mapping[int, str]]) -> None:
    """Print the revisions that contracts must list, because they say the version of a message."""
    for subject in publication.subjects:
        for version, revisions in subject.unlisted(_revisions(subject, made)).items():
            files = publication.sources[f"{subject.subject}.v{version}"]
            line = notation_of(files).words(f'"revisions": {json.dumps(revisions)}')
            say(f"messages of v{version} are known by their revision: write {line} in {folder / files[-1].name}")


def _revisions(subject: SubjectPlan, made: Mapping[str, Mapping[int, str]]) -> dict[int, tuple[str, ...]]:
    new = {version: (revision,) for version, revision in made[subject.subject].items()}
    return {**subject.plan.by_version, **new}


def _ending(publication: Publication, applied: bool) -> str:
    if not publication.changes:
        return "nothing to publish: every version is there"
    if applied:
        return f"{counted(publication.changes, 'change')} made"
    return f"{counted(publication.changes, 'change')}; run with --apply to make them"
