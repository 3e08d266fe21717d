"""The plan for one schema of Pub/Sub: which versions to commit, and which revisions to delete for them. No client."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from headrace.contract_publish.definitions import Definition
from headrace.contract_publish.revisions import Matched, Revision, match_revisions
from headrace.core.plan_refusals import Refusal
from headrace.schemas.compatibility.rules import Rule
from headrace.util.terminal_columns import counted

MOST_REVISIONS: Final = 20  # of a schema: docs.cloud.google.com/pubsub/docs/schemas
MOST_BYTES: Final = 300_000  # of a definition: the same page
SCHEMA: Final = "schema"


class Commit(NamedTuple):
    """A version that becomes the next revision of a schema, or that *creates* the schema."""

    version: int
    creates: bool = False


class Delete(NamedTuple):
    """A *revision* that is deleted; *why* says what it is, and who names it."""

    revision: str
    why: str = ""


Step: TypeAlias = Commit | Delete


class TopicSchema(NamedTuple):
    """A topic that uses a schema, and the first and the last revision that it accepts; empty for no limit."""

    topic: str
    first: str = ""
    last: str = ""


class SchemaPlan(NamedTuple):
    """The *steps* for the *schema* with this full name, in their order; none if something is refused.

    *by_version* has the revisions of versions that are committed already, *revisions* the ids of all, the oldest first.
    """

    schema: str
    steps: tuple[Step, ...]
    refusals: tuple[Refusal, ...]
    by_version: Mapping[int, tuple[str, ...]]
    revisions: tuple[str, ...]
    notes: tuple[str, ...] = ()


def missing_versions(versions: Sequence[Definition], matched: Matched) -> list[Definition]:
    """Return the versions to commit: those after the newest one that has a revision, each content once.

    Older ones without a revision stay out, because the last revision must be the newest version. There are never more
    than a schema has room for.
    """
    oldest: dict[str, int] = {}  # versions with one content have one revision
    for version, names in sorted(matched.by_version.items()):
        for name in names:
            oldest.setdefault(name, version)
    newest = max(oldest.values(), default=0)
    left = [each for each in versions if each.version > newest and each.version not in matched.by_version]
    found = {each.content: each for each in reversed(left)}
    return sorted(found.values(), key=lambda each: each.version)[-MOST_REVISIONS:]


def plan_schema(
    schema: str,
    versions: Sequence[Definition],
    revisions: Sequence[Revision],
    topics: Collection[TopicSchema] = (),
    *,
    may_delete: bool = False,
) -> SchemaPlan:
    """Return the plan for a schema; *revisions* are its present ones, the oldest first, and none if there is no schema.

    *topics* are those that use it. Revisions are deleted only if that is allowed (*may_delete*), the oldest first, and
    never the last one that a topic accepts.
    """
    matched = match_revisions(versions, revisions)
    missing = missing_versions(versions, matched)
    room = MOST_REVISIONS - len(revisions)
    old = revisions[: max(0, len(missing) - room)]
    refusals = (
        *_unknown(schema, matched.unknown),
        *_wrong_names(schema, versions, matched),
        *_too_large(schema, missing),
        *_not_deleted(schema, old, versions, matched, topics, may_delete),
    )
    steps = () if refusals else tuple(_steps(missing, revisions, _users(old, versions, matched, topics)))
    notes = tuple(_left_out(versions, matched, missing))
    return SchemaPlan(schema, steps, refusals, matched.by_version, tuple(each.id for each in revisions), notes)


def _steps(
    missing: Sequence[Definition], revisions: Sequence[Revision], users: Mapping[str, Sequence[str]]
) -> Iterator[Step]:
    """Yield the commits, each after the deletion that makes room for it: a schema always keeps a revision."""
    count, oldest = len(revisions), iter(users.items())
    for each in missing:
        if count == MOST_REVISIONS:
            revision, used = next(oldest)
            yield Delete(revision, f"the oldest of {count}{_so(used)}")
            count -= 1
        yield Commit(each.version, creates=not count)
        count += 1


def _unknown(schema: str, unknown: Sequence[Revision]) -> Iterator[Refusal]:
    for each in unknown:
        yield Refusal(
            SCHEMA,
            schema,
            f"revision {each.id} is no version of the folder: a published version was edited, or its file is gone, or "
            "somebody else committed it",
            "restore the version, and write the next one; `gcloud pubsub schemas describe "
            f"{schema.rpartition('/')[2]}@{each.id} --project {schema.split('/')[1]}` prints the revision",
            Rule.PUBLISHED_VERSION_EDITED,
        )


def _wrong_names(schema: str, versions: Sequence[Definition], matched: Matched) -> Iterator[Refusal]:
    """Refuse versions that list the revision of another one: their messages would be read by the wrong schema."""
    owners: dict[str, set[int]] = {}
    for version, names in matched.by_version.items():
        for name in names:
            owners.setdefault(name, set()).add(version)
    for each in versions:
        for name in each.revisions:
            if name in owners and each.version not in owners[name]:
                other = min(owners[name])
                why = f"v{each.version} lists revision {name}, which is v{other}"
                yield Refusal(SCHEMA, schema, why, f"move it to the `revisions` of v{other}", Rule.CONTRACT_INVALID)


def _too_large(schema: str, missing: Sequence[Definition]) -> Iterator[Refusal]:
    for each in missing:
        size = len(each.text.encode())
        if size > MOST_BYTES:
            why = f"v{each.version} has {size:,} bytes, and a definition has {MOST_BYTES:,} at most"
            yield Refusal(SCHEMA, schema, why, "shorten its descriptions, or split the event")


def _not_deleted(
    schema: str,
    old: Sequence[Revision],
    versions: Sequence[Definition],
    matched: Matched,
    topics: Collection[TopicSchema],
    may_delete: bool,
) -> Iterator[Refusal]:
    ids = {each.id for each in old}
    for topic in topics:
        if topic.last in ids:
            yield Refusal(
                SCHEMA,
                schema,
                f"its oldest revisions must go, and {topic.last} is the last one that {topic.topic} accepts",
                f"let the topic accept newer ones: `gcloud pubsub topics update {topic.topic} --message-encoding "
                f"ENCODING --schema {schema} --last-revision-id NEWER`",
            )
    if old and not may_delete:
        users = _users(old, versions, matched, topics)
        listed = "; ".join(f"{revision}{_so(used)}" for revision, used in users.items())
        yield Refusal(
            SCHEMA,
            schema,
            f"a schema has {MOST_REVISIONS} revisions at most, so {counted(len(old), 'old one')} must go: {listed}",
            "when nobody needs the messages of these any longer, add --delete-oldest-revision",
        )


def _users(
    old: Sequence[Revision], versions: Sequence[Definition], matched: Matched, topics: Collection[TopicSchema]
) -> dict[str, list[str]]:
    """Return what each of the *old* revisions is, and who names it."""
    found: dict[str, list[str]] = {}
    for each in old:
        numbers = [version for version, names in matched.by_version.items() if each.id in names]
        said = [f"it is v{' and v'.join(map(str, sorted(numbers)))}"] if numbers else []
        said += [f"v{version.version} lists it" for version in versions if each.id in version.revisions]
        said += [f"{topic.topic} accepts none before it" for topic in topics if topic.first == each.id]
        found[each.id] = said
    return found


def _so(used: Sequence[str]) -> str:
    return f" ({', '.join(used)})" if used else ""


def _left_out(versions: Sequence[Definition], matched: Matched, missing: Sequence[Definition]) -> Iterator[str]:
    """Note versions that get no revision."""
    contents = {each.content for each in missing}
    out = [
        f"v{each.version}"
        for each in versions
        if each.version not in matched.by_version and each.content not in contents
    ]
    if out:
        yield f"{', '.join(out)}: no revision, because newer versions have one or there is no room for more"
