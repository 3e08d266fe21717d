"""Revisions of a schema of Pub/Sub, and the versions of a contract that they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from headrace.contract_publish.definitions import Definition, parsed_hash
from headrace.schemas.compatibility.published_content import published_content
from headrace.schemas.schema_equality import UnreadableSchemaError, read_schema


class Revision(NamedTuple):
    """One revision of a schema: its *id*, the hash of its *content*, and the hash of its parsed form, *schema*.

    A hash is empty where the definition is no JSON, or no Avro schema. It *is_annotated* if it has annotations of
    Headrace.
    """

    id: str
    content: str = ""
    schema: str = ""
    is_annotated: bool = False


class PublishedSchema(NamedTuple):
    """A *revision* and its *definition*, which anybody may have written; empty if it is no Avro schema."""

    revision: Revision
    definition: str


class Matched(NamedTuple):
    """The revisions of each version, the oldest first, and those revisions that are no version."""

    by_version: Mapping[int, tuple[str, ...]]
    unknown: tuple[Revision, ...]


def revision_of(revision_id: str, definition: str) -> Revision:
    """Return a revision by its definition, which anybody may have written.

    >>> revision_of("f47c8c56", "no schema")
    Revision(id='f47c8c56', content='', schema='', is_annotated=False)
    """
    try:
        avro = read_schema(definition)
        content = published_content(avro)
    except (UnreadableSchemaError, RecursionError):
        return Revision(revision_id)
    return Revision(revision_id, content, parsed_hash(avro), isinstance(avro, dict) and "headrace" in avro)


def match_revisions(versions: Sequence[Definition], revisions: Sequence[Revision]) -> Matched:
    """Return which revisions each version has.

    A revision is the version with the same content. One that nobody has annotated, such as one of another program, is
    also a version whose schema reads the same.
    """
    by_version: dict[int, tuple[str, ...]] = {}
    unknown = []
    for each in revisions:
        found = _versions_of(each, versions)
        for version in found:
            by_version[version] = (*by_version.get(version, ()), each.id)
        if not found:
            unknown.append(each)
    return Matched(by_version, tuple(unknown))


def _versions_of(revision: Revision, versions: Sequence[Definition]) -> list[int]:
    equal = [each.version for each in versions if each.content == revision.content]
    if equal or revision.is_annotated:
        return equal
    return [each.version for each in versions if revision.schema and each.schema == revision.schema]
