"""Publication of a folder, as a plan and as changes: the bucket first, then the schemas of Pub/Sub.

A topic with a schema takes messages of a version once the version is a revision. By then whoever copies contracts from
the bucket finds it there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headrace.contract_check.check_folder import check_contents
from headrace.contract_check.findings import Finding
from headrace.contract_check.published import Published
from headrace.contract_publish.bucket import ContractsBucket, Upload, local_files, plan_uploads
from headrace.contract_publish.plan_rows import finding_row, kept_row, schema_rows, upload_row
from headrace.contract_publish.plan_schema import Commit
from headrace.contract_publish.plan_schemas import SubjectPlan, plan_schemas
from headrace.contract_publish.schema_service import SchemaService
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.fault_lines import SourceFile
from headrace.schemas.registry import Contract, FolderContents


@dataclass(frozen=True, slots=True)
class Publication:
    """The plan: *uploads* of *files*, and the plans of *subjects*; or the *findings* because of which nothing is done.

    *sources* has the files of each contract, such as ``orders.v1``.
    """

    findings: tuple[Finding, ...] = ()
    sources: Mapping[str, Sequence[SourceFile]] = field(default_factory=dict, repr=False)
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    uploads: tuple[Upload, ...] = ()
    subjects: tuple[SubjectPlan, ...] = ()

    @property
    def refused(self) -> int:
        """The number of reasons for which nothing can be published."""
        return len(self.findings) + sum(len(each.plan.refusals) for each in self.subjects)

    @property
    def changes(self) -> int:
        """The number of uploads and steps."""
        return len(self.uploads) + sum(len(each.plan.steps) for each in self.subjects)


@dataclass(frozen=True, slots=True)
class Places:
    """The bucket and the schema service to publish to, where they are wanted."""

    bucket: ContractsBucket | None = None
    service: SchemaService | None = None


def broken_rules(
    contents: FolderContents,
    published: Mapping[SchemaRef, Contract],
    check_expressions: Callable[[Contract], None] = lambda contract: None,
) -> tuple[Finding, ...]:
    """Return the rules that contracts of a folder break and do not waive; *published* contracts must not change.

    *check_expressions* raises ContractError for a contract whose expressions cannot be run.
    """
    checked = check_contents(contents, Published(published), check_expressions)
    return tuple(each for each in checked.findings if not each.waived)


def plan_publication(
    folder: Path,
    contents: FolderContents,
    published: Mapping[SchemaRef, Contract],
    places: Places,
    *,
    may_delete: bool,
    note: Callable[[str], None],
) -> Publication:
    """Compare the *contents* of *folder*, which :func:`broken_rules` has checked, with what is there; change nothing.

    *published* are contracts that must not change, such as those of a commit. Those in the bucket must not, either.

    Raises:
        RegistryError: a service cannot be asked, or refuses the credentials.
    """
    files: dict[str, bytes] = {}
    uploads: list[Upload] = []
    if places.bucket is not None:
        stored, files = places.bucket.stored(), local_files(folder, contents)
        there = places.bucket.contracts(files, stored)
        for subject in there.blocked:
            note(f"{subject}: its contracts in the bucket cannot be read, and count as not published")
        if findings := broken_rules(contents, {**published, **there.contracts}):
            return Publication(findings)
        uploads = plan_uploads(files, stored)
    subjects = () if places.service is None else plan_schemas(contents, places.service, may_delete=may_delete)
    return Publication((), contents.sources, files, tuple(uploads), tuple(subjects))


class Publisher:
    """Makes the changes of a publication; *note* gets a sentence for each one that is done."""

    def __init__(self, publication: Publication, places: Places, note: Callable[[str], None]) -> None:
        self._publication = publication
        self._places = places
        self._note = note
        self.made: dict[str, dict[int, str]] = {each.subject: {} for each in publication.subjects}

    def apply(self) -> None:
        """Upload all files, then do the steps of every schema. After a failure, a new plan has what is left.

        Raises:
            PublishConflictError: somebody else publishes too.
            PublishRefusedError: the service does not take a version.
            RegistryError: a service cannot be asked, or refuses the credentials.
        """
        if self._places.bucket is not None:
            for each in self._publication.uploads:
                self._places.bucket.upload(each, self._publication.files[each.file])
                self._note(f"uploaded {self._places.bucket.address(each.file)}")
        if self._places.service is not None:
            for subject in self._publication.subjects:
                self._apply(self._places.service, subject)

    def _apply(self, service: SchemaService, subject: SubjectPlan) -> None:
        for step, revision in service.apply(subject.plan, subject.texts):
            if isinstance(step, Commit):
                self.made[subject.subject][step.version] = revision
                self._note(
                    f"committed {subject.subject}.v{step.version} as revision {revision} of {subject.plan.schema}"
                )
            else:
                self._note(f"deleted revision {revision} of {subject.plan.schema}")


def publication_rows(
    publication: Publication, places: Places, made: Mapping[str, Mapping[int, str]]
) -> list[dict[str, Any]]:
    """Return a row for each file and version; *made* has the revisions that versions have got, by subject."""
    rows = [finding_row(each) for each in publication.findings]
    if places.bucket is not None:
        changed = {each.file: each for each in publication.uploads}
        rows += [upload_row(each, places.bucket.address(name)) for name, each in changed.items()]
        rows += [kept_row(places.bucket.address(name)) for name in publication.files if name not in changed]
    for subject in publication.subjects:
        rows += schema_rows(subject, made.get(subject.subject, {}))
    return rows
