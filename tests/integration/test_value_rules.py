"""Rules on values from end to end: letters that name the rule, warnings, and replays once the rule is changed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headrace.core.dead_letter import PREFIX
from headrace.dead_letters.facts import State
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.replay_forecast import Forecast
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.registry import Contract, Registry, parse_contract
from tests.integration.test_beam_job import run_until
from tests.integration.test_replay import Office
from tests.integration.test_transformations import as_messages, reconciled, some_flights
from tests.support.builders import FLIGHT
from tests.support.service import Service, a_service

pytestmark = pytest.mark.emulators
ON_TIME = {"name": "not_early", "expression": "departure_delay_minutes >= 0", "else": "dead_letter"}
RULES: list[dict[str, Any]] = [
    {"name": "has_tail", "expression": "tail_number IS NOT NULL", "else": "warn"},
    ON_TIME,
    {"name": "quick", "expression": "speed < 500", "else": "warn"},
]
SPEED = {"name": "speed", "type": "double", "expression": "SAFE_DIVIDE(distance_miles * 60, air_time_minutes)"}


def flights_with(rules: list[dict[str, Any]], version: int = 1) -> Contract:
    avro = json.loads(FLIGHT.json)
    avro["headrace"] |= {"where": "NOT cancelled", "derived": [SPEED], "rules": rules}
    return parse_contract(SchemaRef(FLIGHT.subject, version), json.dumps(avro))


CONTRACT = flights_with(RULES)
REGISTRY = Registry({CONTRACT.ref: CONTRACT})
EASED = flights_with([RULES[0], {**ON_TIME, "expression": "departure_delay_minutes >= -60"}, RULES[2]], version=2)
BOTH = Registry({CONTRACT.ref: CONTRACT, EASED.ref: EASED})


def is_early(flight: dict[str, Any]) -> bool:
    return not flight["cancelled"] and flight["departure_delay_minutes"] < 0


def written(flights: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in flights if not each["cancelled"] and not is_early(each)]


def numbers(service: Service) -> list[int]:
    return sorted(row["flight"] for row in service.rows("flights", "flight"))


def warnings_of(flights: list[dict[str, Any]]) -> dict[str, int]:
    """By Python's own means, row by row."""
    without_tail = sum(each["tail_number"] is None for each in flights)
    fast = sum(bool(each["air_time_minutes"]) and 1400 * 60 / each["air_time_minutes"] >= 500 for each in flights)
    return {"has_tail": without_tail, "quick": fast}


def test_a_letter_names_the_rule_and_passes_once_a_new_version_has_eased_it(project: str, tmp_path: Path) -> None:
    office = Office(project, tmp_path, registry=REGISTRY)
    flights = some_flights(200)
    early = [each for each in flights if is_early(each)]
    dropped = sum(each["cancelled"] for each in flights)
    assert early
    office.service.publish(FLIGHT.subject, as_messages(flights))

    engine = office.ingest(200, letters=len(early))

    assert numbers(office.service) == sorted(each["flight"] for each in written(flights))
    assert engine.status.subjects[FLIGHT.subject].rule_warnings == warnings_of(written(flights))
    found = office.reader.find(Filter(), 1000)
    assert {(each.reason, each.detail, each.stage) for each in found} == {
        ("rule_broken", "rule not_early is broken", "transform")
    }
    assert sorted(each.event_id for each in found) == sorted(f"flight-{each['flight']}" for each in early)
    reconciled(
        office.service,
        received=200,
        written=200 - dropped - len(early),
        dropped=dropped,
        dead_lettered={"rule_broken": len(early)},
    )

    made = office.plan_replay(forecasts={Forecast.FAILS})
    assert {reason: dict(counts) for reason, counts in made.by_reason.items()} == {
        "rule_broken": {Forecast.FAILS: len(early)}
    }
    assert [each.why for each in made.causes.values()] == ["rule not_early is broken"]
    office.send(made)
    office.ingest(len(early), letters=len(early))
    assert {(attempt, state) for _, attempt, state in office.letters()} == {(2, State.OPEN)}

    office.registry = office.service.registry = BOTH
    office.context = replace(office.context, registry=BOTH)
    office.service.provision()
    made = office.plan_replay()
    assert dict(made.by_reason["rule_broken"]) == {Forecast.PASSES: len(early)}
    office.send(made)
    office.ingest(len(early), registry=BOTH)

    assert numbers(office.service) == sorted(each["flight"] for each in flights if not each["cancelled"])
    reconciled(office.service, written=200 - dropped, dropped=dropped)


def test_the_beam_job_refuses_and_counts_the_same(project: str) -> None:
    service = a_service(project, REGISTRY)
    flights = some_flights(150, seed=5)
    early = [each for each in flights if is_early(each)]
    dropped = sum(each["cancelled"] for each in flights)
    service.publish(FLIGHT.subject, as_messages(flights))

    run_until(service, acknowledged=150)

    assert numbers(service) == sorted(each["flight"] for each in written(flights))
    assert {each.attributes[f"{PREFIX}error"] for each in service.dead_letters(len(early))} == {
        "rule not_early is broken"
    }
    reconciled(
        service,
        received=150,
        written=150 - dropped - len(early),
        dropped=dropped,
        dead_lettered={"rule_broken": len(early)},
    )
