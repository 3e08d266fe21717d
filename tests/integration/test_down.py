"""`headrace down --everything` on a Pub/Sub and the BigQuery emulator: what goes, what stays, and when it refuses."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import NotFound
from google.cloud import bigquery
from typer.testing import CliRunner

from headrace.cli.app import app
from headrace.core.resource_names import TALLIES, Names
from headrace.errors import Exit
from headrace.pubsub.job_subscription import subscription_for
from headrace.removal.bigquery_items import bigquery_items, own_tables
from headrace.removal.items import Fate, remove_all
from headrace.runtime.clock import now_micros
from headrace.runtime.exit_codes import explain
from headrace.runtime.google_clients import open_bigquery, open_gapic_publisher, open_subscriber
from headrace.schemas.registry import Registry, parse_contract
from headrace.schemas.samples import SAMPLES
from tests.integration.test_service import flight_message
from tests.support.builders import FLIGHT
from tests.support.jobs import COMMAND, a_key, a_running_job, wait_for
from tests.support.service import Service, a_service

pytestmark = pytest.mark.emulators


@dataclass
class Trial:
    """A provisioned project, and the command in its folder."""

    service: Service
    folder: Path

    @property
    def names(self) -> Names:
        return self.service.names

    @property
    def warehouse(self) -> bigquery.Client:
        return open_bigquery(self.names.project)

    def down(self, *arguments: str, typed: str | None = None) -> Any:
        environment = {
            "HEADRACE_PROJECT": self.names.project,
            "HEADRACE_CONTRACTS": str(self.service.settings.contracts),
            "HEADRACE_JOURNAL": str(self.service.settings.journal),
        }
        return CliRunner(env=environment).invoke(app, ["down", "--everything", *arguments], input=typed)

    def items(self, *arguments: str) -> dict[str, dict[str, Any]]:
        done = self.down(*arguments, "--json")
        assert done.exit_code == 0, done.output
        return {each["name"]: each for each in json.loads(done.stdout)["items"]}

    def is_there(self, ask: Callable[[], Any]) -> bool:
        try:
            ask()
        except NotFound:
            return False
        return True

    def has_topic(self, topic: str) -> bool:
        return self.is_there(lambda: open_gapic_publisher().get_topic(topic=topic))

    def has_subscription(self, name: str) -> bool:
        return self.is_there(lambda: open_subscriber().get_subscription(subscription=name))

    def has_table(self, name: str) -> bool:
        return self.is_there(lambda: self.warehouse.get_table(f"{self.names.project}.{name}"))

    def has_dataset(self, name: str) -> bool:
        return self.is_there(lambda: self.warehouse.get_dataset(f"{self.names.project}.{name}"))


@pytest.fixture
def trial(project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in [each for each in os.environ if each.startswith("HEADRACE_")]:
        monkeypatch.delenv(name)
    return Trial(a_service(project, journal=tmp_path / "journal"), tmp_path)


def reason(done: Any) -> tuple[Exit, str]:
    """Exit code and sentence of a command that ended with an error, as the program prints it."""
    assert done.exception is not None
    return explain(done.exception)


def test_everything_that_was_provisioned_goes_and_nothing_is_left(trial: Trial) -> None:
    trial.service.publish("flight_departed", [flight_message("f-1")])
    trial.service.run_until(1)

    listed = trial.items("--dry-run")
    assert {each["fate"] for each in listed.values()} == {"remove"}
    assert trial.has_topic(trial.names.topic("flight_departed")), "a dry run removes nothing"

    done = trial.items("--yes", trial.names.project)
    assert done.keys() == listed.keys()
    assert {each["fate"] for each in done.values()} == {"removed"}
    assert not trial.service.settings.journal.exists()
    assert trial.items("--dry-run") == {}
    assert trial.service.provision() > 0, "and it can all be made again"


def test_the_list_names_each_resource_with_what_is_in_it(trial: Trial) -> None:
    trial.service.publish("flight_departed", [flight_message("f-1"), flight_message("f-2")])
    trial.service.run_until(2)
    project, names = trial.names.project, trial.names

    listed = trial.items("--dry-run")

    subjects = Registry.load(SAMPLES).subjects
    assert {name for name, each in listed.items() if each["kind"] == "topic"} == {
        *map(names.topic, subjects),
        names.dead_letter_topic,
    }
    tables = {f"{project}.{names.dataset}.{each}" for each in own_tables(Registry.load(SAMPLES))}
    archive = {f"{project}.{names.archive}.{each}" for each in ("letters", "facts", "trail")}
    assert {name for name, each in listed.items() if "table" in each["kind"] or "view" in each["kind"]} == (
        tables | archive
    )
    assert listed[f"{project}.{names.dataset}.flights"]["rows"] == 2
    assert listed[str(trial.service.settings.journal)]["bytes"] > 0


def test_subscriptions_go_before_topics_and_tables_before_their_dataset(trial: Trial) -> None:
    kinds = [each["kind"] for each in trial.items("--dry-run").values()]
    assert max(place for place, kind in enumerate(kinds) if kind == "subscription") < kinds.index("topic")
    assert kinds.index("view") < kinds.index("table") < kinds.index("dataset")


def test_a_foreign_table_stays_with_its_dataset(trial: Trial) -> None:
    project, dataset = trial.names.project, trial.names.dataset
    trial.warehouse.create_table(bigquery.Table(f"{project}.{dataset}.my_own", [bigquery.SchemaField("a", "STRING")]))

    done = trial.items("--yes", project)

    assert trial.has_table(f"{dataset}.my_own")
    assert not trial.has_table(f"{dataset}.{TALLIES}")
    kept = done[f"{project}.{dataset}"]
    assert (kept["fate"], kept["why"]) == ("keep", f"it holds {project}.{dataset}.my_own")
    assert not trial.has_dataset(trial.names.archive)


def test_a_table_of_a_contracts_name_that_was_not_provisioned_stays(trial: Trial) -> None:
    project, dataset = trial.names.project, trial.names.dataset
    trial.warehouse.delete_table(f"{project}.{dataset}.flights")
    trial.warehouse.create_table(bigquery.Table(f"{project}.{dataset}.flights", [bigquery.SchemaField("a", "STRING")]))

    done = trial.items("--yes", project)

    assert trial.has_table(f"{dataset}.flights")
    assert done[f"{project}.{dataset}.flights"]["why"] == "`headrace provision` did not create it"


def test_a_topic_and_a_subscription_that_were_there_before_stay(
    project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    names = Names(project)
    topic, of_terraform = names.topic("flight_departed"), names.subscription("flight_departed")
    open_gapic_publisher().create_topic(name=topic)
    wanted = subscription_for(of_terraform, topic, now_micros())
    del wanted.labels["headrace-provisioned"]  # Terraform gives the other label
    open_subscriber().create_subscription(request=wanted)
    trial = Trial(a_service(project, journal=tmp_path / "journal"), tmp_path)

    done = trial.items("--yes", project)

    assert trial.has_topic(topic)
    assert trial.has_subscription(of_terraform)
    assert {done[each]["why"] for each in (topic, of_terraform)} == {"`headrace provision` did not create it"}
    assert not trial.has_subscription(names.subscription("booking_created"))


def test_a_topic_that_somebody_else_reads_stays_and_so_does_the_reader(trial: Trial) -> None:
    topic, reader = trial.names.topic("flight_departed"), f"projects/{trial.names.project}/subscriptions/billing"
    open_subscriber().create_subscription(name=reader, topic=topic)

    done = trial.items("--yes", trial.names.project)

    assert trial.has_topic(topic)
    assert trial.has_subscription(reader)
    assert (done[topic]["fate"], done[topic]["why"]) == ("keep", f"{reader} reads it")


def test_a_topic_outside_of_the_contracts_is_not_even_listed(trial: Trial) -> None:
    foreign = f"projects/{trial.names.project}/topics/flight_departed_copy"
    open_gapic_publisher().create_topic(name=foreign)

    assert foreign not in trial.items("--yes", trial.names.project)
    assert trial.has_topic(foreign)


def test_rollups_go_too(project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    written = json.loads(FLIGHT.json)
    rollup = {"name": "flights_by_carrier", "by": {"carrier": "carrier"}, "measures": {"flights": "COUNT(*)"}}
    written["headrace"]["rollups"] = [rollup]
    contracts = tmp_path / "contracts"
    contracts.mkdir()
    (contracts / "flight_departed.v1.avsc").write_text(json.dumps(written))
    contract = parse_contract(FLIGHT.ref, json.dumps(written))
    service = a_service(project, Registry({contract.ref: contract}), journal=tmp_path / "journal")
    service.settings = service.settings.model_copy(update={"contracts": contracts})
    trial = Trial(service, tmp_path)

    done = trial.items("--yes", project)

    view = done[f"{project}.{trial.names.dataset}.flights_by_carrier"]
    assert (view["kind"], view["fate"]) == ("materialized view", "removed")
    assert not trial.has_dataset(trial.names.dataset)


def test_a_failure_is_named_and_the_next_run_removes_the_rest(trial: Trial) -> None:
    folder = trial.service.settings.journal
    (folder / "journal.db").mkdir(parents=True)  # a folder where a file is expected

    done = trial.down("--yes", trial.names.project, "--json")

    code, sentence = reason(done)
    assert code == Exit.FOUND
    assert "1 item could not be removed" in sentence
    assert "run the command again" in sentence
    (failed,) = [each for each in json.loads(done.stdout)["items"] if each["fate"] == "failed"]
    assert failed["name"] == str(folder)
    assert failed["why"]
    assert not trial.has_dataset(trial.names.dataset), "everything else is gone"

    (folder / "journal.db").rmdir()
    (folder / "journal.db").touch()
    assert [each["kind"] for each in trial.items("--yes", trial.names.project).values()] == ["journal"]
    assert not folder.exists()


def test_a_table_that_is_made_while_the_question_is_open_keeps_its_dataset(trial: Trial) -> None:
    project, dataset = trial.names.project, trial.names.dataset
    listed = bigquery_items(Registry.load(SAMPLES), trial.names, trial.warehouse)
    trial.warehouse.create_table(bigquery.Table(f"{project}.{dataset}.my_own", [bigquery.SchemaField("a", "STRING")]))

    done = {each.name: each for each in remove_all(listed, lambda item: None)}

    kept = done[f"{project}.{dataset}"]
    assert kept.fate is Fate.FAILED
    assert "it holds my_own now" in kept.why
    assert trial.has_table(f"{dataset}.my_own")
    assert not trial.has_table(f"{dataset}.{TALLIES}")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--yes", "another-project"], "another name was given; nothing was removed"),
        ([], "stdin is not a terminal, so nothing was removed; add --yes"),
    ],
)
def test_without_the_right_name_nothing_is_removed(trial: Trial, arguments: list[str], expected: str) -> None:
    code, sentence = reason(trial.down(*arguments))
    assert code == Exit.USAGE
    assert expected in sentence
    assert trial.has_topic(trial.names.topic("flight_departed"))


def test_it_refuses_while_an_engine_runs_wherever_its_journal_is(trial: Trial) -> None:
    elsewhere = trial.folder / "another-machine"
    elsewhere.mkdir()
    with a_running_job(trial.names.project, a_key(elsewhere)) as job:
        wait_for_claim(trial)
        code, sentence = reason(trial.down("--yes", trial.names.project))
        job.send_signal(signal.SIGTERM)
        job.communicate(timeout=60)
    assert code == Exit.CONFIGURATION
    assert "reads these subscriptions" in sentence
    assert "stop it, or wait until then" in sentence
    assert trial.has_topic(trial.names.topic("flight_departed"))
    assert {each["fate"] for each in trial.items("--yes", trial.names.project).values()} == {"removed"}, "once drained"


def wait_for_claim(trial: Trial) -> None:
    wait_for(lambda: bool(trial.service.rows("headrace_engines", "engine")), 60)


def test_local_asks_no_service(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    trial.service.publish("flight_departed", [flight_message("f-1")])
    trial.service.run_until(1)
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", "http://127.0.0.1:1")

    done = trial.items("--local", "--yes", trial.names.project)

    assert [each["kind"] for each in done.values()] == ["journal"]
    assert not trial.service.settings.journal.exists()


def test_on_a_terminal_the_name_of_the_project_is_asked_for(trial: Trial) -> None:
    """A person types another name, then the right one."""
    environment = os.environ | {
        "HEADRACE_PROJECT": trial.names.project,
        "HEADRACE_CONTRACTS": str(SAMPLES),
        "HEADRACE_JOURNAL": str(trial.service.settings.journal),
    }
    for typed, code in (("something-else", Exit.USAGE), (trial.names.project, Exit.DONE)):
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [*COMMAND, "down", "--everything"],
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        ) as asked:
            os.close(theirs)
            os.write(ours, f"{typed}\n".encode())
            _, shown = asked.communicate(timeout=120)
        os.close(ours)
        assert "type the name of the project to agree" in shown
        assert asked.returncode == code
        assert trial.has_topic(trial.names.topic("flight_departed")) == (code != Exit.DONE)
