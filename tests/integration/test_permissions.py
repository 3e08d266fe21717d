"""Each principal does its work while every call is recorded; what it used is what it is granted, no more, no less."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from google.api_core.exceptions import GoogleAPICallError
from google.pubsub_v1.types import Schema
from typer.testing import CliRunner

from deploy.open_letters import open_letters
from deploy.permissions import differences, principals
from headrace.backfill.build_backfill import Reading, build_backfill
from headrace.beam.load_target import LoadOptions
from headrace.bigquery.add_columns import add_columns
from headrace.bigquery.existing_rows import StoredRows, StoredTallies
from headrace.bigquery.table_identity import Witness, look_at_table, missing_witnesses
from headrace.bigquery.write_streams import WriteStreams
from headrace.cli.app import app
from headrace.cli.commands.backfill_day import build_replacement
from headrace.config.key_files import write_key_file
from headrace.config.settings import Settings
from headrace.config.subscription_settings import SubscriptionSettings
from headrace.console.archive_access import open_collector
from headrace.contract_publish.plan_schema import MOST_REVISIONS
from headrace.core.message import Message
from headrace.core.outcome import Outcome
from headrace.core.resource_names import ENGINES, TALLIES
from headrace.core.tally import tally_unread
from headrace.engine.subscription_claims import SubscriptionClaims
from headrace.job import job_of
from headrace.pipeline import load
from headrace.producers import EventProducer, PubSubPublisher
from headrace.provision import Clients, apply, plan
from headrace.runtime.google_clients import (
    open_bigquery,
    open_gapic_publisher,
    open_schemas,
    open_subscriber,
    open_write,
)
from headrace.schemas.envelope import SchemaRef, to_micros
from headrace.schemas.registry import Registry, parse_contract
from headrace.schemas.samples import SAMPLES
from tests.integration.test_beam_job import the_job, the_pullers
from tests.integration.test_compact import a_line, tallied
from tests.integration.test_service import Wire, a_message, flight_message
from tests.support.beam_engine import BeamEngine, NamedKey
from tests.support.buckets import a_bucket
from tests.support.builders import BOOKING, FLIGHT, PACKAGE, a_booking, a_flight
from tests.support.calls import Calls, recording
from tests.support.files import as_ndjson
from tests.support.service import Service

pytestmark = pytest.mark.emulators
MINUTE = timedelta(minutes=1)
BY_TERRAFORM = {"topic", "subscription", "dataset"}
OLDER = Registry({each.ref: each for each in PACKAGE if each.ref != BOOKING.ref})
WITH_ROLLUP = json.loads(FLIGHT.json)
WITH_ROLLUP["headrace"]["rollups"] = [
    {"name": "flights_by_carrier", "by": {"carrier": "carrier"}, "measures": {"flights": "COUNT(*)"}}
]
ROLLED_UP = Registry(
    {**{each.ref: each for each in PACKAGE}, FLIGHT.ref: parse_contract(FLIGHT.ref, json.dumps(WITH_ROLLUP))}
)
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)


def a_wire(name: str, **changes: Any) -> Wire:
    return a_message(BOOKING, a_booking(created_at=NOW, **changes), name)


class Day:
    """One project on its first day, and all its principals."""

    def __init__(self, project: str, folder: Path) -> None:
        for name in ("archive", "masking"):
            write_key_file(folder / f"{name}.key", os.urandom(32))
        self.topic, self.subscription = (
            f"projects/{project}-shop/topics/bookings",
            f"projects/{project}-shop/subscriptions/flights-to-bq",
        )
        topics = {"booking_created": self.topic}
        subscription = SubscriptionSettings(name=self.subscription, subject="flight_departed")
        self.environment: dict[str, str | None] = {
            "HEADRACE_PROJECT": project,
            "HEADRACE_TOPICS": json.dumps(topics),
            "HEADRACE_SUBSCRIPTIONS": json.dumps([{"name": self.subscription, "subject": "flight_departed"}]),
            "HEADRACE_CONTRACTS": str(SAMPLES),
            "HEADRACE_ARCHIVE_KEY_FILE": str(folder / "archive.key"),
            "HEADRACE_MASKING_KEY_FILE": str(folder / "masking.key"),
            "HEADRACE_ACTOR": "ada",
        }
        settings = Settings(
            project=project,
            contracts=SAMPLES,
            archive_key_file=folder / "archive.key",
            journal=folder / "journal",
            topics=topics,
            subscriptions=(subscription,),
        )
        self.service = Service(PACKAGE, settings)
        self.calls = Calls(settings.names, ROLLED_UP)
        self.flight = a_flight(scheduled_at=NOW, departed_at=NOW)

    def terraform(self) -> None:
        """Make what another team has made, and what Terraform makes."""
        open_gapic_publisher().create_topic(name=self.topic)
        flights = f"projects/{self.service.settings.project}-shop/topics/flights"
        open_gapic_publisher().create_topic(name=flights)
        open_subscriber().create_subscription(name=self.subscription, topic=flights)
        settings = self.service.settings
        clients = Clients(open_gapic_publisher(), open_subscriber(), open_bigquery(settings.project))
        apply([each for each in plan(PACKAGE, settings.names, "EU", clients) if each.what in BY_TERRAFORM])

    def provision(self) -> None:
        with self.calls.by("provisioner"):
            self.service.registry = OLDER
            self.service.provision()
        self.age_the_archive()
        with self.calls.by("provisioner"):
            self.service.registry = ROLLED_UP
            assert self.service.provision() > 0, "an update"

    def age_the_archive(self) -> None:
        """Make its table as an older version has made it, so that there is something to update."""
        names, client = self.service.names, open_bigquery(self.service.names.project)
        letters = client.get_table(f"{names.project}.{names.archive}.letters")
        letters.description = "as an older version described it"
        client.update_table(letters, ["description"])

    def publish(self) -> None:
        with (
            self.calls.by("publisher"),
            EventProducer(
                PubSubPublisher(self.service.settings.project, topics=self.service.settings.topics),
                source="/a",
                contracts=PACKAGE,
            ) as producer,
        ):
            producer.publish("flight_departed", self.flight)
            producer.publish("booking_created", a_booking(created_at=NOW))

    def ingest(self, acknowledged: int) -> None:
        with self.calls.by("job"):
            self.service.run_until(acknowledged)

    def backfill(self, folder: Path) -> None:
        """A file with a flight that has streamed in, one that has not, and a line that is none."""
        file = as_ndjson(folder / "flights.ndjson", FLIGHT, [self.flight, {**self.flight, "flight": 9}, {}])
        settings = self.service.settings.model_copy(
            update={"journal": folder / "backfill", "masking_key_file": folder / "masking.key"}
        )
        with self.calls.by("backfiller"):
            engine, source = build_backfill(settings, Reading.of(settings, "flight_departed", [str(file)], None))
            engine.run()
        assert source.finished
        assert engine.status.subjects["flight_departed"].counts["written"] == 1

    def replace_a_day(self, folder: Path) -> None:
        """The day of that flight, as a file has it."""
        file = as_ndjson(folder / "day.ndjson", FLIGHT, [self.flight])
        settings = self.service.settings.model_copy(
            update={"journal": folder / "day", "masking_key_file": folder / "masking.key"}
        )
        task = replace(Reading.of(settings, "flight_departed", [str(file)], None).task, loaded=True)
        with self.calls.by("backfiller"):
            engine, replacement = build_replacement(settings, task, f"{NOW:%Y-%m-%d}")
            engine.run()
        assert replacement.finished

    def load(self, folder: Path, bucket: str) -> None:
        """A flight more, as Dataflow's workers do it."""
        file = as_ndjson(folder / "more.ndjson", FLIGHT, [self.flight, {**self.flight, "flight": 10}])
        job = job_of(self.service.settings, "flight_departed", NamedKey("masking"))
        task = Reading.of(self.service.settings, "flight_departed", [str(file)], None).task
        with self.calls.by("backfiller"), beam.Pipeline(FnApiRunner()) as pipeline:
            names = self.service.names
            options = LoadOptions(
                name="a-load",
                folder=bucket,
                contract=FLIGHT,
                names=names,
                shards=2,
                window=MINUTE,
                sealing=NamedKey("sealing"),
            )
            load(pipeline, job, task, options)

    def collect(self, letters: int) -> None:
        with self.calls.by("collector"):
            collector = open_collector(self.service.settings, threading.Event())
            while collector.collected < letters:
                collector.collect()

    def look_after_a_mishap(self, principal: str) -> None:
        """What the engine asks only when an append is refused or its outcome is unknown."""
        names = self.service.names
        client = open_bigquery(names.project)
        tally = tally_unread([Message("flight_departed", b"", {}, "m", 1_000_000)], Outcome.RECEIVED, MINUTE).counts
        rows = tally.append_column("tally_id", pa.array(["t"])).append_column("tallied_at", pa.array([NOW]))
        with self.calls.by(principal):
            StoredRows(client, names.sql("flights")).schema_mismatches([])
            StoredRows(client, names.sql(TALLIES)).schema_mismatches([])
            StoredTallies(client, names.sql(TALLIES)).count(rows)

    def evolve(self) -> None:
        """What the engine does when a new version of a contract lets it add columns."""
        fields = [*json.loads(FLIGHT.json)["fields"], {"name": "gate", "type": ["null", "string"], "default": None}]
        newer = parse_contract(SchemaRef(FLIGHT.subject, 2), json.dumps(json.loads(FLIGHT.json) | {"fields": fields}))
        registry, names = Registry({each.ref: each for each in (FLIGHT, newer)}), self.service.names
        with self.calls.by("job"):
            assert add_columns(open_bigquery(names.project), registry, FLIGHT.subject, names) != []

    def let_hours_pass(self, principal: str) -> None:
        """What the engine asks every ten minutes, and every hour."""
        names = self.service.names
        client, streams = open_bigquery(names.project), WriteStreams(open_write(names.project), 10.0)
        ours = [names.subscription("flight_departed")]
        claims = SubscriptionClaims(
            "e",
            "r",
            holder="nobody",
            subscriptions=ours,
            path=names.table(ENGINES),
            sql=names.sql(ENGINES),
            client=client,
            streams=streams,
        )
        with self.calls.by(principal):
            looked = look_at_table(client, names.sql("flights"))
            assert missing_witnesses(client, looked, [Witness("nobody wrote it", to_micros(NOW))]) == 1
            claims.forget({"nobody"}, NOW)

    def watch(self) -> None:
        """Ask whether letters are open for too long, as the scheduled query does."""
        names, client = self.service.names, open_bigquery(self.service.names.project)
        with self.calls.by("watcher"):
            (row,) = client.query_and_wait(open_letters(names.project, names.archive, "1"))
        assert row["open_letters"] == 0
        with pytest.raises(GoogleAPICallError, match="open for more than"):
            client.query_and_wait(open_letters(names.project, names.archive, "0"))

    def compact(self) -> None:
        """Put tallies together, once they are old enough, and are not the last of their engine."""
        tallied(self.service, [a_line(number) for number in range(9)])
        aged = f"UPDATE {self.service.names.sql(TALLIES)} SET tallied_at = TIMESTAMP_SUB(tallied_at, INTERVAL 10 DAY)"
        open_bigquery(self.service.names.project).query_and_wait(f"{aged} WHERE TRUE")
        done = json.loads(self.command("compactor", "tallies", "compact", "--json", key=False))
        assert done["subjects"], "lines to put together"

    def check_contracts(self) -> None:
        """Compare the contracts with what services hold."""
        for service in ("pubsub", "bigquery"):
            self.command("contract_checker", "contracts", "check", "--against", service, key=False)

    def publish_contracts(self) -> None:
        """Commit a version to a schema that has as many revisions as one can have."""
        project, schemas = self.service.settings.project, open_schemas()
        for subject in PACKAGE.subjects:  # Terraform makes them
            text = (SAMPLES / f"{subject}.v1.avsc").read_text()
            first = Schema(type_=Schema.Type.AVRO, definition=text)
            made = schemas.create_schema(parent=f"projects/{project}", schema=first, schema_id=subject)
            for _ in range(MOST_REVISIONS - 1):
                schemas.commit_schema(name=made.name, schema=Schema(first, name=made.name))
        words = ("contracts", "publish", "--apply", "--delete-oldest-revision", "--json")
        done = json.loads(self.command("contract_publisher", *words, key=False))
        assert {"delete", "commit"} <= {each["action"] for each in done["changes"]}

    def remove(self, folder: Path) -> None:
        """Remove everything, with the contracts that provisioned it; the user's own cache is somewhere else."""
        contracts = folder / "contracts"
        contracts.mkdir()
        for each in ROLLED_UP:
            (contracts / f"{each.subject}.v{each.ref.version}.avsc").write_text(each.json)
        self.environment |= {"HEADRACE_CONTRACTS": str(contracts), "XDG_CACHE_HOME": str(folder / "cache")}
        journal = ("--journal", str(self.service.settings.journal))
        project = self.service.settings.project
        done = json.loads(self.command("remover", "down", "--everything", *journal, "--yes", project, "--json"))
        assert {each["kind"] for each in done["items"] if each["fate"] == "keep"} == {"key"}

    def command(self, principal: str, *arguments: str, key: bool = True) -> str:
        environment = self.environment | ({} if key else {"HEADRACE_ARCHIVE_KEY_FILE": None})
        with self.calls.by(principal):
            done = CliRunner(env=environment).invoke(app, arguments)
        assert done.exit_code == 0, done.output
        return done.stdout


