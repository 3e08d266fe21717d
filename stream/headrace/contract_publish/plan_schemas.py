"""The plans for the schemas of all subjects of a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from headrace.contract_publish.definitions import Definition, definitions_of
from headrace.contract_publish.judge_commits import judge_commits
from headrace.contract_publish.plan_schema import MOST_REVISIONS, Commit, SchemaPlan, missing_versions, plan_schema
from headrace.contract_publish.revisions import match_revisions
from headrace.contract_publish.schema_service import SchemaService
from headrace.schemas.message_rules.envelope import RevisionVersion
from headrace.schemas.registry import Contract, FolderContents


@dataclass(frozen=True, slots=True)
class SubjectPlan:
    """The *plan* for the schema of a *subject*, and the definitions of its versions.

    If it *asks_revisions*, the revision of a message says its version, and contracts list their revisions.
    """

    subject: str
    plan: SchemaPlan
    definitions: tuple[Definition, ...] = field(repr=False)
    asks_revisions: bool

    @property
    def texts(self) -> Mapping[int, str]:
        """The definitions by version."""
        return {each.version: each.text for each in self.definitions}

    def unlisted(self, by_version: Mapping[int, tuple[str, ...]]) -> dict[int, tuple[str, ...]]:
        """Return all revisions of versions that do not list all of theirs, if messages are read by them."""
        return {
            each.version: tuple(dict.fromkeys((*each.revisions, *by_version.get(each.version, ()))))
            for each in self.definitions
            if self.asks_revisions and not set(by_version.get(each.version, ())) <= set(each.revisions)
        }


def plan_schemas(contents: FolderContents, service: SchemaService, *, may_delete: bool) -> Iterator[SubjectPlan]:
    """Yield the plan of each subject; the service is asked, and nothing is changed.

    Raises:
        RegistryError: the service cannot be asked, or refuses the credentials.
    """
    for subject, contracts, definitions in definitions_of(contents):
        yield _plan(subject, contracts, definitions, service, may_delete)


def _plan(
    subject: str, contracts: list[Contract], definitions: list[Definition], service: SchemaService, may_delete: bool
) -> SubjectPlan:
    schema = service.schema(subject)
    revisions = service.revisions(schema)
    missing = missing_versions(definitions, match_revisions(definitions, revisions))
    asks_revisions = isinstance(contracts[-1].options.envelope.version, RevisionVersion)
    must_know = missing and (asks_revisions or len(revisions) + len(missing) > MOST_REVISIONS)
    topics = service.topics_of(schema) if must_know else []
    plan = plan_schema(schema, definitions, revisions, topics, may_delete=may_delete)
    found = SubjectPlan(subject, plan, tuple(definitions), asks_revisions)
    refusals = [*judge_commits(plan, {each.ref.version: each for each in contracts})]
    refusals += service.judge(plan, found.texts)
    if refusals:
        plan = plan._replace(refusals=(*plan.refusals, *refusals), steps=())
    elif asks_revisions and any(isinstance(step, Commit) for step in plan.steps):
        open_ones = [each.topic for each in topics if not each.last]
        plan = plan._replace(notes=(*plan.notes, *map(_accepts_at_once, open_ones)))
    return replace(found, plan=plan)


def _accepts_at_once(topic: str) -> str:
    return (
        f"{topic} accepts a new revision at once, and the job knows it once the contract lists it: give the topic a "
        "last revision first, so that no message becomes a dead letter meanwhile"
    )
