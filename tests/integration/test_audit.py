"""The audit on the emulators: a clean run reconciles, and what was done behind its back is named with its window."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headrace.audit.reconcile import SubjectAudit, audit, count_subjects
from headrace.audit.scope import Scope
from headrace.errors import Exit
from headrace.planning.cost.measure import measure
from headrace.runtime.clock import now_micros
from headrace.runtime.google_clients import open_bigquery
from headrace.schemas.envelope import Envelope, to_rfc3339
from headrace.schemas.registry import Contract
from tests.support.audits import headrace_audit
from tests.support.builders import (
    BOOKING,
    BOOKING_V1,
    FLIGHT,
    a_booking,
    a_booking_v1,
    a_flight,
    encode,
    event_moment_of,
)
from tests.support.service import Service, a_service

pytestmark = pytest.mark.emulators
HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
EARLY, MIDDLE, LATE = HOUR - timedelta(days=2), HOUR - timedelta(hours=3), HOUR - timedelta(hours=2)
FLIGHTS, BOOKINGS = "flight_departed", "booking_created"
COLUMNS = "carrier, flight, tail_number, origin, destination, scheduled_at, departed_at, departure_delay_minutes"
MORE = "arrival_delay_minutes, air_time_minutes, distance_miles, cancelled, _ingested_at, _schema_version, _source"


def a_message(contract: Contract, fields: dict[str, Any], event_id: str) -> tuple[bytes, dict[str, str]]:
    envelope = Envelope(event_id, contract.ref, event_moment_of(contract, fields), "/test")
    return encode(contract, fields), envelope.to_attributes()


def a_flight_at(moment: datetime, number: int) -> tuple[bytes, dict[str, str]]:
    fields = a_flight(scheduled_at=moment + timedelta(seconds=number), departed_at=None, flight=number)
    return a_message(FLIGHT, fields, f"flight-{moment:%d-%H}-{number}")


@pytest.fixture
def service(project: str) -> Service:
    """Three windows of five flights each, and two bookings, one of either version; then the job has come to rest."""
    service = a_service(project)
    flights = [a_flight_at(moment, number) for moment in (EARLY, MIDDLE, LATE) for number in range(5)]
    service.publish(FLIGHTS, [*flights, flights[0]])
    service.publish(
        BOOKINGS,
        [
            a_message(BOOKING_V1, a_booking_v1(created_at=LATE), "booking-1"),
            a_message(BOOKING, a_booking(created_at=LATE), "booking-2"),
            (b"noise", {}),
        ],
    )
    service.run_until(acknowledged=19)
    return service


def run(service: Service, *statements: str) -> None:
    """Do something behind the job's back."""
    for statement in statements:
        changed = open_bigquery(service.settings.project).query(statement)
        changed.result()
        assert changed.num_dml_affected_rows, statement


def looked_at(service: Service, grace: timedelta = timedelta(0), **more: Any) -> dict[str, SubjectAudit]:
    scope = Scope(now_micros(), timedelta(minutes=1), grace=grace, **more)
    found = audit(service.registry, service.names, open_bigquery(service.settings.project), scope)
    return {each.subject: each for each in found}


def named(audits: dict[str, SubjectAudit]) -> list[tuple[str, str, datetime, int | None]]:
    """Everything found: subject, kind, start of the window, how many."""
    return [
        (each.subject, str(finding.kind), datetime.fromtimestamp((finding.start or 0) / 1e6, UTC), finding.events)
        for each in audits.values()
        for finding in each.findings
    ]


def test_a_clean_run_reconciles_in_counts_and_in_contents(service: Service) -> None:
    audits = looked_at(service)

    flights, bookings = audits[FLIGHTS], audits[BOOKINGS]
    assert named(audits) == named(looked_at(service, contents=True)) == []
    assert (flights.received, flights.written, flights.duplicates, flights.rows) == (16, 15, 1, 15)
    assert (bookings.received, bookings.written, bookings.dead_lettered) == (3, 2, {"malformed_envelope": 1})


