"""Topics and subscriptions that other teams have made: read as they are, never changed, never removed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1.types import DeadLetterPolicy, PubsubMessage, Subscription

from headrace.audit.reconcile import count_subjects
from headrace.config.subscription_settings import SubscriptionSettings
from headrace.core.plan_changes import Note
from headrace.core.plan_refusals import ProvisionError
from headrace.core.resource_names import Names
from headrace.dev.pubsub_services import PubsubService
from headrace.engine.embedded import Embedded
from headrace.provision import Clients, plan
from headrace.removal.items import Fate
from headrace.removal.pubsub_items import pubsub_items
from headrace.runtime.google_clients import open_bigquery, open_gapic_publisher, open_subscriber
from headrace.schemas.registry import Registry
from headrace.status.backlogs import read_backlogs
from tests.integration.test_service import a_message
from tests.support.builders import a_contract
from tests.support.jobs import wait_for
from tests.support.service import Service, a_service

pytestmark = pytest.mark.emulators
SUBJECT = "thing_happened"
THINGS = a_contract(("city", "string"))
REGISTRY = Registry({THINGS.ref: THINGS})


class Team:
    """Another team's project, with a topic and subscriptions of its own."""

    def __init__(self, project: str) -> None:
        self.topic = f"projects/{project}/topics/orders"
        self.project = project
        open_gapic_publisher().create_topic(name=self.topic)

    def subscribe(self, name: str, **properties: Any) -> str:
        full = f"projects/{self.project}/subscriptions/{name}"
        open_subscriber().create_subscription(request=Subscription(name=full, topic=self.topic, **properties))
        return full

    def publish(self, *cities: str) -> None:
        send(self.topic, *cities)


def send(topic: str, *cities: str) -> None:
    made = [a_message(THINGS, {"at": datetime.now(UTC), "city": city}, city) for city in cities]
    open_gapic_publisher().publish(
        topic=topic, messages=[PubsubMessage(data=data, attributes=attributes) for data, attributes in made]
    )


@pytest.fixture
def team(project: str) -> Team:
    return Team(f"{project}-shop")


def reading(project: str, *subscriptions: str, **settings: Any) -> Service:
    named = tuple(SubscriptionSettings(name=each, subject=SUBJECT) for each in subscriptions)
    return a_service(project, REGISTRY, subscriptions=named, **settings)


def cities(service: Service) -> list[str]:
    return sorted(row["city"] for row in service.rows("things", "city"))


def described(name: str) -> Subscription:
    return open_subscriber().get_subscription(subscription=name)


def clients(service: Service) -> Clients:
    return Clients(open_gapic_publisher(), open_subscriber(), open_bigquery(service.settings.project))


def notes_of(service: Service) -> list[Note]:
    found: list[Note] = []
    assert plan(service.registry, service.names, "EU", clients(service), note=found.append) == []
    return found


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


def test_events_of_another_projects_subscription_become_rows_each_once(project: str, team: Team) -> None:
    service = reading(project, team.subscribe("orders-to-bq"))
    team.publish(*(f"{number:03}" for number in range(300)))
    service.run_until(300)
    assert cities(service) == [f"{number:03}" for number in range(300)]
    (audited,) = count_subjects(REGISTRY, service.names, open_bigquery(project))
    assert (audited.written, audited.differences) == (300, [])


def test_several_subscriptions_and_the_subjects_own_topic_fill_one_table(project: str, team: Team) -> None:
    another = Team(f"{project}-shop-us")
    service = reading(project, team.subscribe("orders-to-bq"), another.subscribe("orders-to-bq"))
    team.publish("Rome", "Oslo")
    another.publish("Lima", "Oslo")  # an event with the id of one that was published elsewhere is a duplicate
    send(service.names.topic(SUBJECT), "Bern")
    service.run_until(5)
    assert cities(service) == ["Bern", "Lima", "Oslo", "Rome"]


def test_a_letter_names_the_subscription_that_its_message_came_from(project: str, team: Team) -> None:
    service = reading(project, team.subscribe("orders-to-bq"))
    open_gapic_publisher().publish(topic=team.topic, messages=[PubsubMessage(data=b"\xff")])
    service.run_until(1)
    (letter,) = service.dead_letters(1)
    assert letter.attributes["headrace-dl-source-subscription"] == f"projects/{team.project}/subscriptions/orders-to-bq"
    assert letter.attributes["headrace-dl-subject"] == SUBJECT


def test_messages_that_wait_for_a_table_are_delivered_again_where_they_came_from(project: str, team: Team) -> None:
    existing = team.subscribe("orders-to-bq", ack_deadline_seconds=10)
    service = reading(project, existing)
    team.publish("Rome")
    send(service.names.topic(SUBJECT), "Bern")
    open_bigquery(project).delete_table(service.names.table("things").split("/tables/")[0].split("/")[-1] + ".things")
    with running(service) as engine:
        wait_for(lambda: bool(engine.status.subjects[SUBJECT].in_the_way))
    assert not engine.progress.acknowledged
    service.provision()
    service.run_until(2)
    assert cities(service) == ["Bern", "Rome"]


