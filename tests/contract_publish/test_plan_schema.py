"""The plan for one schema: what is committed and deleted, for whatever is there and whatever the folder has."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.contract_publish.definitions import Definition
from headrace.contract_publish.plan_schema import (
    MOST_BYTES,
    MOST_REVISIONS,
    Commit,
    Delete,
    SchemaPlan,
    TopicSchema,
    plan_schema,
)
from headrace.contract_publish.revisions import Revision
from headrace.schemas.compatibility.rules import Rule

NAME = "projects/my-project/schemas/orders"
TOPIC = "projects/my-project/topics/orders"


def a_version(number: int, content: str = "", *, schema: str = "", revisions: tuple[str, ...] = ()) -> Definition:
    content = content or f"content of {number}"
    return Definition(number, "{}", content, schema or f"schema of {content}", revisions)


def versions(count: int) -> list[Definition]:
    return [a_version(number) for number in range(1, count + 1)]


def a_revision(of: Definition, name: str = "") -> Revision:
    return Revision(name or f"r{of.version}", of.content, of.schema, is_annotated=True)


def done(plan: SchemaPlan, listed: Sequence[Definition], there: Sequence[Revision]) -> list[Revision]:
    """The revisions after a plan; the service refuses what it has no room for, and the deletion of the only one."""
    assert plan.refusals == ()
    contents = {each.version: each for each in listed}
    after = list(there)
    for number, step in enumerate(plan.steps):
        match step:
            case Commit(version, creates):
                assert creates is not bool(after)
                assert len(after) < MOST_REVISIONS
                after.append(a_revision(contents[version], f"after{len(there)}_{number}"))
            case Delete(revision):
                assert len(after) > 1
                assert after[0].id == revision  # the oldest one
                del after[0]
    return after


def test_a_new_schema_gets_every_version() -> None:
    assert plan_schema(NAME, versions(3), []).steps == (Commit(1, creates=True), Commit(2), Commit(3))


def test_only_later_versions_are_committed() -> None:
    listed = versions(3)
    plan = plan_schema(NAME, listed, [a_revision(listed[1])])
    assert plan.steps == (Commit(3),)
    assert plan.notes == ("v1: no revision, because newer versions have one or there is no room for more",)


def test_versions_with_one_content_have_one_revision() -> None:
    listed = [a_version(1, "a"), a_version(2, "a"), a_version(3, "b"), a_version(4, "a")]
    plan = plan_schema(NAME, listed, [])
    assert (plan.steps, plan.notes) == ((Commit(1, creates=True), Commit(3)), ())
    again = plan_schema(NAME, listed, [a_revision(listed[0])])
    assert again.steps == (Commit(3),)
    assert again.by_version == {1: ("r1",), 2: ("r1",), 4: ("r1",)}


def test_a_revision_that_comes_again_is_the_same_version() -> None:
    one, two = listed = versions(2)
    plan = plan_schema(NAME, listed, [a_revision(one), a_revision(two), a_revision(one, "rolled_back")])
    assert (plan.steps, plan.by_version) == ((), {1: ("r1", "rolled_back"), 2: ("r2",)})


def test_a_revision_that_is_no_version_is_refused() -> None:
    plan = plan_schema(NAME, versions(2), [Revision("f47c8c56", "another", "another", is_annotated=True)])
    (refusal,) = plan.refusals
    assert refusal.rule is Rule.PUBLISHED_VERSION_EDITED
    assert "f47c8c56" in refusal.why
    assert "orders@f47c8c56 --project my-project" in refusal.remedy
    assert plan.steps == ()


def test_a_revision_without_annotations_is_the_version_that_reads_the_same() -> None:
    version = a_version(1)
    bare = Revision("f47c8c56", "without annotations", version.schema)
    assert plan_schema(NAME, [version], [bare]).by_version == {1: ("f47c8c56",)}
    assert plan_schema(NAME, [version], [bare._replace(is_annotated=True)]).refusals


def test_what_is_no_schema_is_no_version_without_a_parsed_form() -> None:
    unreadable = Definition(1, "{}", "content", "")
    assert plan_schema(NAME, [unreadable], [Revision("f47c8c56")]).refusals
    assert not plan_schema(NAME, [unreadable], [Revision("f47c8c56", "content")]).refusals


def test_a_definition_may_have_so_many_bytes() -> None:
    text = "é" * (MOST_BYTES // 2)
    version = Definition(1, text, "content", "schema")
    assert plan_schema(NAME, [version], []).steps
    (refusal,) = plan_schema(NAME, [Definition(1, text + " ", "content", "schema")], []).refusals
    assert "v1 has 300,001 bytes" in refusal.why


def test_a_large_definition_that_is_there_is_no_matter() -> None:
    large = Definition(1, " " * (MOST_BYTES + 1), "content", "schema")
    assert not plan_schema(NAME, [large], [a_revision(large)]).refusals


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        (TopicSchema(TOPIC, first="r1"), f"r1 (it is v1, v1 lists it, {TOPIC} accepts none before it)"),
        (TopicSchema(TOPIC, first="r2", last="r3"), "r1 (it is v1, v1 lists it)"),
    ],
)
def test_a_refused_deletion_names_the_revision_and_who_needs_it(topic: TopicSchema, said: str) -> None:
    listed = [a_version(1, revisions=("r1",)), *versions(21)[1:]]
    there = [a_revision(each) for each in listed[:20]]
    (refusal,) = plan_schema(NAME, listed, there, [topic]).refusals
    assert said in refusal.why
    assert "1 old one must go" in refusal.why
    allowed = plan_schema(NAME, listed, there, [topic], may_delete=True)
    assert allowed.steps == (Delete("r1", f"the oldest of 20{said.removeprefix('r1')}"), Commit(21))


def test_the_last_revision_of_a_topic_stays_whatever_is_allowed() -> None:
    listed = versions(21)
    there = [a_revision(each) for each in listed[:20]]
    (refusal,) = plan_schema(NAME, listed, there, [TopicSchema(TOPIC, last="r1")], may_delete=True).refusals
    assert f"r1 is the last one that {TOPIC} accepts" in refusal.why


def test_a_revision_is_listed_by_its_own_version() -> None:
    listed = [a_version(1, revisions=("r2",)), a_version(2)]
    (refusal,) = plan_schema(NAME, listed, [a_revision(each) for each in listed]).refusals
    assert (refusal.why, refusal.rule) == ("v1 lists revision r2, which is v2", Rule.CONTRACT_INVALID)
    assert not plan_schema(NAME, [a_version(1, revisions=("elsewhere",))], []).refusals


@given(st.data())
def test_whatever_is_there_the_newest_versions_are_in_it_afterwards(data: st.DataObject) -> None:
    contents = data.draw(st.lists(st.integers(1, 30), min_size=1, max_size=45))
    listed = [a_version(number, str(content)) for number, content in enumerate(contents, 1)]
    before = data.draw(st.integers(0, len(listed)))
    published = done(plan_schema(NAME, listed[:before], [], may_delete=True), listed, []) if before else []
    gone = data.draw(st.integers(0, max(0, len(published) - 1)))
    there = published[gone:]

    plan = plan_schema(NAME, listed, there, may_delete=True)
    after = done(plan, listed, there)

    assert len(after) <= MOST_REVISIONS
    assert len({each.id for each in after}) == len(after)
    kept = {each.content for each in after}
    assert len(kept) == len(after) - (len(there) - len({each.content for each in there}))  # nothing is there twice
    assert listed[-1].content in {each.content for each in (*there, *after)}
    assert plan_schema(NAME, listed, after, may_delete=True).steps == ()  # the same command again has nothing to do


@given(count=st.integers(1, 45), there=st.integers(0, 20))
def test_revisions_are_deleted_only_for_want_of_room_and_when_that_is_allowed(count: int, there: int) -> None:
    listed = versions(count)
    found = [a_revision(each) for each in listed[: min(there, count)]]
    missing = min(MOST_REVISIONS, count - len(found))
    too_many = max(0, len(found) + missing - MOST_REVISIONS)

    allowed = plan_schema(NAME, listed, found, may_delete=True)
    assert [each.revision for each in allowed.steps if isinstance(each, Delete)] == [
        f"r{n + 1}" for n in range(too_many)
    ]
    assert [each.version for each in allowed.steps if isinstance(each, Commit)] == [
        each.version for each in listed[count - missing :]
    ]
    asked = plan_schema(NAME, listed, found)
    assert bool(asked.refusals) is bool(too_many)
    assert asked.steps == (() if too_many else allowed.steps)


@given(count=st.integers(21, 45), cut=st.integers(0, 45))
def test_a_plan_that_was_cut_off_is_finished_by_the_next_one(count: int, cut: int) -> None:
    listed = versions(count)
    there = [a_revision(each) for each in listed[:20]]
    plan = plan_schema(NAME, listed, there, may_delete=True)
    whole = done(plan, listed, there)

    between = done(plan._replace(steps=plan.steps[:cut]), listed, there)
    rest = done(plan_schema(NAME, listed, between, may_delete=True), listed, between)

    assert [each.content for each in rest] == [each.content for each in whole]
