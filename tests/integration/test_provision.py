"""Provisioning on both emulators: what is made comes back, and making it again changes nothing."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import NotFound
from google.cloud import bigquery
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1.types import BigQueryConfig, ExpirationPolicy, PushConfig, Subscription

from headrace.bigquery.completeness_view import completeness_view
from headrace.bigquery.service_tables import tallies_table
from headrace.bigquery.table_changes import evolved_table
from headrace.cli.app import main
from headrace.core.plan_changes import Change, PropertyChange
from headrace.core.plan_refusals import ProvisionError
from headrace.core.resource_names import COMPLETENESS, TALLIES, Names
from headrace.errors import Exit
from headrace.provision import Clients, apply, plan
from headrace.pubsub.job_subscription import subscription_for
from headrace.runtime.google_clients import open_bigquery, open_gapic_publisher, open_subscriber
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.registry import Contract, Registry, parse_contract
from headrace.schemas.samples import SAMPLES
from headrace.steps.mask.token_history import next_history
from tests.support.builders import a_contract, a_tokenised_contract

pytestmark = pytest.mark.emulators
PACKAGE = Registry.load(SAMPLES)


@dataclass
class Place:
    """A project of the emulators, and what can be done to it."""

    names: Names
    clients: Clients

    def plan(self, registry: Registry, masking_key_version: str = "1") -> list[Change]:
        return plan(registry, self.names, "EU", self.clients, masking_key_version)

    def provision(self, registry: Registry) -> list[str]:
        changes = self.plan(registry)
        apply(changes)
        return [f"{change.action} {change.what} {change.name.rpartition('/')[2]}" for change in changes]

    def table(self, name: str) -> bigquery.Table:
        return self.clients.bigquery.get_table(f"{self.names.project}.{self.names.dataset}.{name}")


@pytest.fixture
def place(project: str) -> Place:
    clients = Clients(open_gapic_publisher(), open_subscriber(), open_bigquery(project))
    return Place(Names(project), clients)


def things(*fields: Any, **annotations: Any) -> Registry:
    contract = a_contract(*fields, **annotations)
    return Registry({contract.ref: contract})


def create_dataset(place: Place, location: str) -> None:
    dataset = bigquery.Dataset(f"{place.names.project}.{place.names.dataset}")
    dataset.location = location
    place.clients.bigquery.create_dataset(dataset)


def columns(fields: Sequence[bigquery.SchemaField]) -> list[Any]:
    return [(each.name, each.field_type, each.mode, each.description, columns(each.fields)) for each in fields]


def table_properties(table: bigquery.Table) -> dict[str, Any]:
    partitioning = table.time_partitioning
    return {
        "columns": columns(table.schema),
        "description": table.description,
        "partitioning": (partitioning.type_, partitioning.field, partitioning.expiration_ms),
        "clustering": table.clustering_fields,
        "filter": bool(table.require_partition_filter),
    }


@pytest.mark.parametrize("contract", [PACKAGE.latest(subject) for subject in PACKAGE.subjects], ids=PACKAGE.subjects)
def test_a_table_comes_back_as_its_contract_describes_it(place: Place, contract: Contract) -> None:
    begun = datetime.now(UTC).date()
    place.provision(PACKAGE)

    table, refusals = evolved_table(PACKAGE, contract.subject, place.names)
    wanted, found = table_properties(table), table_properties(place.table(contract.options.table))
    tokens = "1" if contract.subject == "booking_created" else None
    described = {  # provisioning may take until after midnight
        next_history(None, None, tokens, day).beside(table.description) for day in (begun, datetime.now(UTC).date())
    }
    assert found.pop("description") in described
    assert wanted.pop("description") == contract.doc
    assert (found, refusals) == (wanted, [])


def test_the_tallies_come_back_as_described(place: Place) -> None:
    place.provision(PACKAGE)

    wanted = tallies_table(place.names.project, place.names.dataset)
    assert table_properties(place.table(TALLIES)) == table_properties(wanted)


@pytest.mark.parametrize("partition", ["hour", "day", "month"])
def test_partitions_expiry_and_filter_are_those_of_the_contract(place: Place, partition: str) -> None:
    options = {"cluster": ["city"], "expire_after_days": 90, "require_partition_filter": True}
    place.provision(things(("city", "string"), partition=partition, **options))

    table = place.table("things")
    assert (table.time_partitioning.type_, table.time_partitioning.field) == (partition.upper(), "_event_time")
    assert table.time_partitioning.expiration_ms == 90 * 86_400_000
    assert table.clustering_fields == ["city"]
    assert table.require_partition_filter is True


def test_everything_is_made_once_and_the_second_run_plans_nothing(place: Place) -> None:
    made = place.provision(PACKAGE)

    project, dataset = place.names.project, place.names.dataset
    assert f"create dataset {project}.{dataset}" in made
    assert {"create topic flight_departed", "create subscription headrace-flight_departed"} <= set(made)
    assert {"create topic headrace-dead-letters", "create subscription headrace-dead-letters"} <= set(made)
    assert place.plan(PACKAGE) == []


@pytest.mark.parametrize("subject", [*PACKAGE.subjects, None])
def test_a_subscription_reads_its_topic_and_never_expires(place: Place, subject: str | None) -> None:
    place.provision(PACKAGE)

    name = place.names.subscription(subject) if subject else place.names.dead_letter_subscription
    found = place.clients.subscriber.get_subscription(subscription=name)
    assert found.topic == (place.names.topic(subject) if subject else place.names.dead_letter_topic)
    assert found.ack_deadline_seconds == 60
    assert Subscription.pb(found).message_retention_duration.ToTimedelta() == timedelta(days=7)
    assert "expiration_policy" in found
    assert not found.expiration_policy.ttl


def test_a_plan_changes_nothing(place: Place) -> None:
    place.plan(PACKAGE)

    with pytest.raises(NotFound):
        place.clients.bigquery.get_dataset(place.names.dataset)
    with pytest.raises(NotFound):
        place.clients.publisher.get_topic(topic=place.names.topic("flight_departed"))


def test_what_bigquery_can_change_is_updated(place: Place) -> None:
    place.provision(things(("city", "string"), expire_after_days=90))
    described = {"name": "city", "type": ["null", "string"], "doc": "Where"}
    newer = things(described, ("size", ["null", "int"]), expire_after_days=120, require_partition_filter=True)

    done = place.provision(newer)

    table = place.table("things")
    found = {column.name: column for column in table.schema}
    assert done == [f"update table {place.names.project}.{place.names.dataset}.things"]
    assert (found["city"].mode, found["city"].description) == ("NULLABLE", "Where")
    assert table.schema[-1].name == "size"
    assert table.time_partitioning.expiration_ms == 120 * 86_400_000
    assert table.require_partition_filter is True
    assert place.plan(newer) == []


def test_a_new_version_of_the_masking_key_is_planned_and_added_to_the_description(place: Place) -> None:
    contract = a_tokenised_contract()
    tokens = Registry({contract.ref: contract})
    place.provision(tokens)
    described = place.table("things").description or ""

    (change,) = place.plan(tokens, "2")
    apply([change])

    assert change.why == "description (tokens begin with t2_ from now on)"
    assert change.diff == (PropertyChange("tokens begin with", "t1_", "t2_"),), "a day is not in it"
    assert re.search(r"Tokens: t1_ since \d{4}-\d\d-\d\d\.$", described)
    assert re.match(
        re.escape(described[:-1]) + r", t2_ since \d{4}-\d\d-\d\d\.$", place.table("things").description or ""
    )
    assert place.plan(tokens, "2") == []


def test_a_change_that_would_delete_rows_is_refused_until_a_person_has_made_it(place: Place) -> None:
    place.provision(things(("city", "string")))
    shorter, now = things(("city", "string"), expire_after_days=90), datetime.now(UTC).isoformat()
    row = {"city": "Lyon", "at": now, "_event_id": "a", "_event_time": now, "_ingested_at": now, "_schema_version": 1}
    assert not place.clients.bigquery.insert_rows_json(place.table("things"), [{**row, "_source": "/test"}])

    with pytest.raises(ProvisionError, match=r"kept for ever, and the contract keeps them 90 days"):
        place.plan(shorter)

    changed = place.table("things")
    changed.time_partitioning.expiration_ms = 90 * 86_400_000
    place.clients.bigquery.update_table(changed, ["time_partitioning"])
    assert place.plan(shorter) == []


@dataclass
class Command:
    """`headrace provision` for contracts in a folder."""

    folder: Path
    names: Names
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def write(self, *contracts: Contract) -> None:
        for each in contracts:
            (self.folder / f"{each.subject}.v{each.ref.version}.avsc").write_text(each.json)

    def run(self, *options: str) -> tuple[int, str, str]:
        """Return the exit code, and what was printed to stdout and stderr."""
        given = ["--project", self.names.project, "--contracts", str(self.folder), *options]
        self.monkeypatch.setattr(sys, "argv", ["headrace", "provision", *given])
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0), *self.capsys.readouterr()
        return 0, *self.capsys.readouterr()


@pytest.fixture
def command(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    folder = tmp_path / "contracts"
    folder.mkdir()
    return Command(folder, place.names, monkeypatch, capsys)


def test_the_changes_of_a_plan_in_a_file_are_made_and_no_others(place: Place, command: Command, tmp_path: Path) -> None:
    command.write(a_contract(("city", "string")))
    file = tmp_path / "plan.json"
    _, plan_text, _ = command.run("--dry-run", "--format", "json")
    file.write_text(plan_text)

    code, _, _ = command.run("--plan", str(file))
    assert (code, place.table("things").table_id) == (0, "things")
    again, _, told = command.run("--plan", str(file))
    assert again == Exit.CONFIGURATION
    assert "the plan has changed: topic " in told


def test_the_plan_shows_what_changes_in_each_resource(command: Command) -> None:
    command.write(V1)
    command.run()
    command.write(V2)

    code, shown, _ = command.run("--dry-run")
    _, as_json, _ = command.run("--dry-run", "--json")

    name = f"{command.names.project}.{command.names.dataset}.things"
    assert code == 0
    assert shown.splitlines() == [
        f"update table {name}",
        "  column size",
        "    - INT64 REQUIRED",
        "    + INT64 NULLABLE",
        "  column note",
        "    + STRING NULLABLE",
    ]
    (change,) = json.loads(as_json)["changes"]
    assert change == {
        "action": "update",
        "what": "table",
        "name": name,
        "why": "schema",
        "diff": [
            {"name": "column size", "before": "INT64 REQUIRED", "after": "INT64 NULLABLE"},
            {"name": "column note", "before": None, "after": "STRING NULLABLE"},
        ],
    }


def test_refusals_are_printed_as_json_too(command: Command) -> None:
    command.write(a_contract(("city", "string")))
    command.run()
    command.write(a_contract(("city", "string"), partition="month"))

    code, printed, _ = command.run("--format", "json")

    (refusal,) = json.loads(printed)["refusals"]
    assert (code, refusal["rule"]) == (Exit.CONFIGURATION, "PARTITIONING_CHANGED")


def test_a_field_that_is_gone_leaves_its_column(place: Place) -> None:
    place.provision(things(("city", "string"), ("size", "int")))
    newer = things(("city", "string"))

    place.provision(newer)

    found = {column.name: column.mode for column in place.table("things").schema}
    assert found["size"] == "NULLABLE"
    assert place.plan(newer) == []


REFUSED = [
    pytest.param(things(("city", "long")), r"things\.city: .*; add a field instead", id="another type"),
    pytest.param(things(("city", "string"), partition="month"), r"things: its partitioning differs", id="partitioning"),
]


@pytest.mark.parametrize(("newer", "message"), REFUSED)
def test_what_bigquery_cannot_change_is_refused_before_anything_is_changed(
    place: Place, newer: Registry, message: str
) -> None:
    place.provision(things(("city", "string")))
    other = a_contract(subject="another_thing", table="others")
    before = table_properties(place.table("things"))

    with pytest.raises(ProvisionError, match=message):
        place.provision(Registry({other.ref: other, **{contract.ref: contract for contract in newer}}))

    assert table_properties(place.table("things")) == before
    with pytest.raises(NotFound):
        place.table("others")
    with pytest.raises(NotFound):
        place.clients.publisher.get_topic(topic=place.names.topic("another_thing"))


@pytest.fixture
def spoilt(place: Place) -> Registry:
    """Contracts of which, in this project, a dataset, subscriptions, tables, columns and the view are refused."""
    contracts = [a_contract(("city", "string"), ("size", "int"), subject=each, table=each) for each in ("one", "two")]
    place.provision(Registry({each.ref: each for each in contracts}))
    for subject in ("one", "two"):
        place.clients.publisher.delete_topic(topic=place.names.topic(subject))
    bigquery_, dataset = place.clients.bigquery, f"{place.names.project}.{place.names.dataset}"
    bigquery_.delete_table(f"{dataset}.{COMPLETENESS}")
    bigquery_.create_table(bigquery.Table(f"{dataset}.{COMPLETENESS}", [bigquery.SchemaField("subject", "STRING")]))
    bigquery_.delete_dataset(f"{place.names.project}.{place.names.archive}", delete_contents=True)
    elsewhere = bigquery.Dataset(f"{place.names.project}.{place.names.archive}")
    elsewhere.location = "us-east1"
    bigquery_.create_dataset(elsewhere)
    changed = [
        a_contract(("city", "long"), ("size", "string"), subject="one", table="one"),
        a_contract(("city", "string"), ("size", "int"), subject="two", table="two", partition="month"),
        *(
            parse_contract(SchemaRef("six", number), a_contract(("size", type_), table="six").json)
            for number, type_ in ((1, "int"), (2, "double"))
        ),
    ]
    return Registry({each.ref: each for each in changed})


def test_all_refusals_are_reported_at_once_and_nothing_is_changed(place: Place, spoilt: Registry) -> None:
    before = table_properties(place.table("one"))

    with pytest.raises(ProvisionError) as refused:
        place.provision(spoilt)

    project, dataset = place.names.project, f"{place.names.project}.{place.names.dataset}"
    assert [(each.what, each.name.removeprefix(f"projects/{project}/")) for each in refused.value.refusals] == [
        ("subscription", "subscriptions/headrace-one"),
        ("subscription", "subscriptions/headrace-two"),
        ("dataset", f"{project}.{place.names.archive}"),
        ("contract", "six.v2.size"),
        ("table", f"{dataset}.one.city"),
        ("table", f"{dataset}.one.size"),
        ("table", f"{dataset}.two"),
        ("view", f"{dataset}.{COMPLETENESS}"),
    ]
    assert all(each.remedy for each in refused.value.refusals)
    assert table_properties(place.table("one")) == before
    for subject in ("one", "six"):
        with pytest.raises(NotFound):
            place.clients.publisher.get_topic(topic=place.names.topic(subject))


@pytest.mark.parametrize("flags", [[], ["--dry-run"]], ids=["provision", "dry run"])
def test_the_command_lists_what_is_refused_by_kind_with_remedies(
    place: Place,
    spoilt: Registry,
    flags: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for each in spoilt:
        (tmp_path / f"{each.subject}.v{each.ref.version}.avsc").write_text(each.json)
    options = ["--project", place.names.project, "--contracts", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["headrace", "provision", *options, *flags])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == Exit.CONFIGURATION
    output = capsys.readouterr().err.splitlines()
    first = output.index("subscription:")
    kinds = [line for line in output[first:] if not line.startswith("  ")]
    assert kinds == [
        "subscription:",
        "dataset:",
        "contract:",
        "table:",
        "view:",
        "headrace: 8 refusals; nothing was changed [HR-401]",
    ]
    assert "  six.v2.size: BigQuery cannot change INT64 to FLOAT64; add a field instead" in output
    assert sum("delete it, and run `headrace provision` again" in line for line in output) == 2


def test_a_subscription_that_outlived_its_topic_is_refused(place: Place) -> None:
    registry = things(("city", "string"))
    place.provision(registry)
    place.clients.publisher.delete_topic(topic=place.names.topic("thing_happened"))

    with pytest.raises(ProvisionError, match=r"headrace-thing_happened: its topic was deleted.* delete it, and run"):
        place.plan(registry)


LOSING: dict[str, tuple[dict[str, Any], str | None]] = {
    "a filter": ({"filter": 'attributes.a = "b"'}, None),
    "BigQuery": ({"bigquery_config": BigQueryConfig(table="p.d.t")}, None),
    "an endpoint": ({"push_config": PushConfig(push_endpoint="https://example.com/")}, "push_config"),
    "keeps messages": ({"message_retention_duration": Duration(seconds=600)}, "message_retention_duration"),
    "when nobody pulls": ({"expiration_policy": ExpirationPolicy(ttl=Duration(seconds=90_000))}, "expiration_policy"),
}


@pytest.mark.parametrize("expected", LOSING)
def test_a_subscription_that_is_not_as_it_should_be_is_updated_or_refused_by_name(place: Place, expected: str) -> None:
    registry, (properties, repaired) = things(("city", "string")), LOSING[expected]
    name, topic = place.names.subscription("thing_happened"), place.names.topic("thing_happened")
    place.clients.publisher.create_topic(name=topic)
    request = subscription_for(name, topic, 1)
    for each, value in properties.items():
        setattr(request, each, value)
    place.clients.subscriber.create_subscription(request=request)

    if repaired is None:
        with pytest.raises(ProvisionError, match=f"headrace-thing_happened: .*{expected}.* delete it"):
            place.plan(registry)
        return
    (change,) = (each for each in place.plan(registry) if each.name == name)
    assert (change.action, expected in change.why) == ("update", True)
    if repaired == "expiration_policy":
        return  # the emulator refuses to change it
    place.provision(registry)
    assert place.plan(registry) == []


def test_a_dataset_in_another_location_is_refused_with_both(place: Place) -> None:
    create_dataset(place, "us-east1")

    with pytest.raises(ProvisionError, match=r"headrace: it is in us-east1 and the setting `location` is EU, .*"):
        place.plan(PACKAGE)


def test_a_dataset_in_the_same_location_in_other_letters_is_taken(place: Place) -> None:
    create_dataset(place, "eu")

    assert not [change for change in place.plan(PACKAGE) if change.name.endswith(".headrace")]


def test_a_column_beside_a_field_that_differs_in_case_is_refused_before_anything_is_changed(place: Place) -> None:
    place.provision(things(("Note", ["null", "string"])))

    with pytest.raises(ProvisionError, match=r"things\.note: the table has this column as Note"):
        place.plan(things(("note", ["null", "string"])))


V1 = a_contract(("city", "string"), ("size", "int"))
ADDED = {"name": "note", "type": "string", "default": ""}
V2 = parse_contract(SchemaRef("thing_happened", 2), a_contract(("city", "string"), ADDED).json)


def test_a_project_that_has_grown_and_one_that_was_empty_get_the_same_table(place: Place, project: str) -> None:
    both, grown = Registry({V1.ref: V1, V2.ref: V2}), place
    empty = Place(
        Names(f"{project}-2"), Clients(grown.clients.publisher, grown.clients.subscriber, open_bigquery(f"{project}-2"))
    )

    grown.provision(Registry({V1.ref: V1}))
    grown.provision(both)
    empty.provision(both)

    assert table_properties(grown.table("things")) == table_properties(empty.table("things"))
    found = {column.name: column.mode for column in empty.table("things").schema}
    assert (found["city"], found["size"], found["note"]) == ("REQUIRED", "NULLABLE", "NULLABLE")
    assert grown.plan(both) == empty.plan(both) == []


def test_an_empty_project_refuses_what_one_that_has_grown_would(place: Place) -> None:
    """Of what decoding resolves. What it does not is refused when contracts load: see test_provision_command.py."""
    first = a_contract(("size", "int"))
    second = parse_contract(SchemaRef("thing_happened", 2), a_contract(("size", "double")).json)

    with pytest.raises(ProvisionError, match=r"v2\.size: BigQuery cannot change INT64 to FLOAT64; add a"):
        place.plan(Registry({first.ref: first, second.ref: second}))


def test_the_view_of_completeness_comes_back_as_described(place: Place) -> None:
    made = place.provision(PACKAGE)

    wanted = completeness_view(place.names.project, place.names.dataset)
    view = place.table(COMPLETENESS)
    assert made[-1] == f"create view {place.names.project}.{place.names.dataset}.{COMPLETENESS}"
    assert (view.table_type, view.view_query, view.description) == ("VIEW", wanted.view_query, wanted.description)
    assert [(column.name, bool(column.description)) for column in view.schema] == [
        ("subject", True),
        ("complete_until", True),
        ("gaps", True),
    ]


def test_a_view_that_asks_something_else_is_put_right(place: Place) -> None:
    place.provision(PACKAGE)
    view = place.table(COMPLETENESS)
    view.view_query = "SELECT 'nobody' AS subject, TIMESTAMP '2026-01-01' AS complete_until"
    place.clients.bigquery.update_table(view, ["view_query"])

    done = place.provision(PACKAGE)

    assert done == [f"update view {place.names.project}.{place.names.dataset}.{COMPLETENESS}"]
    assert (
        place.table(COMPLETENESS).view_query == completeness_view(place.names.project, place.names.dataset).view_query
    )
    assert place.plan(PACKAGE) == []


def test_the_view_says_the_latest_statement_of_each_subject(place: Place) -> None:
    place.provision(PACKAGE)
    lines = [
        "('one', 'received', CURRENT_TIMESTAMP(), 'a', TIMESTAMP '2026-03-14 15:00:00+00', 1)",
        "('one', 'received', CURRENT_TIMESTAMP(), 'b', TIMESTAMP '2026-03-14 15:01:00+00', 1)",
        "('one', 'written', CURRENT_TIMESTAMP(), 'c', NULL, 1)",
        "('two', 'written', CURRENT_TIMESTAMP(), 'd', NULL, 1)",
    ]
    columns = "subject, outcome, tallied_at, tally_id, complete_until, events"
    insert = f"INSERT INTO {place.names.sql(TALLIES)} ({columns}) VALUES {', '.join(lines)}"
    place.clients.bigquery.query_and_wait(insert)

    found = place.clients.bigquery.query_and_wait(f"SELECT * FROM {place.names.sql(COMPLETENESS)}")

    assert {row["subject"]: row["complete_until"] for row in found} == {
        "one": datetime(2026, 3, 14, 15, 1, tzinfo=UTC),
        "two": None,
    }


def test_a_table_where_the_view_belongs_is_refused(place: Place) -> None:
    create_dataset(place, "EU")
    name = f"{place.names.project}.{place.names.dataset}.{COMPLETENESS}"
    place.clients.bigquery.create_table(bigquery.Table(name, [bigquery.SchemaField("subject", "STRING")]))

    with pytest.raises(ProvisionError, match=f"{COMPLETENESS}: a table has the name of the view"):
        place.plan(PACKAGE)
