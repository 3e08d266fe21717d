"""An event's way from publisher to row or dead letter, on both emulators."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headrace.audit.reconcile import count_subjects
from headrace.core.dead_letter import PREFIX
from headrace.engine.embedded import Embedded
from headrace.engine.status import SubjectStatus
from headrace.runtime.google_clients import open_bigquery
from headrace.schemas.envelope import Envelope
from headrace.schemas.registry import Contract, Registry
from tests.support.builders import BOOKING, FLIGHT, a_booking, a_contract, a_flight, encode, event_moment_of
from tests.support.service import Service, a_service

pytestmark = pytest.mark.emulators
Wire = tuple[bytes, dict[str, str]]


def a_message(contract: Contract, fields: dict[str, Any], event_id: str, **attributes: str | None) -> Wire:
    event_time = event_moment_of(contract, fields)
    given = Envelope(event_id, contract.ref, event_time, "/test").to_attributes() | attributes
    return encode(contract, fields), {name: value for name, value in given.items() if value is not None}


def flight_message(event_id: str, **changes: Any) -> Wire:
    now = datetime.now(UTC).replace(microsecond=0)
    return a_message(FLIGHT, a_flight(**{"scheduled_at": now, "departed_at": now} | changes), event_id)


def test_a_row_can_be_read_as_soon_as_it_is_counted_as_written(project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    service = a_service(project, round_messages=3)
    missing: list[int] = []
    written = 0

    def count(status: SubjectStatus, name: str, events: int = 1, count: Any = SubjectStatus.count) -> None:
        nonlocal written
        count(status, name, events)
        if name == "written":
            written += events
            missing.append(written - len(service.rows("flights", "_event_id")))

    monkeypatch.setattr(SubjectStatus, "count", count)
    service.publish("flight_departed", [flight_message(f"flight-{number}", flight=number) for number in range(30)])
    service.run_until(acknowledged=30)

    assert written == 30
    assert max(missing) <= 0


def test_each_event_becomes_one_row_and_every_message_is_accounted_for(project: str) -> None:
    service = a_service(project)
    messages = [flight_message(f"flight-{number}", flight=number) for number in range(250)]

    service.publish("flight_departed", [*messages, *messages[:40]])
    engine = service.run_until(acknowledged=290)

    rows = service.rows("flights", "_event_id, flight")
    assert sorted(row["flight"] for row in rows) == list(range(250))
    assert engine.progress.acknowledged == 290
    assert service.waiting("flight_departed") == 0
    counts = {count.subject: count for count in audit(service)}["flight_departed"]
    assert (counts.received, counts.written, counts.duplicates) == (290, 250, 40)
    assert counts.differences == []


def test_a_contract_ahead_of_its_table_holds_until_the_table_has_its_columns_too(project: str) -> None:
    then, now = (Registry({made.ref: made}) for made in (a_contract(), a_contract(("gate", ["null", "string"]))))
    service = a_service(project, then)
    ahead = Service(now, service.settings)
    contract = now.latest("thing_happened")
    gates = [f"C{number}" for number in range(20)]
    wires = [a_message(contract, {"at": datetime.now(UTC), "gate": gate}, gate) for gate in gates]
    service.publish("thing_happened", wires)

    seen: list[str] = []

    def provisioned_when_it_says_so(engine: Embedded) -> bool:
        messages = [each for each in engine.status.subjects["thing_happened"].in_the_way.values() if "gate" in each]
        if messages and not seen:
            seen.extend(messages)
            ahead.provision()
        return engine.progress.acknowledged >= 20

    ahead.run_when(provisioned_when_it_says_so)
    assert "things: the table has no column gate; `headrace provision` makes tables and columns" in seen[0]
    assert sorted(row["gate"] for row in service.rows("things", "gate")) == sorted(gates)


LONG_AGO = datetime.now(UTC) - timedelta(days=401)
AHEAD = datetime.now(UTC) + timedelta(hours=1)
GOOD = flight_message("bad-one")


def changed(**attributes: str | None) -> Wire:
    names = {name.replace("_", "-"): value for name, value in attributes.items()}
    return GOOD[0], {name: value for name, value in (GOOD[1] | names).items() if value is not None}


BAD = [
    pytest.param(changed(ce_id=None), "malformed_envelope", "ce-id is missing", id="no id"),
    pytest.param(changed(ce_id=""), "malformed_envelope", "ce-id is empty", id="empty id"),
    pytest.param(changed(ce_time=None), "malformed_envelope", "ce-time is missing", id="no time"),
    pytest.param(changed(ce_time="2020-01-01T00:00:00Z"), "malformed_envelope", "scheduled_at", id="another time"),
    pytest.param(changed(content_type="application/json"), "malformed_envelope", "content-type", id="JSON"),
    pytest.param((GOOD[0], {}), "malformed_envelope", "ce-id", id="no attributes"),
    pytest.param((GOOD[0], {"data": "x", "topic": "y"}), "malformed_envelope", "ce-id", id="odd attribute names"),
    pytest.param(changed(ce_dataschema="headrace:flight_departed:99"), "unknown_schema", "v99", id="unknown version"),
    pytest.param(
        changed(ce_dataschema="headrace:no_such_thing:1", ce_type=None),
        "unknown_schema",
        "no_such_thing",
        id="unknown subject",
    ),
    pytest.param(
        changed(ce_dataschema="headrace:booking_created:2", ce_type=None),
        "unknown_schema",
        "booking_created",
        id="the contract of another topic",
    ),
    pytest.param((GOOD[0][:-3], GOOD[1]), "undecodable_payload", "byte", id="truncated"),
    pytest.param((GOOD[0] + b"\0", GOOD[1]), "undecodable_payload", "1 bytes follow", id="trailing byte"),
    pytest.param((b"\xff" * 40, GOOD[1]), "undecodable_payload", "carrier", id="noise"),
    pytest.param(flight_message("late", scheduled_at=LONG_AGO), "too_late", "late_after", id="too late"),
    pytest.param(flight_message("early", scheduled_at=AHEAD), "in_the_future", "ahead_at_most", id="future"),
]


@pytest.mark.parametrize(("bad", "reason", "detail"), BAD)
def test_a_bad_message_is_dead_lettered_whole_and_its_neighbours_are_written(
    project: str, bad: Wire, reason: str, detail: str
) -> None:
    service = a_service(project)
    neighbours = [flight_message(f"neighbour-{number}", flight=number) for number in range(6)]

    service.publish("flight_departed", [*neighbours[:3], bad, *neighbours[3:]])
    service.run_until(acknowledged=7)

    (letter,) = service.dead_letters(1)
    original = {name: value for name, value in letter.attributes.items() if not name.startswith(PREFIX)}
    assert (letter.data, original) == bad
    assert letter.attributes[f"{PREFIX}reason"] == reason
    assert detail in letter.attributes[f"{PREFIX}error"]
    assert sorted(row["flight"] for row in service.rows("flights", "flight")) == list(range(6))


def test_the_same_id_with_another_payload_is_a_conflict(project: str) -> None:
    service = a_service(project)
    service.publish("flight_departed", [flight_message("one", flight=1)])
    service.publish("flight_departed", [flight_message("one", flight=2)])

    service.run_until(acknowledged=2)

    (letter,) = service.dead_letters(1)
    assert letter.attributes[f"{PREFIX}reason"] == "id_conflict"
    (row,) = service.rows("flights", "flight, _event_id")
    assert row["_event_id"] == "one"


def test_personal_values_are_masked_before_they_are_stored(project: str) -> None:
    service = a_service(project)
    fields = a_booking(created_at=datetime.now(UTC), ip_address="203.0.113.77")

    service.publish("booking_created", [a_message(BOOKING, fields, "b1"), a_message(BOOKING, fields, "b2")])
    service.run_until(acknowledged=2)

    first, second = service.rows("bookings")
    assert "card_number" not in first
    assert first["email"].startswith("t1_")
    assert first["email"] == second["email"]
    assert first["ip_address"] == "203.0.113.0/24"
    assert first["notes"] is None
    assert first["contact"]["name"] is None
    assert first["contact"]["country"] == "GB"
    passenger = first["passengers"][0]
    assert passenger["name"] is None
    assert passenger["birth_date"].day == 1
    assert passenger["document"] == "*****567"


def audit(service: Service) -> list[Any]:
    return count_subjects(service.registry, service.names, open_bigquery(service.settings.project))
