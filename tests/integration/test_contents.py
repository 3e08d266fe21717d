"""Events that come again: encoded anew, changed, after an update of the job, and under ids of their own."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw
import pytest

from headrace.core.dead_letter import PREFIX
from headrace.core.resource_names import TALLIES
from headrace.engine.journal_files import VFS
from headrace.engine.journal_opening import FILE
from headrace.schemas.envelope import Envelope, SchemaRef
from headrace.schemas.identity import derive_event_id
from headrace.schemas.registry import Contract, Registry, parse_contract
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

LABELS = {"campaign": "spring", "region": "north", "agent": "7"}


def a_message(contract: Contract, fields: dict[str, Any], event_id: str) -> tuple[bytes, dict[str, str]]:
    at = event_moment_of(contract, fields)
    return encode(contract, fields), Envelope(event_id, contract.ref, at, "/shop").to_attributes()


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def reasons(service: Service, count: int) -> list[str]:
    letters = service.dead_letters(count)
    return [f"{each.attributes[f'{PREFIX}reason']} {each.attributes['ce-id']}" for each in letters]


def test_an_event_encoded_anew_is_a_duplicate_and_a_changed_one_a_conflict(project: str) -> None:
    #  |three events|each encoded anew: a map in another order, an older version|one changed|
    service, at = a_service(project), now()
    v1 = a_booking_v1(created_at=at)
    same = {each.name: v1[each.name] for each in BOOKING.record.fields if each.name in v1}
    first = a_booking(created_at=at, labels=LABELS)
    again = first | {"labels": dict(reversed(LABELS.items()))}
    messages = [a_message(BOOKING, first, "a"), a_message(BOOKING_V1, v1, "b")]
    service.publish("booking_created", messages)
    service.run_until(acknowledged=2)
    retries = [a_message(BOOKING, again, "a"), a_message(BOOKING, same, "b")]
    assert [data for data, _ in retries] != [data for data, _ in messages]
    changed = a_message(BOOKING, first | {"labels": LABELS | {"agent": "8"}}, "a")
    service.publish("booking_created", [*retries, changed])
    service.run_until(acknowledged=3)
    assert outcomes(service) == {"received": 5, "written": 2, "duplicate": 2, "dead_lettered": 1}
    assert reasons(service, 1) == ["id_conflict a"]
    assert sorted(row["_event_id"] for row in service.rows("bookings", "_event_id")) == ["a", "b"]


def outcomes(service: Service) -> dict[str, int]:
    """How many events have each outcome."""
    counted: dict[str, int] = {}
    for row in service.rows(TALLIES, "outcome, events"):
        counted[row["outcome"]] = counted.get(row["outcome"], 0) + row["events"]
    return counted


def forget_rules(journal: Path) -> None:
    """Make remembered ids those of an earlier release: it did not store the rule of their hashes."""
    connection = apsw.Connection(str(journal / FILE), vfs=VFS)
    assert list(connection.execute("SELECT count(*) FROM ids WHERE substr(entries, 1, 16) = zeroblob(16)")) != [(0,)]
    connection.execute("UPDATE ids SET entries = substr(entries, 25) WHERE substr(entries, 1, 16) = zeroblob(16)")
    connection.close()


def test_ids_of_an_earlier_release_are_compared_in_the_table(project: str) -> None:
    service, at = a_service(project), now()
    events = {name: a_booking(created_at=at, labels=LABELS) for name in "abc"}
    service.publish("booking_created", [a_message(BOOKING, event, name) for name, event in events.items()])
    service.run_until(acknowledged=3)
    forget_rules(service.settings.journal)
    again = events["a"] | {"labels": dict(reversed(LABELS.items()))}
    changed = events["b"] | {"paid": False}
    service.publish(
        "booking_created",
        [a_message(BOOKING, again, "a"), a_message(BOOKING, changed, "b"), a_message(BOOKING, events["c"], "d")],
    )
    service.run_until(acknowledged=3)
    assert outcomes(service) == {"received": 6, "written": 4, "duplicate": 1, "dead_lettered": 1}
    assert reasons(service, 1) == ["id_conflict b"]


def by_rule(rule: str) -> Registry:
    avro = json.loads(FLIGHT.json)
    avro["headrace"]["identity"] = {"fields": list(FLIGHT.options.identity), "id": rule}
    contract = parse_contract(SchemaRef("flight_departed", 1), json.dumps(avro))
    return Registry({contract.ref: contract})


@pytest.mark.parametrize("rule", ["check", "derive"])
def test_flights_under_ids_of_their_own_are_no_second_rows(project: str, rule: str) -> None:
    #  ten flights by a client with ids of its own, then the same by the SDK
    registry, at = by_rule(rule), now()
    service = a_service(project, registry)
    (contract,) = registry
    events = [a_flight(flight=number, scheduled_at=at, departed_at=at) for number in range(10)]
    own = [a_message(contract, event, f"event-{number}") for number, event in enumerate(events)]
    derived = [a_message(contract, event, str(derive_event_id(contract, event))) for event in events]
    service.publish("flight_departed", own)
    service.run_until(acknowledged=10)
    service.publish("flight_departed", derived)
    service.run_until(acknowledged=10)
    rows = service.rows("flights", "_event_id")
    assert sorted(row["_event_id"] for row in rows) == sorted(attributes["ce-id"] for _, attributes in derived)
    if rule == "check":
        wanted = [f"malformed_envelope event-{number}" for number in range(10)]
        assert sorted(reasons(service, 10)) == sorted(wanted)
    else:
        assert outcomes(service) == {"received": 20, "written": 10, "duplicate": 10}
