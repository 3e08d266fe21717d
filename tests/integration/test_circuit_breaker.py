"""A subject that cannot be read is not emptied into the dead-letter topic, on the emulators."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.api_core.exceptions import DeadlineExceeded
from google.pubsub_v1.types import PubsubMessage

from headrace.audit.reconcile import count_subjects
from headrace.core.dead_letter import PREFIX
from headrace.engine.embedded import Embedded
from headrace.runtime.google_clients import open_bigquery, open_subscriber
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES
from headrace.steps.circuit_breaker import FLOOR
from tests.integration.test_service import Wire, a_message, flight_message
from tests.support.builders import BOOKING, a_booking, a_flight
from tests.support.jobs import COMMAND
from tests.support.service import Service, a_service

pytestmark = [pytest.mark.emulators, pytest.mark.timeout(600)]
EVENTS = int(os.environ.get("FLOOD_EVENTS", "20000"))
BOOKINGS = 2_000
FLIGHT_V2 = SchemaRef("flight_departed", 2)


def the_next_version(folder: Path) -> Registry:
    """The package's contracts, and a second version of flights: of the same columns, for the emulator adds none."""
    shutil.copytree(SAMPLES, folder)
    avro = json.loads((SAMPLES / "flight_departed.v1.avsc").read_text())
    avro["doc"] = "The next version."
    (folder / "flight_departed.v2.avsc").write_text(json.dumps(avro))
    return Registry.load(folder)


def flights_of_version_2(registry: Registry, count: int) -> list[Wire]:
    contract, now = registry[FLIGHT_V2], datetime.now(UTC).replace(microsecond=0)
    flight = a_flight(scheduled_at=now, departed_at=now)
    return [a_message(contract, flight | {"flight": number}, f"new-{number}") for number in range(count)]


def bookings(count: int) -> list[Wire]:
    now = datetime.now(UTC)
    data, attributes = a_message(BOOKING, a_booking(created_at=now), "one")
    return [(data, attributes | {"ce-id": f"booking-{number}"}) for number in range(count)]


def done(engine: Embedded, subject: str, count: int) -> bool:
    return engine.status.subjects[subject].counts["acknowledged"] >= count


def all_letters(service: Service) -> list[PubsubMessage]:
    """Every dead letter there is; acknowledged."""
    subscriber, subscription = open_subscriber(), service.names.dead_letter_subscription
    letters: list[PubsubMessage] = []
    while True:
        try:
            found = subscriber.pull(subscription=subscription, max_messages=1000, timeout=3, retry=None)
        except DeadlineExceeded:
            return letters
        if not found.received_messages:
            return letters
        subscriber.acknowledge(subscription=subscription, ack_ids=[each.ack_id for each in found.received_messages])
        letters += [each.message for each in found.received_messages]


def as_they_came(letters: Sequence[PubsubMessage]) -> list[Wire]:
    return [
        (letter.data, {name: value for name, value in letter.attributes.items() if not name.startswith(PREFIX)})
        for letter in letters
    ]


def test_a_flood_is_stopped_the_others_go_on_and_all_arrives_once_it_can_be_read(
    project: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    #  flights: good, then all of an unknown version | the same job again | a job that knows it
    #  bookings: good                                    | good
    repaired = the_next_version(tmp_path / "contracts")
    service = a_service(project)
    old = [flight_message(f"old-{number}", flight=number) for number in range(500)]
    service.publish("flight_departed", [*old, *flights_of_version_2(repaired, EVENTS)])
    service.publish("booking_created", bookings(BOOKINGS))

    def held(engine: Embedded) -> bool:
        return engine.status.subjects["flight_departed"].is_circuit_open

    engine = service.run_when(lambda it: held(it) and done(it, "booking_created", BOOKINGS))
    letters = all_letters(service)
    record_property("letters", len(letters))
    print(f"{len(letters)} letters of a flood of {EVENTS:,}: {engine.status.subjects['flight_departed'].in_the_way}")
    assert len(letters) < FLOOR + service.settings.round_messages
    (sentence,) = engine.status.subjects["flight_departed"].in_the_way.values()
    assert "unknown_schema" in sentence
    assert "no contract flight_departed.v2 here" in sentence
    assert "headrace resume flight_departed" in sentence

    service.publish("booking_created", bookings(2 * BOOKINGS)[BOOKINGS:])
    engine = service.run_when(lambda it: looked(it) and done(it, "booking_created", BOOKINGS))
    assert engine.status.subjects["flight_departed"].counts["received"] == 0
    assert all_letters(service) == [], "a restart lets nothing out"
    assert service.rows("bookings", "COUNT(DISTINCT _event_id) AS ids, COUNT(*) AS total") == [
        {"ids": 2 * BOOKINGS, "total": 2 * BOOKINGS}
    ]

    service = replace(service, registry=repaired)
    service.provision()
    service.publish("flight_departed", as_they_came(letters))
    service.run_when(lambda it: written(service) >= EVENTS + len(old))
    assert written(service) == EVENTS + len(old)
    (row,) = service.rows("flights", "COUNT(DISTINCT _event_id) AS ids, COUNTIF(_schema_version = 2) AS new")
    assert row == {"ids": EVENTS + len(old), "new": EVENTS}
    assert all_letters(service) == []
    found = count_subjects(service.registry, service.names, open_bigquery(project))
    assert [each.differences for each in found] == [[], []]


def looked(engine: Embedded) -> bool:
    """Whether it has looked at a sample."""
    return any("a sample:" in each for each in engine.status.subjects["flight_departed"].in_the_way.values())


def written(service: Service) -> int:
    return int(service.rows("flights", "COUNT(*) AS total")[0]["total"])


def test_resume_lets_everything_through_until_it_can_be_read_again(project: str, tmp_path: Path) -> None:
    service = a_service(project, round_messages=500)
    flood = 3 * FLOOR
    unknown = flights_of_version_2(the_next_version(tmp_path / "contracts"), flood)
    service.publish("flight_departed", unknown)
    service.run_when(lambda it: it.status.subjects["flight_departed"].is_circuit_open)
    before = len(all_letters(service))
    assert before < FLOOR

    shown = resume("flight_departed", service.settings.journal)
    assert (shown.returncode, "circuit closes" in shown.stderr) == (0, True)
    service.run_when(lambda it: done(it, "flight_departed", flood - before))
    assert len(all_letters(service)) == flood - before
    assert "already" in resume("flight_departed", service.settings.journal).stderr

    service.publish("flight_departed", [flight_message(f"good-{number}") for number in range(FLOOR + 500)])
    engine = service.run_when(lambda it: done(it, "flight_departed", FLOOR + 500))
    assert not engine.status.subjects["flight_departed"].is_circuit_open
    shown = resume("flight_departed", service.settings.journal)
    assert shown.returncode == 3
    assert "not open" in shown.stderr


def test_a_running_engine_sees_the_command(project: str, tmp_path: Path) -> None:
    service = a_service(project)
    flood = 2 * FLOOR
    service.publish("flight_departed", flights_of_version_2(the_next_version(tmp_path / "contracts"), flood))
    exit_codes: list[int] = []

    def tell(engine: Embedded) -> bool:
        if engine.status.subjects["flight_departed"].is_circuit_open and not exit_codes:
            exit_codes.append(resume("flight_departed", service.settings.journal).returncode)
        return done(engine, "flight_departed", flood)

    service.run_when(tell)
    assert exit_codes == [0]
    assert len(all_letters(service)) == flood


def resume(subject: str, journal: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "resume", subject, "--journal", str(journal)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
