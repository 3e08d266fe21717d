"""The table of permissions: it holds together, and what is made from it is committed."""

from __future__ import annotations

import pytest

from deploy.permissions import METHODS, RESOURCES, SOURCE_OF, SOURCES, differences, files, grants, principals

ONLY_ON_PROJECTS = {
    "bigquery.jobs.create",
    "pubsub.schemas.validate",
    "pubsub.topics.list",
    "roles/bigquery.jobUser",
    "roles/dataflow.developer",
    "roles/dataflow.worker",
}


def test_what_is_generated_is_committed() -> None:
    stale = [path.name for path, text in files().items() if path.read_text() != text]
    assert stale == [], "run `python -m deploy.permissions`"


def test_on_the_project_is_granted_what_exists_nowhere_else_or_does_not_exist_yet() -> None:
    on_project = [each for each in grants() if each.resource == "project"]
    before_it_exists = {("contract_checker", "pubsub.schemas.listRevisions")}
    granted = {(each.principal, may) for each in on_project for may in each.permissions or (each.role,)}
    assert before_it_exists <= granted
    assert {may for _, may in granted - before_it_exists} == ONLY_ON_PROJECTS


def test_no_role_is_wider_than_its_work() -> None:
    wide = ("owner", "editor", "viewer", "admin")
    # Without storage.objects.list, Cloud Storage answers 403 for an object that does not exist, and the job would wait.
    read_only = "roles/storage.objectViewer"
    others = [each for each in grants() if each.principal != "analyst" and each.role != read_only]
    assert [each.name for each in others if each.role.lower().endswith(wide)] == []
    assert [each.resource for each in grants() if each.role == read_only] == ["large_events"]


def test_a_predefined_role_names_its_user_and_so_does_what_no_emulator_can_record() -> None:
    for grant in grants():
        unrecorded = grant.resource == "metrics"
        assert bool(grant.permissions) != bool(grant.used_by) or unrecorded, grant.name
        assert grant.used_by or not unrecorded, grant.name
        assert grant.why, grant.name


def test_every_principal_has_a_grant_on_a_known_resource() -> None:
    known = {each.name for each in principals()}
    assert {each.principal for each in grants()} == known
    assert {each.resource for each in grants()} <= set(RESOURCES)
    assert {each.kind for each in principals()} == {"service", "people", "agent"}
    assert all(bool(each.account) == (each.kind == "agent") for each in principals())


def test_every_method_has_a_source() -> None:
    assert set(SOURCE_OF.values()) == set(SOURCES)
    assert all(METHODS.values())


def test_names_are_as_long_as_google_allows() -> None:
    assert all(len(each.role) <= 64 for each in grants() if each.is_custom)
    assert all(len(f"headrace-{each.name}") <= 30 for each in principals() if each.kind == "service")


def test_grants_have_names_of_their_own() -> None:
    names = [each.name for each in grants()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("used", "needed", "unused"),
    [
        ({("dead_letter_subscription", "pubsub.subscriptions.consume")}, 0, 1),
        (
            {
                ("dead_letter_subscription", "pubsub.subscriptions.consume"),
                ("letters", "bigquery.tables.updateData"),
                ("letters", "bigquery.tables.getData"),
            },
            1,
            0,
        ),
    ],
)
def test_what_is_used_is_compared_both_ways(used: set[tuple[str, str]], needed: int, unused: int) -> None:
    found = differences("collector", used)
    assert (len(found[0]), len(found[1])) == (needed, unused)


def test_a_grant_on_a_dataset_covers_its_tables() -> None:
    used = {("tallies", "bigquery.tables.getData"), ("letters", "bigquery.tables.getData")}
    assert differences("provisioner", used)[0] == {("letters", "bigquery.tables.getData")}
