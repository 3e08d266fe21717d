"""Events that never reached Pub/Sub, in the sequence of their source: the audit names exactly these numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

import pytest
from google.cloud import bigquery

from headrace.audit.reconcile import SubjectAudit, audit
from headrace.audit.scope import Scope
from headrace.errors import Exit
from headrace.producers import EventProducer, PubSubPublisher
from headrace.runtime.clock import now_micros
from headrace.runtime.google_clients import open_bigquery
from headrace.schemas.sequence import ATTRIBUTE, SequenceNumber
from tests.integration.test_service import flight_message
from tests.support.audits import headrace_audit
from tests.support.builders import PACKAGE, a_flight
from tests.support.paths import ROOT
from tests.support.service import Service, a_service

pytestmark = pytest.mark.emulators
FLIGHTS, BOOKINGS = "flight_departed", "booking_created"
MINUTE = timedelta(minutes=1)
ODD = ["", "7", "a1-0", "a1-99999999999999999999", "\U0001f600-1"]


def a_message(number: int) -> tuple[bytes, dict[str, str]]:
    return flight_message(f"flight-{number}", flight=number)


class LosingPublisher(PubSubPublisher):
    """Confirms the *lost* messages, counted from 1 by subject, without sending them, as a faulty network might."""

    def __init__(self, project: str, lost: Collection[int]) -> None:
        super().__init__(project)
        self._lost = lost
        self._counts: dict[str, int] = {}

    def publish(self, subject: str, data: bytes, attributes: dict[str, str], ordering_key: str) -> Future[str]:
        self._counts[subject] = self._counts.get(subject, 0) + 1
        if self._counts[subject] not in self._lost:
            return super().publish(subject, data, attributes, ordering_key)
        confirmed: Future[str] = Future()
        confirmed.set_result("lost")
        return confirmed


def publish(service: Service, flights: int, lost: Collection[int] = (), source: str = "/checkout") -> None:
    publisher = LosingPublisher(service.settings.project, lost)
    with EventProducer(publisher, source=source, contracts=PACKAGE, sequence=True) as producer:
        for number in range(flights):
            producer.publish(FLIGHTS, a_flight(flight=number), event_id=f"{source}-{number}")


def looked_at(service: Service, grace: timedelta = timedelta(0), **options: Any) -> dict[str, SubjectAudit]:
    scope = Scope(now_micros(), MINUTE, grace=grace, sequences=True, **options)
    found = audit(service.registry, service.names, open_bigquery(service.settings.project), scope)
    return {each.subject: each for each in found}


def missing(service: Service, subject: str = FLIGHTS, **options: Any) -> list[tuple[str, int, int]]:
    return [(each.source, each.first, each.last) for each in looked_at(service, **options)[subject].missing]


def test_exactly_the_events_that_never_arrived_are_named(project: str) -> None:
    service = a_service(project)
    publish(service, 100, lost=[1, 2, 50, *range(70, 80)])
    publish(service, 20, source="/elsewhere")
    service.run_until(acknowledged=107)

    assert missing(service) == [("/checkout", 1, 2), ("/checkout", 50, 50), ("/checkout", 70, 79)]
    assert missing(service, BOOKINGS) == []


def complete(service: Service) -> None:
    """Report that every message published so far has its outcome, as the job does about once a minute."""
    line = f"""
        INSERT INTO {service.names.sql("headrace_tallies")}
            (subject, outcome, tallied_at, tally_id, complete_until, events)
        VALUES ('{FLIGHTS}', 'received', CURRENT_TIMESTAMP(), 'a line', CURRENT_TIMESTAMP(), 0)
    """
    open_bigquery(service.settings.project).query_and_wait(line)


def test_the_command_prints_what_is_missing_and_exits_by_it(project: str) -> None:
    service = a_service(project)
    publish(service, 10, lost=[1, 4, 5, 6])
    service.run_until(acknowledged=6)
    complete(service)

    shown = headrace_audit(service, "--gaps", "--grace", "0s")
    listed = headrace_audit(service, "--gaps", "--grace", "0s", "--json")
    without = headrace_audit(service, "--grace", "0s")

    assert (shown.returncode, listed.returncode, without.returncode) == (Exit.FOUND, Exit.FOUND, Exit.DONE)
    sentences = re.findall(rf"(?m)^{FLIGHTS}: /checkout, epoch [0-9a-f]{{20}}: (.*)$", shown.stdout)
    window = r"2\d{3}-\d\d-\d\dT\d\d:\d\d:00Z"
    assert re.fullmatch(f"number 1, before {window}: 1 event missing", sentences[0])
    assert re.fullmatch(f"numbers 4 to 6, between {window} and {window}: 3 events missing", sentences[1])
    assert f"{FLIGHTS}: missing: 4 in 2 windows" in shown.stderr
    flights = {each["subject"]: each for each in json.loads(listed.stdout)["subjects"]}[FLIGHTS]
    assert [(each["first_number"], each["last_number"], each["events"]) for each in flights["missing"]] == [
        (1, 1, 1),
        (4, 6, 3),
    ]
    assert flights["missing"][0]["after"] is None
    assert flights["missing"][1]["after"] <= flights["missing"][1]["before"]
    assert not any(each["excused"] for each in flights["missing"])


def test_numbers_that_may_still_arrive_are_no_difference(project: str) -> None:
    service = a_service(project)
    publish(service, 10, lost=[4])
    service.run_until(acknowledged=9)

    found = looked_at(service, grace=timedelta(minutes=5))[FLIGHTS]

    assert [each.awaited for each in found.missing] == [True]
    assert found.differences == []
    assert found.excused == ["awaited: 1 in 1 window (numbers of a source's sequence that may still arrive)"]


def test_a_recreated_table_of_tallies_makes_earlier_numbers_missing(project: str) -> None:
    service, client = a_service(project), open_bigquery(project)
    with EventProducer(PubSubPublisher(project), source="/checkout", contracts=PACKAGE, sequence=True) as producer:
        producer.publish(FLIGHTS, a_flight(flight=1))
        producer.flush()
        service.run_until(acknowledged=1)
        client.delete_table(f"{project}.headrace.headrace_tallies")
        service.provision()
        producer.publish(FLIGHTS, a_flight(flight=2))
        producer.flush()
        service.run_until(acknowledged=1)

    assert missing(service) == [("/checkout", 1, 1)]


def test_numbers_of_dead_letters_and_duplicates_arrived_and_malformed_ones_are_counted(project: str) -> None:
    service = a_service(project)
    numbered = [
        (data, attributes | {ATTRIBUTE: str(SequenceNumber("a1", number))})
        for number, (data, attributes) in enumerate(map(a_message, range(5)), 1)
    ]
    numbered[1] = (b"\xff", numbered[1][1])  # undecodable
    numbered[2] = (numbered[2][0], numbered[2][1] | {"ce-id": numbered[0][1]["ce-id"]})  # a conflict
    numbered[3] = (numbered[3][0], {name: value for name, value in numbered[3][1].items() if name != "ce-id"})
    odd = [(data, attributes | {ATTRIBUTE: text}) for (data, attributes), text in zip(numbered, ODD, strict=False)]
    service.publish(FLIGHTS, [*numbered, numbered[0], *odd])
    service.run_until(acknowledged=11)

    found = looked_at(service)[FLIGHTS]
    assert found.missing == []
    assert found.excused == ["unnumbered: 5 in 1 window (events whose ce-sequence cannot be read)"]
    assert found.received == 11


def test_a_table_of_tallies_of_an_earlier_release_gets_the_column(project: str) -> None:
    service, client = a_service(project), open_bigquery(project)
    name = f"{project}.headrace.headrace_tallies"
    table = client.get_table(name)
    client.delete_table(name)
    earlier = bigquery.Table(name, [each for each in table.schema if each.name != "sequences"])
    earlier.time_partitioning, earlier.clustering_fields = table.time_partitioning, table.clustering_fields
    earlier.description = table.description
    client.create_table(earlier)
    publish(service, 3, lost=[2])

    assert service.provision() == 1
    service.run_until(acknowledged=2)

    assert missing(service) == [("/checkout", 2, 2)]


def test_a_gap_is_settled_as_the_page_says(project: str) -> None:
    service, page = a_service(project), (ROOT / "docs" / "audit.md").read_text()
    publish(service, 9, lost=[4, 5])
    service.run_until(acknowledged=7)
    (found,) = looked_at(service)[FLIGHTS].missing
    statement = re.search(r"^INSERT INTO headrace\.headrace_tallies .*?\)\]\)$", page, re.DOTALL | re.MULTILINE)
    assert statement is not None
    settled = statement[0]
    for words, own in {
        "order_placed": FLIGHTS,
        "019ad735840012ab34cd": found.epoch,
        "4711": "4",
        "4730": "5",
        "headrace.headrace_tallies": service.names.sql("headrace_tallies"),
    }.items():
        assert words in settled
        settled = settled.replace(words, own)
    open_bigquery(project).query_and_wait(settled)

    assert missing(service) == []