def test_what_each_principal_uses_is_what_it_is_granted(project: str, tmp_path: Path, objects: Path) -> None:
    day = Day(project, tmp_path)
    with recording(day.calls):
        day.terraform()
        day.provision()
        day.publish()
        day.service.publish("flight_departed", [flight_message("f-1"), (b"x", {})])
        day.service.publish("booking_created", [a_wire("b-0"), (b"x", a_wire("b-1")[1])])
        day.ingest(6)
        day.look_after_a_mishap("job")
        day.evolve()
        day.let_hours_pass("job")
        day.backfill(tmp_path)
        day.look_after_a_mishap("backfiller")
        day.replace_a_day(tmp_path)
        with a_bucket(tmp_path, objects) as bucket:
            day.load(tmp_path, f"gs://{bucket.name}")
        day.collect(3)
        day.watch()
        day.command("auditor", "audit", "--grace", "0s", key=False)
        day.command("auditor", "cost", "measure", key=False)
        of_people(day, tmp_path / "letters.ndjson")
        day.compact()
        day.check_contracts()
        day.publish_contracts()
        day.remove(tmp_path)
    found = {each.name: differences(each.name, day.calls.used[each.name]) for each in principals()}
    assert {name: needed for name, (needed, _) in found.items() if needed} == {}, "needed and not granted"
    assert {name: unused for name, (_, unused) in found.items() if unused} == {}, "granted and not used"