FLIGHT_TABLE = "`{project}.headrace.flights`"
LATE_FLIGHT = f"_event_id = 'flight-{LATE:%d-%H}-3'"
IN_LATE = f"_event_time >= TIMESTAMP '{LATE:%Y-%m-%d %H:%M:%S}'"
COPY = f"INSERT INTO {FLIGHT_TABLE} SELECT * FROM {FLIGHT_TABLE} WHERE {LATE_FLIGHT}"
FOREIGN = (
    f"INSERT INTO {FLIGHT_TABLE} ({COLUMNS}, {MORE}, _event_id, _event_time) "
    f"SELECT {COLUMNS}, {MORE}, 'nobody-knows', _event_time FROM {FLIGHT_TABLE} WHERE {LATE_FLIGHT}"
)
DELETED = f"DELETE FROM {FLIGHT_TABLE} WHERE {LATE_FLIGHT}"
OTHER = f"DELETE FROM {FLIGHT_TABLE} WHERE _event_id = 'flight-{LATE:%d-%H}-1'"
# What was done, what counts say of it, and what is reported when the rows are read back.
TAMPERED = [
    pytest.param([DELETED], {"lost": 1}, {"lost": 1}, id="a row deleted"),
    pytest.param([f"DELETE FROM {FLIGHT_TABLE} WHERE {IN_LATE}"], {"lost": 5}, {"lost": 5}, id="a window deleted"),
    pytest.param([COPY], {"doubled": 1}, {"doubled": 1}, id="a row copied"),
    pytest.param([FOREIGN], {"unexplained": 1}, {"unexplained": 1}, id="a foreign row"),
    pytest.param([COPY, OTHER], {"lost": 1, "doubled": 1}, {"lost": 1, "doubled": 1}, id="one copied, one deleted"),
    pytest.param([FOREIGN, DELETED], {}, {"replaced": None}, id="a row replaced"),
    pytest.param(
        [f"UPDATE {FLIGHT_TABLE} SET air_time_minutes = 1 WHERE {LATE_FLIGHT}"],
        {},
        {"changed": None},
        id="a value changed",
    ),
    pytest.param(
        [f"UPDATE {FLIGHT_TABLE} SET tail_number = NULL WHERE {LATE_FLIGHT}"],
        {},
        {"changed": None},
        id="a value emptied",
    ),
]


@pytest.mark.parametrize(("statements", "by_counts", "by_contents"), TAMPERED)
def test_what_was_done_behind_its_back_is_named_with_its_window(
    service: Service, statements: Sequence[str], by_counts: dict[str, int], by_contents: dict[str, int | None]
) -> None:
    run(service, *(statement.format(project=service.settings.project) for statement in statements))

    counted, read = looked_at(service), looked_at(service, contents=True)

    assert named(counted) == [(FLIGHTS, kind, LATE, events) for kind, events in by_counts.items()]
    assert named(read) == [(FLIGHTS, kind, LATE, events) for kind, events in by_contents.items()]
    assert counted[BOOKINGS].differences == read[BOOKINGS].differences == []


def test_what_came_in_is_measured_by_the_same_tallies(service: Service) -> None:
    client, now = open_bigquery(service.settings.project), datetime.now(UTC)
    measured = measure(service.registry, service.names, client, now - timedelta(days=1), now)
    found = {each.subject: (each.events, each.refused) for each in measured}
    assert found == {FLIGHTS: (16, 0.0), BOOKINGS: (3, pytest.approx(1 / 3))}
    assert all(0 < each.events_a_second <= each.events for each in measured)
    assert measure(service.registry, service.names, client, now, now)[0].events == 0


def test_a_changed_value_is_found_however_deep_it_is(service: Service) -> None:
    run(
        service,
        f"UPDATE {service.names.sql('bookings')} SET labels = [STRUCT('campaign' AS key, 'autumn' AS value)] "
        "WHERE _event_id = 'booking-2'",
    )

    assert named(looked_at(service, contents=True)) == [(BOOKINGS, "changed", LATE, None)]


def test_since_and_subject_narrow_what_is_looked_at(service: Service) -> None:
    run(
        service,
        f"DELETE FROM {service.names.sql('flights')} WHERE _event_id = 'flight-{EARLY:%d-%H}-0'",
        f"DELETE FROM {service.names.sql('bookings')} WHERE _event_id = 'booking-1'",
    )

    assert {(name, kind) for name, kind, *_ in named(looked_at(service))} == {(FLIGHTS, "lost"), (BOOKINGS, "lost")}
    since = looked_at(service, since=MIDDLE + timedelta(seconds=30), subjects=[FLIGHTS])
    assert list(since) == [FLIGHTS]
    assert named(since) == []
    assert (since[FLIGHTS].written, since[FLIGHTS].rows) == (10, 10)


