"""The version with which a message was written, as the contract says that messages tell it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol, TypeAlias, assert_never

from headrace.core.dead_letter import Reason
from headrace.schemas.errors import MalformedEnvelopeError
from headrace.schemas.message_rules.encoding import Body, Encoding, Frame
from headrace.schemas.message_rules.envelope import (
    REVISION_ATTRIBUTE,
    FixedVersion,
    RevisionVersion,
    SchemaIdVersion,
    VersionAttribute,
    VersionRule,
)
from headrace.schemas.message_rules.known_schemas import KnownSchemas
from headrace.steps.decode.opened_messages import RefusedError

SchemaId: TypeAlias = int | bytes
_ADD: Final = "add it as a version, with or without logical types as the writer has it"


class AskRegistry(Protocol):
    """The ids of one subject that a registry knows."""

    def learn(self, schema_ids: Iterable[int]) -> None:
        """Ask for all ids that are not known, together; raises a named error if the registry cannot be asked now."""

    def version_of(self, schema_id: int) -> int | None:
        """Return the version of an id; None for an id that is not of the subject."""

    def why_not(self, schema_id: int) -> str:
        """Return why an id has no version."""


AskFor: TypeAlias = Callable[[str], AskRegistry | None]  # the ids of a subject; None if no registry gives any
_MOST_DIGITS: Final = 20


def ask_nobody(subject: str) -> AskRegistry | None:
    """Return None: no registry is asked for ids of *subject*."""
    return None


_LIST: Final = "list it in schema_ids of its version, or name a registry"


class SchemaVersions:
    """The version of each message of one subject."""

    def __init__(
        self, encoding: Encoding, rule: VersionRule | None, known: KnownSchemas, only: int, ask: AskRegistry | None
    ) -> None:
        """*only* is the subject's version where no rule is stated; *ask* is for ids that no contract lists."""
        self._encoding = encoding
        self._rule = _default(encoding, only) if rule is None else rule
        self._known = known
        self._ask = ask
        self._answers: dict[int, int | None] = {}

    def of(self, schema_id: SchemaId | None, attributes: Mapping[str, str]) -> int:
        """Return the version of one message; *schema_id* is that of its header.

        Raises:
            MalformedEnvelopeError: an attribute that tells the version is missing or invalid.
            RefusedError: the message tells no version of the subject.
        """
        if self._encoding.id_attribute is not None:
            schema_id = _whole(attributes, self._encoding.id_attribute)
        if self._encoding.body is Body.CONTAINER:
            return self._of_container(schema_id, attributes)
        by_id = None if schema_id is None else self._version_of(schema_id)
        version = self._stated(by_id, attributes)
        if by_id is not None and by_id != version:
            raise _unknown(f"the schema id is that of v{by_id}, and the message says v{version}")
        return version

    def _of_container(self, schema: SchemaId | None, attributes: Mapping[str, str]) -> int:
        """Return the version whose schema is in the container. Versions may have equal schemas."""
        versions = self._known.containers.get(schema, ())
        if not versions:
            raise _unknown(f"the schema in the container is that of no version here; {_ADD}")
        version = self._stated(versions[-1], attributes)
        if version not in versions:
            raise _unknown(f"the schema in the container is that of v{versions[-1]}, and the message says v{version}")
        return version

    def _stated(self, by_id: int | None, attributes: Mapping[str, str]) -> int:
        match self._rule:
            case FixedVersion(version):
                return version
            case VersionAttribute(name):
                return _whole(attributes, name)
            case RevisionVersion():
                return self._of_revision(attributes)
            case SchemaIdVersion():
                if by_id is None:
                    raise _unknown("the payload has no schema id")
                return by_id
            case _:
                assert_never(self._rule)

    def _of_revision(self, attributes: Mapping[str, str]) -> int:
        revision = attributes.get(REVISION_ATTRIBUTE)
        if not revision:
            raise MalformedEnvelopeError(REVISION_ATTRIBUTE, "is missing" if revision is None else "is empty")
        version = self._known.revisions.get(revision)
        if version is None:
            raise _unknown("no contract of the subject names this schema revision; add it to revisions of its version")
        return version

    def _version_of(self, schema_id: SchemaId) -> int:
        """Return the version that an id means. That an id exists somewhere proves nothing."""
        if self._encoding.frame is Frame.SINGLE_OBJECT:
            version = self._known.fingerprints.get(schema_id) if isinstance(schema_id, bytes) else None
            if version is None:
                raise _unknown("the fingerprint is of no version here; add it to fingerprints of its version")
            return version
        version = self._known.schema_ids.get(schema_id)
        if version is not None:
            return version
        if self._ask is None or isinstance(schema_id, bytes):
            raise _unknown(f"the schema id is of no version here; {_LIST}")
        if schema_id not in self._answers:
            self._answers[schema_id] = self._ask.version_of(schema_id)
        version = self._answers[schema_id]
        if version is None:
            raise _unknown(self._ask.why_not(schema_id))
        return version

    def learn(self, schema_ids: Iterable[SchemaId | None]) -> None:
        """Let the registry be asked once for all ids that no contract lists; answers hold until the next call."""
        self._answers.clear()
        if self._ask is not None:
            self._ask.learn(each for each in schema_ids if isinstance(each, int) and each not in self._known.schema_ids)


def _default(encoding: Encoding, only: int) -> VersionRule:
    return SchemaIdVersion() if encoding.names_schema else FixedVersion(only)


def _whole(attributes: Mapping[str, str], name: str) -> int:
    text = attributes.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        why = "is missing" if name not in attributes else "is not a whole number"
        raise MalformedEnvelopeError(name, why)
    return int(text)


def _unknown(why: str) -> RefusedError:
    return RefusedError(Reason.UNKNOWN_SCHEMA, why)
