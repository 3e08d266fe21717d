"""What Terraform would make, as far as it can say without Google's provider: needs a Terraform, and no account."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any, Final

import promql_parser
import pytest

from deploy.permissions import Grant, grants, principals
from headrace.core.resource_names import DEAD_LETTERS, ENGINES, TALLIES
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES
from tests.support.terraform import READ
from tests.support.terraform_plan import planned

pytestmark = pytest.mark.skipif(shutil.which("terraform") is None, reason="no Terraform is installed")
REGISTRY = Registry.load(SAMPLES)
PEOPLE: Final = {each.name: [f"group:{each.name}@example.com"] for each in principals() if each.kind == "people"}
VALUES: Final[dict[str, Any]] = {
    "project": "some-project",
    "region": "europe-west1",
    "contracts": str(SAMPLES),
    "runbooks": "https://git.example.com/alerts.md",
    "alert_emails": ["on-call@example.com"],
    "members": PEOPLE,
}
EXISTING: Final[dict[str, Any]] = {
    "existing_topics": {"booking_created": "projects/some-project/topics/bookings"},
    "existing_subscriptions": {
        "projects/some-project/subscriptions/flights-to-bq": ["flight_departed"],
        "projects/another/subscriptions/flights-to-bq": ["flight_departed"],  # its owner grants access to it
    },
    "large_event_buckets": ["acme-large"],
}
# What a binding says of the resource that it is on, and what the code calls it.
ON: Final[dict[str, tuple[str, list[str]]]] = {
    "project": ("project", ["some-project"]),
    "topics": ("topic", ["flight_departed"]),
    "schemas": ("schema", list(REGISTRY.subjects)),
    "existing_topics": ("topic", ["bookings"]),
    "existing_subscriptions": ("subscription", ["flights-to-bq"]),
    "subscriptions": ("subscription", [f"headrace-{subject}" for subject in REGISTRY.subjects]),
    "dead_letter_topic": ("topic", [DEAD_LETTERS]),
    "dead_letter_subscription": ("subscription", [DEAD_LETTERS]),
    "dataset": ("dataset_id", ["headrace"]),
    "archive": ("dataset_id", ["headrace_dead_letters"]),
    "tables": ("table_id", [REGISTRY.latest(subject).options.table for subject in REGISTRY.subjects]),
    "evolving_tables": ("table_id", ["flights"]),
    "tallies": ("table_id", [TALLIES]),
    "engines": ("table_id", [ENGINES]),
    "letters": ("table_id", ["letters"]),
    "facts": ("table_id", ["facts"]),
    "trail": ("table_id", ["trail"]),
    "large_events": ("bucket", ["acme-large"]),
    "masking_key": ("secret_id", ["headrace-masking"]),
    "archive_key": ("secret_id", ["headrace-archive"]),
    "sealing_key": ("secret_id", ["headrace-sealing"]),
}


def bound(grant: Grant, plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [given for address, given in plan.items() if re.search(rf"_iam_member\.{grant.name}\[", address)]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return planned(
        tmp_path_factory.mktemp("everything"),
        {**VALUES, **EXISTING, "dataflow": True, "tables_provisioned": True, "evolving_tables": ["flights"]},
    )


@pytest.fixture(scope="module")
def little(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return planned(tmp_path_factory.mktemp("little"), VALUES)


def accounts(plan: dict[str, Any]) -> set[str]:
    return {found[1] for each in plan if (found := re.fullmatch(r'google_service_account\.headrace\["(\w+)"\]', each))}


def test_every_grant_is_planned_on_what_it_is_for(everything: dict[str, Any]) -> None:
    for grant in grants():
        there = bound(grant, everything)
        argument, names = ON.get(grant.resource, ("member", [there[0]["member"]]))
        assert sorted(each[argument] for each in there) == sorted(names), grant.name
        assert {each["role"] for each in there} <= {grant.role, f"google_project_iam_custom_role.{grant.name}.name"}
    assert accounts(everything) == {each.name for each in principals() if each.kind == "service"}


def test_what_exists_is_not_made_again(everything: dict[str, Any], tmp_path: Path) -> None:
    bookings = 'google_pubsub_subscription.subjects["booking_created"]'
    assert everything[bookings]["topic"] == "projects/some-project/topics/bookings"
    assert 'google_pubsub_topic.subjects["booking_created"]' not in everything
    both = {"projects/some-project/subscriptions/bookings-to-bq": ["booking_created"]}
    assert bookings not in planned(tmp_path, {**VALUES, **EXISTING, "existing_subscriptions": both})


def test_without_dataflow_there_is_nothing_of_it(little: dict[str, Any]) -> None:
    assert [grant.name for grant in grants() if grant.dataflow and bound(grant, little)] == []
    assert accounts(little) == {each.name for each in principals() if each.kind == "service" and not each.dataflow}
    assert [each for each in little if "staging" in each or "images" in each] == []


def test_before_the_tables_are_there_nothing_is_granted_on_them(little: dict[str, Any]) -> None:
    assert [each for each in little if "bigquery_table_iam" in each or "open_letters" in each] == []


def test_queries_of_alerts_are_whole(everything: dict[str, Any]) -> None:
    queries = [
        given["conditions"][0]["condition_prometheus_query_language"][0]["query"]
        for address, given in everything.items()
        if address.startswith("google_monitoring_alert_policy.")
    ]
    assert len(queries) == len(READ.locals["alerts"])
    for query in queries:
        promql_parser.parse(query)
    assert any('topic_id=~"booking_created|flight_departed"' in query for query in queries)


def test_wrong_values_are_refused(tmp_path: Path) -> None:
    wrong = {
        "members": {"stranger": ["user:a@example.com"], "analyst": ["allUsers"]},
        "project": "Some Project",
        "runbooks": "docs/alerts.md",
    }
    with pytest.raises(AssertionError) as refused:
        planned(tmp_path, {**VALUES, **wrong})
    found = " ".join(re.sub(r"[│╷╵]", " ", str(refused.value)).split())
    for message in (
        "identity that docs/permissions.md does not know",
        "never allUsers",
        "A project id",
        "https:// addr",
    ):
        assert message in found
