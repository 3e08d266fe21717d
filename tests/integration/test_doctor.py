"""`headrace doctor` on both emulators: a project that is as it should be, and what it says of one that is not."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from headrace.cli.app import app
from headrace.config.key_files import write_key_file
from headrace.core.resource_names import Names
from headrace.doctor.check_permissions import permission_checks
from headrace.doctor.findings import Level
from headrace.doctor.needed_permissions import needs
from headrace.doctor.permission_resources import by_resource
from headrace.doctor.run_checks import Running
from headrace.errors import Exit
from headrace.provision import Clients, apply, plan
from headrace.runtime.google_clients import open_bigquery, open_gapic_publisher, open_subscriber
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES
from tests.support.builders import PACKAGE

pytestmark = pytest.mark.emulators
Found = dict[str, dict[str, Any]]


@dataclass
class Place:
    """A provisioned project of the sample contracts, and the variables that name it."""

    names: Names
    clients: Clients
    variables: dict[str, str]

    def doctor(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        shown = CliRunner(env=self.variables).invoke(app, ["doctor", "--json", *arguments])
        return shown.exit_code, json.loads(shown.stdout)

    def findings(self) -> Found:
        _, report = self.doctor()
        return {each["subject"]: each for each in report["findings"] if each["area"] != "permissions"}


@pytest.fixture
def place(nothing_set_but_emulators: None, project: str, tmp_path: Path) -> Place:
    for name in ("masking", "archive"):
        write_key_file(tmp_path / f"{name}.key", os.urandom(32))
    clients = Clients(open_gapic_publisher(), open_subscriber(), open_bigquery(project))
    apply(plan(PACKAGE, Names(project), "EU", clients))
    variables = {
        "HEADRACE_PROJECT": project,
        "HEADRACE_CONTRACTS": str(SAMPLES),
        "HEADRACE_MASKING_KEY_FILE": str(tmp_path / "masking.key"),
        "HEADRACE_ARCHIVE_KEY_FILE": str(tmp_path / "archive.key"),
    }
    return Place(Names(project), clients, variables)


@pytest.fixture
def nothing_set_but_emulators(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [each for each in os.environ if each.startswith("HEADRACE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_a_provisioned_project_is_healthy(place: Place) -> None:
    code, report = place.doctor("--for", "run")
    assert (code, report["healthy"]) == (Exit.DONE, True), report
    found = {each["subject"]: each for each in report["findings"]}
    for resource in ("topic flight_departed", "subscription headrace-flight_departed", "table headrace.flights"):
        assert (found[resource]["level"], found[resource]["what"]) == ("ok", "as the contracts require")
    assert (found["clock"]["area"], found["clock"]["level"]) == ("clock", "ok")
    unasked = [each for each in report["findings"] if each["area"] == "permissions"]
    assert {each["what"] for each in unasked} == {"not checked, because an emulator has no permissions"}


def test_what_differs_from_the_contracts_is_a_problem_with_the_remedy(place: Place, tmp_path: Path) -> None:
    dataset = f"{place.names.project}.{place.names.dataset}"
    place.clients.bigquery.delete_table(f"{dataset}.bookings")
    place.clients.publisher.delete_topic(topic=place.names.topic("flight_departed"))
    place.clients.subscriber.delete_subscription(subscription=place.names.dead_letter_subscription)
    flights = place.clients.bigquery.get_table(f"{dataset}.flights")
    flights.description = "as an older version described it"
    place.clients.bigquery.update_table(flights, ["description"])

    code, report = place.doctor()

    assert code == Exit.FOUND
    found = {each["subject"]: each for each in report["findings"] if each["area"] == "resources"}
    assert {subject: each["level"] for subject, each in found.items() if each["level"] != "ok"} == {
        "topic flight_departed": "problem",
        "subscription headrace-flight_departed": "problem",
        "subscription headrace-dead-letters": "problem",
        "table headrace.bookings": "problem",
        "table headrace.flights": "warning",
    }
    assert found["table headrace.bookings"]["what"] == "does not exist"
    assert "`headrace provision`" in found["table headrace.bookings"]["remedy"]
    assert "its topic was deleted" in found["subscription headrace-flight_departed"]["what"]
    assert found["table headrace.flights"]["what"] == "differs: description"


def test_one_service_that_does_not_answer_leaves_the_other(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    found = place.findings()
    assert found["Pub/Sub at 127.0.0.1:1"]["level"] == "problem"
    assert found["topics, subscriptions"]["what"] == "not checked, because Pub/Sub at 127.0.0.1:1 has not answered"
    assert found["table headrace.flights"]["level"] == "ok"


def test_an_emulator_that_is_asked_for_permissions_is_not_checked(place: Place) -> None:
    """The Pub/Sub emulator answers 501; only Google Cloud is asked, but a service in between may answer the same."""
    needed = by_resource(needs(), Registry({each.ref: each for each in PACKAGE}), place.names)
    topics = {each: of_it for each, of_it in needed.items() if each.kind.value == "topic"}
    found = Running(permission_checks(topics, place.clients, Level.PROBLEM)).findings(time.monotonic() + 30)
    assert {each.finding.level for each in found} == {Level.UNKNOWN}
    assert len(found) == len(topics)


def test_nothing_is_changed(place: Place) -> None:
    dataset = place.clients.bigquery.get_dataset(f"{place.names.project}.{place.names.archive}")
    place.clients.bigquery.delete_dataset(dataset, delete_contents=True)
    assert place.findings()["dataset headrace_dead_letters"]["what"] == "does not exist"
    assert [change.what for change in plan(PACKAGE, place.names, "EU", place.clients)][:1] == ["dataset"]
