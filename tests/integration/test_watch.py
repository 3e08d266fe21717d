"""A running engine notices that a resource is not as it should be, says so, and goes on by itself when it is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1.types import PushConfig, Subscription

from headrace.audit.reconcile import SubjectAudit, count_subjects
from headrace.engine import resource_watch, tally_loop
from headrace.engine.embedded import Embedded
from headrace.runtime.google_clients import open_bigquery, open_gapic_publisher, open_subscriber
from headrace.schemas.registry import Registry
from tests.integration.test_service import a_message
from tests.support.builders import a_contract, a_tokenised_contract
from tests.support.jobs import wait_for
from tests.support.service import Service, a_service

pytestmark = pytest.mark.emulators
SUBJECT = "thing_happened"
THINGS = a_contract(("city", "string"))
OTHERS = a_contract(subject="other_happened", table="others")


@pytest.fixture
def service(project: str, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setattr(resource_watch, "CHECK_SECONDS", 0.5)
    monkeypatch.setattr(tally_loop, "REPEAT_MICROS", 500_000)
    return a_service(project, Registry({THINGS.ref: THINGS, OTHERS.ref: OTHERS}))


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


def redeliver(service: Service) -> None:
    """Have messages held for 10 s at most: for as long nothing is reported complete."""
    for contract in (THINGS, OTHERS):
        request = {
            "subscription": Subscription(
                name=service.names.subscription(contract.ref.subject), ack_deadline_seconds=10
            ),
            "update_mask": FieldMask(paths=["ack_deadline_seconds"]),
        }
        open_subscriber().update_subscription(request=request)


def publish(service: Service, *cities: str) -> None:
    service.publish(SUBJECT, [a_message(THINGS, {"at": datetime.now(UTC), "city": city}, city) for city in cities])


def reported(engine: Embedded) -> str:
    return " | ".join(engine.status.subjects[SUBJECT].in_the_way.values())


def cities(service: Service) -> list[str]:
    return sorted(row["city"] for row in service.rows("things", "city"))


def complete_until(service: Service, subject: str = SUBJECT) -> datetime | None:
    rows = service.rows("headrace_completeness", "subject, complete_until")
    return next((row["complete_until"] for row in rows if row["subject"] == subject), None)


def assert_completeness_does_not_advance(service: Service) -> None:
    """While it is reported again for the idle subject; what was in flight may be reported once more."""
    wait_until_completeness_is_stated_again(service)
    stood_at = complete_until(service)
    wait_until_completeness_is_stated_again(service)
    assert complete_until(service) == stood_at


def wait_until_completeness_is_stated_again(service: Service) -> None:
    before = completeness_lines(service, OTHERS.ref.subject)
    wait_for(lambda: completeness_lines(service, OTHERS.ref.subject) >= before + 2)


def completeness_lines(service: Service, subject: str) -> int:
    lines = service.rows("headrace_tallies", "subject, complete_until")
    return sum(line["subject"] == subject and line["complete_until"] is not None for line in lines)


def audited(service: Service) -> SubjectAudit:
    audits = count_subjects(service.registry, service.names, open_bigquery(service.settings.project))
    return next(each for each in audits if each.subject == SUBJECT)


def test_a_topic_that_was_deleted_and_made_again_is_noticed_and_the_time_between_is_a_gap(service: Service) -> None:
    #  a arrives, complete|topic deleted, made again|b confirmed, never arrives|not ready, complete_until does not move|
    #  subscription made again|c arrives, complete again|the audit says what may be missing
    topic, subscription = service.names.topic(SUBJECT), service.names.subscription(SUBJECT)
    redeliver(service)
    publish(service, "a")
    with running(service) as engine:
        wait_for(lambda: engine.status.ready and complete_until(service) is not None)
        publisher = open_gapic_publisher()
        publisher.delete_topic(topic=topic)
        publisher.create_topic(name=topic)
        publish(service, "b")
        wait_for(lambda: "its topic was deleted" in reported(engine))
        assert not engine.status.ready
        assert_completeness_does_not_advance(service)

        open_subscriber().delete_subscription(subscription=subscription)
        service.provision()
        wait_for(lambda: engine.status.ready)
        publish(service, "c")
        wait_for(lambda: cities(service) == ["a", "c"])
    (gap,) = audited(service).gaps
    assert "its topic was deleted" in gap
    assert audited(service).differences == [
        "gap: in 1 window (events published then may be missing, because the subscription was wrong)"
    ]
    gaps = {row["subject"]: row["gaps"] for row in service.rows("headrace_completeness", "subject, gaps")}
    assert gaps == {SUBJECT: 1, OTHERS.ref.subject: 0}


def test_a_subscription_recreated_while_no_engine_runs_is_a_gap(service: Service) -> None:
    redeliver(service)
    publish(service, "a")
    with running(service) as engine:
        wait_for(lambda: complete_until(service) is not None)
        assert engine.status.ready
    open_subscriber().delete_subscription(subscription=service.names.subscription(SUBJECT))
    publish(service, "b")
    service.provision()
    with running(service):
        publish(service, "c")
        wait_for(lambda: cities(service) == ["a", "c"])
        wait_for(lambda: bool(audited(service).gaps))
    assert "created anew" in audited(service).gaps[0]


def test_a_push_endpoint_and_a_setting_of_the_table_are_named_until_provisioned(
    service: Service,
) -> None:
    redeliver(service)
    with running(service) as engine:
        wait_for(lambda: engine.status.subjects[SUBJECT].resources_right and complete_until(service) is not None)
        table = open_bigquery(service.settings.project).get_table(f"{service.names.dataset}.things")
        table.require_partition_filter = True
        open_bigquery(service.settings.project).update_table(table, ["require_partition_filter"])
        wait_for(lambda: "filter on the partition" in reported(engine))
        assert_completeness_does_not_advance(service)

        open_subscriber().modify_push_config(
            subscription=service.names.subscription(SUBJECT),
            push_config=PushConfig(push_endpoint="https://example.com/"),
        )
        wait_for(lambda: "pushes messages" in reported(engine))
        assert "filter on the partition" in reported(engine)
        assert not engine.status.ready
        service.provision()
        wait_for(lambda: engine.status.ready)
        publish(service, "a")
        wait_for(lambda: cities(service) == ["a"])


def test_an_engine_of_another_version_of_the_masking_key_is_not_ready_and_names_both(
    project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource_watch, "CHECK_SECONDS", 0.5)
    contract = a_tokenised_contract()
    service = a_service(project, Registry({contract.ref: contract}), masking_key_version="2")
    behind = Service(service.registry, service.settings.model_copy(update={"masking_key_version": "1"}))
    fields = {"at": datetime.now(UTC), "email": "ada@example.com"}
    with running(behind) as engine:
        wait_for(lambda: "tokens begin with t2_, and this job makes t1_" in reported(engine))
        assert not engine.status.ready
        behind.provision()
        wait_for(lambda: engine.status.ready)
        service.publish(SUBJECT, [a_message(contract, fields, "one")])
        wait_for(lambda: len(service.rows("things", "email")) == 1)
    with running(service):
        service.publish(SUBJECT, [a_message(contract, fields, "two")])
        wait_for(lambda: len(service.rows("things", "email")) == 2)
    first, second = sorted(row["email"] for row in service.rows("things", "email"))
    assert (first[:3], second[:3]) == ("t1_", "t2_")
    assert first[3:] == second[3:], "the key is the same"


def test_dead_letters_wait_while_their_subscription_is_missing(service: Service) -> None:
    #  the subscription of dead letters is gone|a letter is made: it waits|provisioned again: it is kept
    with running(service) as engine:
        wait_for(lambda: engine.status.subjects[SUBJECT].resources_right)
        open_subscriber().delete_subscription(subscription=service.names.dead_letter_subscription)
        wait_for(lambda: "headrace-dead-letters: the subscription does not exist" in reported(engine))
        service.publish(SUBJECT, [(b"x", {})])
        wait_for(lambda: "write" in engine.status.subjects[SUBJECT].in_the_way)
        assert engine.status.subjects[SUBJECT].dead_letters.total() == 0
        service.provision()
        wait_for(lambda: engine.status.subjects[SUBJECT].dead_letters.total() == 1)
    assert len(service.dead_letters(1)) == 1