def test_rows_of_an_expired_partition_are_reported_but_not_as_a_difference(service: Service) -> None:
    client = open_bigquery(service.settings.project)
    table = client.get_table(f"{service.settings.project}.headrace.flights")
    table.time_partitioning.expiration_ms = 86_400_000
    client.update_table(table, ["time_partitioning"])
    gone = f"_event_time < TIMESTAMP '{EARLY + timedelta(hours=1):%Y-%m-%d %H:%M:%S}'"
    run(service, f"DELETE FROM {service.names.sql('flights')} WHERE {gone}")

    audits = looked_at(service)

    assert named(audits) == [(FLIGHTS, "expired", EARLY, 5)]
    assert audits[FLIGHTS].differences == []
    assert audits[FLIGHTS].excused == [
        "expired: 5 in 1 window (tallied as written, in a partition that may have expired)"
    ]


def tally_line(service: Service, outcome: str, count: int, moment: str, tally_id: str, until: str = "NULL") -> str:
    start = f"TIMESTAMP '{LATE:%Y-%m-%d %H:%M:%S}'"
    window = f"STRUCT({start} AS window_start, {count} AS events, 0 AS id_hash, 0 AS content_hash)"
    return (
        f"INSERT INTO {service.names.sql('headrace_tallies')} "
        "(subject, outcome, tallied_at, tally_id, complete_until, events, windows) "
        f"VALUES ('{FLIGHTS}', '{outcome}', {moment}, '{tally_id}', {until}, {count}, [{window}])"
    )


def test_what_was_received_lately_is_in_flight_and_then_unsettled(service: Service) -> None:
    run(service, tally_line(service, "received", 3, "CURRENT_TIMESTAMP()", "a"))

    assert named(looked_at(service, grace=timedelta(minutes=1))) == [(FLIGHTS, "in_flight", LATE, 3)]
    assert named(looked_at(service, grace=timedelta(0))) == [(FLIGHTS, "unsettled", LATE, 3)]


def test_a_new_row_without_a_tally_is_in_flight_until_the_table_is_stated_complete(service: Service) -> None:
    run(service, FOREIGN.format(project=service.settings.project))
    grace = timedelta(minutes=10)

    assert named(looked_at(service, grace=grace)) == [(FLIGHTS, "in_flight", LATE, 1)]
    run(service, tally_line(service, "received", 0, "CURRENT_TIMESTAMP()", "a", until="CURRENT_TIMESTAMP()"))
    assert named(looked_at(service, grace=grace)) == [(FLIGHTS, "unexplained", LATE, 1)]


def test_tallies_deleted_or_copied_are_noticed_too(service: Service) -> None:
    tallies = service.names.sql("headrace_tallies")
    lines = f"{tallies} WHERE subject = '{FLIGHTS}' AND outcome"
    run(service, f"INSERT INTO {tallies} SELECT * FROM {lines} = 'written'")
    copied = looked_at(service)
    assert {finding.kind for finding in copied[FLIGHTS].findings} == {"copied"}
    assert (copied[FLIGHTS].written, copied[BOOKINGS].differences) == (15, [])

    run(service, f"DELETE FROM {lines} = 'received'")
    assert {kind for _, kind, _, _ in named(looked_at(service))} == {"copied", "unreceived"}


def test_the_command_says_reconciled_or_what_differs_and_exits_by_it(service: Service) -> None:
    clean = headrace_audit(service, "--json", "--contents")
    run(service, COPY.format(project=service.settings.project))
    doubled = headrace_audit(service, "--format", "json")
    shown = headrace_audit(service)
    lines = headrace_audit(service, "--format", "ndjson", "--subject", FLIGHTS)
    other = headrace_audit(service, "--subject", BOOKINGS)

    found = json.loads(clean.stdout)
    assert clean.returncode == Exit.DONE
    assert (found["schema_version"], found["reconciled"], found["windows"]) == (1, True, [])
    assert clean.stderr.splitlines()[-1] == "reconciled"
    found = json.loads(doubled.stdout)
    window = {"subject": FLIGHTS, "window_start": to_rfc3339(LATE), "kind": "doubled", "events": 1, "excused": False}
    assert doubled.returncode == Exit.FOUND
    assert (found["reconciled"], found["windows"]) == (False, [window])
    assert doubled.stderr.splitlines()[-1] == "NOT reconciled"
    assert shown.returncode == Exit.FOUND
    assert to_rfc3339(LATE) in shown.stdout
    assert [json.loads(line)["windows"] for line in lines.stdout.splitlines()] == [[window]]
    assert other.returncode == Exit.DONE


def test_totals_day_by_day_say_the_same(service: Service) -> None:
    counts = count_subjects(service.registry, service.names, open_bigquery(service.settings.project))

    assert [(each.subject, each.differences) for each in counts] == [(BOOKINGS, []), (FLIGHTS, [])]