def test_a_deleted_subscription_of_another_team_is_named_with_what_helps(project: str, team: Team) -> None:
    existing = team.subscribe("orders-to-bq", ack_deadline_seconds=10)
    service = reading(project, existing)
    with running(service) as engine:
        wait_for(lambda: engine.status.subjects[SUBJECT].resources_right)
        open_subscriber().delete_subscription(subscription=existing)
        wait_for(lambda: "orders-to-bq" in str(engine.status.subjects[SUBJECT].in_the_way))
        told = str(engine.status.subjects[SUBJECT].in_the_way)
    assert "headrace provision" not in told, "that does not create it"
    assert "correct its name in `subscriptions`" in told


def test_provision_creates_changes_and_removes_nothing_of_another_team(project: str, team: Team) -> None:
    policy = DeadLetterPolicy(dead_letter_topic=team.topic, max_delivery_attempts=5)
    existing = team.subscribe(
        "orders-to-bq",
        filter='attributes.kind = "order"',
        dead_letter_policy=policy,
        message_retention_duration=Duration(seconds=3600),
        enable_message_ordering=True,
        enable_exactly_once_delivery=True,
    )
    before = described(existing)
    service = reading(project, existing)
    told = "\n".join(map(str, notes_of(service)))
    for part in (
        "has a filter",
        "after 5 deliveries",
        "keeps messages for 1 hours",
        "exactly-once",
        "order of each key",
    ):
        assert part in told
    assert described(existing) == before
    found = pubsub_items(REGISTRY, service.names, open_gapic_publisher(), open_subscriber())
    assert {each.name for each in found if each.fate is Fate.REMOVE} == {
        service.names.topic(SUBJECT),
        service.names.subscription(SUBJECT),
        service.names.dead_letter_topic,
        service.names.dead_letter_subscription,
    }


def test_what_does_not_exist_is_refused_and_not_created(project: str) -> None:
    with pytest.raises(ProvisionError) as refused:
        reading(project, "orders-to-bq", topics={SUBJECT: "orders"})
    told = "\n".join(map(str, refused.value.refusals))
    assert f"projects/{project}/subscriptions/orders-to-bq: the subscription does not exist; create it" in told
    assert f"projects/{project}/topics/orders: the topic does not exist; create it, or correct its name" in told


def test_an_existing_topic_gets_a_subscription_of_headrace(project: str, team: Team) -> None:
    service = a_service(project, REGISTRY, topics={SUBJECT: team.topic})
    assert described(service.names.subscription(SUBJECT)).topic == team.topic
    team.publish("Rome")
    service.publish(SUBJECT, [a_message(THINGS, {"at": datetime.now(UTC), "city": "Oslo"}, "Oslo")])
    service.run_until(2)
    assert cities(service) == ["Oslo", "Rome"]
    removed = pubsub_items(REGISTRY, service.names, open_gapic_publisher(), open_subscriber())
    assert team.topic not in {each.name for each in removed}


def test_a_topic_and_a_subscription_of_it_are_read_without_another_subscription(project: str, team: Team) -> None:
    existing = team.subscribe("orders-to-bq")
    service = reading(project, existing, topics={SUBJECT: team.topic})
    assert service.names.subscriptions(SUBJECT) == (existing,)
    team.publish("Rome")
    service.run_until(1)
    assert cities(service) == ["Rome"]
    assert list(open_gapic_publisher().list_topic_subscriptions(topic=team.topic)) == [existing]


def test_a_topic_that_no_subscription_of_the_subject_reads_is_refused(project: str, team: Team) -> None:
    other = Team(f"{project}-other")
    with pytest.raises(ProvisionError, match="replayed would be lost"):
        reading(project, other.subscribe("others"), topics={SUBJECT: team.topic})


def test_events_that_would_arrive_twice_are_noted(project: str) -> None:
    names = Names(project)
    open_gapic_publisher().create_topic(name=names.topic(SUBJECT))
    open_subscriber().create_subscription(
        name=f"projects/{project}/subscriptions/things-to-bq", topic=names.topic(SUBJECT)
    )
    service = reading(project, "things-to-bq")
    assert any("arrives twice" in note.why and note.matters for note in notes_of(service))


def test_the_backlog_of_an_existing_subscription_is_counted(project: str, team: Team) -> None:
    existing = team.subscribe("orders-to-bq")
    service = reading(project, existing)
    team.publish("Rome", "Oslo")
    found = read_backlogs(service.names, lambda: 0.0)
    if PubsubService.chosen("") is PubsubService.BROKER:
        assert found.by_subscription[existing].messages == 2
    else:
        assert "does not count" in found.unknown
