"""One subscription with events of several subjects: each goes to its table, and none holds up the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from google.pubsub_v1.types import PubsubMessage, Subscription

from headrace.config.subscription_settings import SubscriptionSettings
from headrace.engine import open_circuit, share
from headrace.engine.embedded import Embedded
from headrace.runtime.google_clients import open_bigquery, open_gapic_publisher, open_subscriber
from headrace.schemas.errors import ContractError
from headrace.schemas.registry import Registry
from headrace.steps.circuit_breaker import FLOOR, CircuitState
from tests.integration.test_service import a_message
from tests.steps.decode.test_subject_routers import ids, registry_of
from tests.support.builders import a_contract
from tests.support.foreign_messages import samples
from tests.support.jobs import wait_for
from tests.support.service import Service, a_service

pytestmark = pytest.mark.emulators
THINGS = a_contract(("city", "string"))
OTHERS = a_contract(("city", "string"), subject="other_happened", table="others")
REGISTRY = Registry({each.ref: each for each in (THINGS, OTHERS)})
COUNT = 2 * FLOOR  # enough to open a circuit
VALUES = {"com.acme.Thing": "thing_happened", "com.acme.Other": "other_happened"}


class Shared:
    """A topic of another team, with one subscription of it that Headrace reads by the attribute `kind`."""

    def __init__(self, project: str, registry: Registry = REGISTRY) -> None:
        self.topic = f"projects/{project}-shop/topics/events"
        self.subscription = f"projects/{project}-shop/subscriptions/events-to-bq"
        open_gapic_publisher().create_topic(name=self.topic)
        open_subscriber().create_subscription(
            request=Subscription(name=self.subscription, topic=self.topic, ack_deadline_seconds=10)
        )
        named = SubscriptionSettings(name=self.subscription, attribute="kind", subjects=VALUES)
        self.service = a_service(project, registry, subscriptions=(named,))

    def publish(self, contract: Any, kind: str | None, *cities: str) -> None:
        made = [a_message(contract, {"at": datetime.now(UTC), "city": city}, city) for city in cities]
        named = {} if kind is None else {"kind": kind}
        messages = [PubsubMessage(data=data, attributes=attributes | named) for data, attributes in made]
        open_gapic_publisher().publish(topic=self.topic, messages=messages)

    def publish_unreadable(self, kind: str, count: int) -> None:
        messages = [PubsubMessage(data=b"\xff", attributes={"kind": kind}) for _ in range(500)]
        for _ in range(count // len(messages)):
            open_gapic_publisher().publish(topic=self.topic, messages=messages)

    def cities(self, table: str) -> list[str]:
        return sorted(row["city"] for row in self.service.rows(table, "city"))


@pytest.fixture
def shared(project: str, monkeypatch: pytest.MonkeyPatch) -> Shared:
    monkeypatch.setattr(share, "SHORTEST_PAUSE", 1)
    monkeypatch.setattr(share, "LONGEST_PAUSE", 5)
    monkeypatch.setattr(open_circuit, "FIRST_SAMPLE_SECONDS", 0.5)
    monkeypatch.setattr(open_circuit, "LONGEST_SAMPLE_SECONDS", 0.5)
    return Shared(project)


def letters_of(engine: Embedded, shared: Shared) -> int:
    """How many messages were of no subject."""
    return engine.status.subjects[shared.subscription].dead_letters.total()


@contextmanager
def running(service: Service) -> Iterator[Embedded]:
    engine = service.engine()
    thread = threading.Thread(target=engine.run)
    thread.start()
    try:
        yield engine
    finally:
        engine.stop.set()
        thread.join()


def test_each_event_goes_to_the_table_of_its_subject(shared: Shared) -> None:
    things, others = [f"t{n:03}" for n in range(150)], [f"o{n:03}" for n in range(150)]
    for one, another in zip(things, others, strict=True):
        shared.publish(THINGS, "com.acme.Thing", one)
        shared.publish(OTHERS, "com.acme.Other", another)
    shared.service.run_until(300)
    assert (shared.cities("things"), shared.cities("others")) == (things, others)
    assert shared.service.waiting("thing_happened") == 0


def test_a_message_of_no_subject_becomes_a_letter_of_its_subscription(shared: Shared) -> None:
    shared.publish(THINGS, "com.acme.Thing", "Rome")
    shared.publish(THINGS, "com.acme.Secret", "Oslo")
    shared.publish(THINGS, None, "Bern")
    shared.service.run_when(lambda engine: letters_of(engine, shared) == 2 and engine.progress.acknowledged == 1)
    letters = shared.service.dead_letters(2)
    assert {each.attributes["headrace-dl-reason"] for each in letters} == {"unknown_schema"}
    assert {each.attributes["headrace-dl-source-subscription"] for each in letters} == {shared.subscription}
    assert {each.attributes["headrace-dl-subject"] for each in letters} == {shared.subscription}
    details = sorted(each.attributes["headrace-dl-error"] for each in letters)
    assert [each.partition(";")[0] for each in details] == ["kind is missing", "kind is of no subject"]
    assert not any("Secret" in each for each in details)
    assert all("add its value to `subjects` of events-to-bq" in each for each in details)
    assert shared.cities("things") == ["Rome"]
    tallied = [
        (row["outcome"], row["events"])
        for row in shared.service.rows("headrace_tallies", "subject, outcome, events")
        if row["subject"] == shared.subscription and row["events"]
    ]
    assert sorted(tallied) == [("dead_lettered", 2), ("received", 2)]


def test_an_open_circuit_of_one_subject_holds_up_no_other_and_nothing_is_lost(shared: Shared) -> None:
    shared.publish_unreadable("com.acme.Other", COUNT)
    with running(shared.service) as engine:
        wait_for(lambda: engine.status.subjects["other_happened"].is_circuit_open)
        shared.publish(THINGS, "com.acme.Thing", *(f"{n:03}" for n in range(50)))
        wait_for(lambda: len(shared.cities("things")) == 50)
        settled = engine.status.subjects["other_happened"].counts["acknowledged"]
        assert settled < FLOOR, "what came before the circuit opened"
        with engine.journal.transaction() as transaction:
            transaction.note_circuit("other_happened", CircuitState.FORCED_CLOSED)
        wait_for(lambda: engine.status.subjects["other_happened"].counts["acknowledged"] == COUNT)
    assert len(shared.service.dead_letters(COUNT)) == COUNT


def test_a_subject_whose_table_is_away_holds_up_no_other(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.engine.pull_buffer.WAITING_MESSAGES", 20)
    client = open_bigquery(shared.service.settings.project)
    client.delete_table(f"{shared.service.names.dataset}.others")
    others = [f"o{n:03}" for n in range(200)]
    shared.publish(OTHERS, "com.acme.Other", *others)
    with running(shared.service) as engine:
        wait_for(lambda: bool(engine.status.subjects["other_happened"].in_the_way))
        shared.publish(THINGS, "com.acme.Thing", *(f"{n:03}" for n in range(50)))
        wait_for(lambda: len(shared.cities("things")) == 50)
        shared.service.provision()
        wait_for(lambda: shared.cities("others") == others)


def test_messages_of_a_blocked_subject_wait_until_its_contract_is_accepted(shared: Shared) -> None:
    without = Registry({THINGS.ref: THINGS}, {"other_happened": ContractError("other_happened.v1", "wrong", "mend it")})
    blocked = Service(without, shared.service.settings)
    shared.publish(OTHERS, "com.acme.Other", "Oslo")
    shared.publish(THINGS, "com.acme.Thing", "Rome")
    with running(blocked):
        wait_for(lambda: shared.cities("things") == ["Rome"])
    shared.service.run_until(1)
    assert shared.cities("others") == ["Oslo"]


def test_subjects_are_told_apart_by_the_schema_in_a_header(project: str) -> None:
    orders, readings = "order_placed", "sensor_reading"
    registry = registry_of("confluent", ids(16, 7), ids(18))
    named = SubscriptionSettings(name="events-to-bq", subjects=(orders, readings))
    topic = f"projects/{project}-shop/topics/events"
    open_gapic_publisher().create_topic(name=topic)
    subscription = f"projects/{project}/subscriptions/events-to-bq"
    open_subscriber().create_subscription(name=subscription, topic=topic)
    service = a_service(project, registry, subscriptions=(named,))
    given = {
        each: [one for one in samples("confluent-node-kafkajs", each) if one.schema] for each in (orders, readings)
    }
    messages = [
        PubsubMessage(data=each.message.data, attributes=each.message.attributes)
        for subject in (orders, readings)
        for each in given[subject]
    ]
    open_gapic_publisher().publish(topic=topic, messages=messages)
    service.run_until(len(messages))
    assert {each: len(service.rows(each, "_event_id")) for each in given} == {each: len(given[each]) for each in given}


def test_it_goes_on_after_a_restart_in_the_middle(shared: Shared) -> None:
    cities = [f"{n:04}" for n in range(600)]
    shared.publish(THINGS, "com.acme.Thing", *cities)
    shared.publish(OTHERS, "com.acme.Other", *cities)
    shared.service.run_when(lambda engine: engine.progress.acknowledged > 100)
    with running(shared.service):
        wait_for(lambda: (shared.cities("things"), shared.cities("others")) == (cities, cities))