def test_the_job_that_dataflow_gets_needs_no_more(project: str, tmp_path: Path) -> None:
    day = Day(project, tmp_path)
    with recording(day.calls):
        day.terraform()
        day.service.provision()
        day.service.publish("flight_departed", [flight_message("f-1"), flight_message("f-1"), (b"x", {})])
        with day.calls.by("job"):
            BeamEngine(the_job(day.service), NamedKey("sealing"), the_pullers(day.service), 3).run()
    used = day.calls.used["job"]
    assert {("tables", "bigquery.tables.updateData"), ("dead_letter_topic", "pubsub.topics.publish")} <= used
    assert differences("job", used)[0] == set(), "needed and not granted"


def of_people(day: Day, file: Path) -> None:
    """What is done with two letters."""
    letters = ("dead-letters",)
    listed = json.loads(day.command("on_call", *letters, "list", "--json", key=False))
    day.command("on_call", *letters, "history", key=False)
    day.command("on_call", "status", key=False)
    first, second, _ = (each["letter_id"] for each in listed["dead_letters"])
    day.command("operator", *letters, "show", first, "--reveal", "--why", "a test")
    day.command("operator", *letters, "discard", first, "--why", "a test", "--yes")
    day.command("operator", *letters, "reopen", first, "--why", "a test", "--yes")
    day.command("operator", *letters, "export", "--file", str(file), "--why", "a test")
    day.command("operator", *letters, "history", first)
    day.command("operator", *letters, "history")
    day.command("replayer", "replay", "--also-failing", "--yes", "--why", "a test")
    file.write_text(file.read_text().replace(first, second[::-1]))
    day.command("importer", *letters, "import", str(file))
