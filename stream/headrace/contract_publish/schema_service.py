"""Pub/Sub's schema service: what is there, and the steps of a plan, done one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, assert_never

from headrace.contract_publish.plan_schema import SCHEMA, Commit, Delete, SchemaPlan, Step, TopicSchema
from headrace.contract_publish.publish_errors import PublishConflictError, PublishRefusedError
from headrace.contract_publish.revisions import PublishedSchema, Revision, revision_of
from headrace.contract_publish.service_errors import AGAIN, explained, first_line
from headrace.core.plan_refusals import Refusal

if TYPE_CHECKING:
    from google.pubsub_v1 import PublisherClient, SchemaServiceClient
    from google.pubsub_v1.types import Schema

_SECONDS: Final = 20.0
_ONCE: Final[Any] = {"retry": None, "timeout": _SECONDS}  # a commit that is tried again may be done twice


class Done(NamedTuple):
    """A step that was done, and the id of the revision that it made or deleted."""

    step: Step
    revision: str


class SchemaService:
    """The schemas of one *project*; *topics* lists those that use them. A failed change is not tried again."""

    def __init__(self, project: str, schemas: SchemaServiceClient, topics: PublisherClient) -> None:
        self.project = f"projects/{project}"
        self._schemas = schemas
        self._topics = topics
        self._using: dict[str, list[TopicSchema]] | None = None

    def schema(self, subject: str) -> str:
        """Return the full name of a subject's schema."""
        return f"{self.project}/schemas/{subject}"

    def revisions(self, schema: str) -> list[Revision]:
        """Return the revisions of a schema, the oldest first; none if it does not exist.

        Raises:
            RegistryError: the service cannot be asked, or refuses the credentials.
        """
        return [each.revision for each in self.definitions(schema)]

    def definitions(self, schema: str) -> list[PublishedSchema]:
        """Return the same revisions with their definitions; raises RegistryError as :meth:`revisions` does."""
        return [_read(each) for each in self._listed(schema, full=True)]

    def topics_of(self, schema: str) -> list[TopicSchema]:
        """Return the topics of the project that use a schema; raises RegistryError as :meth:`revisions` does."""
        if self._using is None:
            self._using = {}
            with explained(self.project, "pubsub.topics.list"):
                for each in self._topics.list_topics(project=self.project, timeout=_SECONDS):
                    said = each.schema_settings
                    used = TopicSchema(each.name, said.first_revision_id, said.last_revision_id)
                    self._using.setdefault(said.schema, []).append(used)
        return self._using.get(schema, [])

    def judge(self, plan: SchemaPlan, texts: Mapping[int, str]) -> Iterator[Refusal]:
        """Yield the versions of a plan whose definition the service does not take; asking changes nothing.

        Raises:
            RegistryError: as in :meth:`revisions`.
        """
        from google.api_core.exceptions import InvalidArgument

        for version in (step.version for step in plan.steps if isinstance(step, Commit)):
            try:
                with explained(plan.schema, "pubsub.schemas.validate"):
                    asked = _avro(texts[version])
                    self._schemas.validate_schema(parent=self.project, schema=asked, timeout=_SECONDS)
            except InvalidArgument as error:
                why = f"Pub/Sub does not take v{version} as a schema: {first_line(error.message)}"
                yield Refusal(SCHEMA, plan.schema, why, "write the version otherwise, or publish to a bucket only")

    def apply(self, plan: SchemaPlan, texts: Mapping[int, str]) -> Iterator[Done]:
        """Do the steps of a plan, and yield each when it is done; *texts* are the definitions by version.

        The revisions are listed before and after every step, because the service knows no condition for a commit.

        Raises:
            PublishConflictError: the schema has a revision that is neither in the plan nor made here.
            PublishRefusedError: the service does not take a version as a revision.
            RegistryError: as in :meth:`revisions`.
        """
        known = set(plan.revisions)
        for step in plan.steps:
            self._refuse_strangers(plan.schema, known)
            revision = self._do(plan.schema, step, texts)
            known.add(revision)
            yield Done(step, revision)
        if plan.steps:
            self._refuse_strangers(plan.schema, known)

    def _do(self, schema: str, step: Step, texts: Mapping[int, str]) -> str:
        match step:
            case Commit(version, creates):
                return self._create(schema, texts[version]) if creates else self._commit(schema, version, texts)
            case Delete(revision):
                self._delete(schema, revision)
                return revision
            case _:
                assert_never(step)

    def _create(self, schema: str, text: str) -> str:
        from google.api_core.exceptions import AlreadyExists

        subject = schema.rpartition("/")[2]
        try:
            with explained(schema, "pubsub.schemas.create"):
                asked: dict[str, Any] = {"parent": self.project, "schema": _avro(text), "schema_id": subject}
                return self._schemas.create_schema(**asked, **_ONCE).revision_id
        except AlreadyExists:
            raise PublishConflictError(f"{schema}: somebody else created it meanwhile; {AGAIN}") from None

    def _commit(self, schema: str, version: int, texts: Mapping[int, str]) -> str:
        from google.api_core.exceptions import FailedPrecondition, InvalidArgument

        try:
            with explained(schema, "pubsub.schemas.commit"):
                asked = _avro(texts[version], schema)
                return self._schemas.commit_schema(name=schema, schema=asked, **_ONCE).revision_id
        except (FailedPrecondition, InvalidArgument) as error:
            raise PublishRefusedError(
                f"{schema}: Pub/Sub does not take v{version} as the next revision ({first_line(error.message)}); if "
                "somebody else publishes too, run the command again; else change the version"
            ) from None

    def _delete(self, schema: str, revision: str) -> None:
        from google.api_core.exceptions import NotFound

        with explained(schema, "pubsub.schemas.delete"), suppress(NotFound):  # somebody else may have deleted it
            self._schemas.delete_schema_revision(name=f"{schema}@{revision}", **_ONCE)

    def _refuse_strangers(self, schema: str, known: set[str]) -> None:
        strangers = [each.revision_id for each in self._listed(schema, full=False) if each.revision_id not in known]
        if strangers:
            said = f"somebody else committed revision {', '.join(strangers)} meanwhile"
            raise PublishConflictError(f"{schema}: {said}; {AGAIN}")

    def _listed(self, schema: str, *, full: bool) -> list[Schema]:
        from google.api_core.exceptions import NotFound
        from google.pubsub_v1.types import ListSchemaRevisionsRequest, SchemaView

        view = SchemaView.FULL if full else SchemaView.BASIC
        request = ListSchemaRevisionsRequest(name=schema, view=view)
        try:
            with explained(schema, "pubsub.schemas.listRevisions"):
                found = list(self._schemas.list_schema_revisions(request=request, timeout=_SECONDS))
        except NotFound:
            return []
        return sorted(found, key=_created_at)


def _avro(text: str, name: str = "") -> Schema:
    from google.pubsub_v1.types import Schema

    return Schema(name=name, type_=Schema.Type.AVRO, definition=text)


def _read(schema: Schema) -> PublishedSchema:
    if schema.type_ != schema.Type.AVRO:
        return PublishedSchema(Revision(schema.revision_id), "")
    return PublishedSchema(revision_of(schema.revision_id, schema.definition), schema.definition)


def _created_at(schema: Schema) -> Any:
    return schema.revision_create_time
