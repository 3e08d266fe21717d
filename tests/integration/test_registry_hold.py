"""Framed events whose ids a registry resolves: a subject is held while ids cannot be trusted, and others go on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace.engine.embedded import Embedded
from headrace.engine.status import SCHEMA_REGISTRY
from headrace.schema_registry import registry_watch
from headrace.schema_registry.pin_file import PinFile
from headrace.schema_registry.pins import Pins
from headrace.schemas.registry import Registry
from tests.integration.test_service import Wire, flight_message
from tests.support.builders import FLIGHT
from tests.support.foreign_messages import SAMPLES, Sample, as_expected, foreign_registry, only, samples
from tests.support.registry_server import RegistryServer, a_registry
from tests.support.service import Service, a_service

pytestmark = [pytest.mark.emulators, pytest.mark.timeout(300)]
FLIGHTS, ORDERS = FLIGHT.subject, "order_placed"
RULES = {"encoding": "confluent", "envelope": {"kind": "attributes", "id": "message_id"}}
IDS = {1: 6, 2: 7}  # of each version, as the samples have them


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOK_SECONDS", "AWAY_SECONDS", "MISSING_SECONDS"):
        monkeypatch.setattr(registry_watch, name, 0.5)


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with a_registry({}) as running:
        for version, content_id in IDS.items():
            running.give_id(content_id, schema(version))
        yield running


def schema(version: int) -> Any:
    return json.loads((SAMPLES / "schemas" / f"{ORDERS}.v{version}.avsc").read_text())


def orders(version: int) -> list[Sample]:
    return [each for each in samples("confluent-python", ORDERS) if each.schema == f"{ORDERS}.v{version}.avsc"]


def wire(events: list[Sample]) -> list[Wire]:
    return [(each.message.data, dict(each.message.attributes)) for each in events]


def an_order_service(project: str, server: RegistryServer, journal: Path) -> Service:
    own = foreign_registry(ORDERS, RULES)
    registry = Registry({each.ref: each for each in (*own, FLIGHT)})
    return a_service(project, registry, journal=journal, schema_registry={"url": server.url})


def in_phases(*phases: tuple[Callable[[Embedded], bool], Callable[[], object]]) -> Callable[[Embedded], bool]:
    """Return a condition that waits for one phase after the other, and does what follows each."""
    left = list(phases)

    def done(engine: Embedded) -> bool:
        if left and left[0][0](engine):
            left.pop(0)[1]()
        return not left

    return done


def held(engine: Embedded) -> str:
    return engine.status.subjects[ORDERS].in_the_way.get(SCHEMA_REGISTRY, "")


def written(subject: str, count: int) -> Callable[[Embedded], bool]:
    return lambda engine: engine.status.subjects[subject].counts["acknowledged"] >= count


def test_a_registry_that_is_away_holds_unknown_ids_and_makes_no_letters(
    project: str, tmp_path: Path, server: RegistryServer
) -> None:
    service = an_order_service(project, server, tmp_path / "journal")
    first, second = orders(1), orders(2)

    def away() -> None:
        server.away = True
        service.publish(ORDERS, wire(first))  # their id is pinned by now
        service.publish(ORDERS, wire(second))  # theirs is not

    service.publish(ORDERS, wire(first))
    engine = service.run_when(
        in_phases(
            (written(ORDERS, len(first)), away),
            (lambda engine: "HTTP 503" in held(engine), lambda: setattr(server, "away", False)),
            (written(ORDERS, 2 * len(first) + len(second)), lambda: None),
        )
    )

    assert not held(engine)
    assert engine.status.subjects[ORDERS].dead_letters.total() == 0
    rows = service.rows(ORDERS, "*")
    assert len(rows) == 2 * len(first) + len(second)
    assert {each["_schema_version"] for each in rows} == {1, 2}
    found = {
        each["order_id"]: as_expected(foreign_registry(ORDERS, RULES).latest(ORDERS).record, each) for each in rows
    }
    for sample in (*first, *second):
        assert sample.expect is not None
        assert only(sample.expect, found[sample.expect["order_id"]]) == sample.expect


def test_ids_that_name_other_schemas_hold_one_subject_until_it_is_pinned_anew(
    project: str, tmp_path: Path, server: RegistryServer
) -> None:
    service = an_order_service(project, server, tmp_path / "journal")
    first, seen = orders(1), list[str]()

    def restart_empty() -> None:
        server.give_id(IDS[1], {"type": "record", "name": "Other", "fields": [{"name": "a", "type": "string"}]})

    def publish_both() -> None:
        service.publish(ORDERS, wire(first))
        service.publish(FLIGHTS, [flight_message(f"flight-{number}", flight=number) for number in range(20)])

    def flights_went_on(engine: Embedded) -> bool:
        seen.append(held(engine))
        return written(FLIGHTS, 20)(engine)

    def give_back_and_pin() -> None:
        server.give_id(IDS[1], schema(1))
        Pins(PinFile(tmp_path / "journal", server.url)).pin_anew(ORDERS, {})

    service.publish(ORDERS, wire(first))
    engine = service.run_when(
        in_phases(
            (written(ORDERS, len(first)), restart_empty),
            (lambda engine: "to other schemas" in held(engine), publish_both),
            (flights_went_on, give_back_and_pin),
            (written(ORDERS, 2 * len(first)), lambda: None),
        )
    )

    assert f"headrace contracts pin {ORDERS}" in seen[-1]
    assert not held(engine)
    assert len(service.rows("flights", "flight")) == 20
    assert len(service.rows(ORDERS, "order_id")) == 2 * len(first)
    assert engine.status.subjects[ORDERS].dead_letters.total() == 0


def test_ids_of_other_schemas_become_letters_and_never_rows(
    project: str, tmp_path: Path, server: RegistryServer
) -> None:
    service = an_order_service(project, server, tmp_path / "journal")
    server.give_id(9, {"type": "record", "name": "Other", "fields": [{"name": "a", "type": "string"}]})
    good = wire(orders(1))
    foreign = [(data[:1] + (9).to_bytes(4) + data[5:], attributes) for data, attributes in good]
    unknown = [
        (data[:1] + (10_000 + place).to_bytes(4) + data[5:], attributes)
        for place, (data, attributes) in enumerate(good)
    ]

    service.publish(ORDERS, [*good, *foreign, *unknown])
    engine = service.run_when(written(ORDERS, 3 * len(good)))

    assert len(service.rows(ORDERS, "order_id")) == len(good)
    assert engine.status.subjects[ORDERS].dead_letters.total() == 2 * len(good)
    details = {each.attributes["headrace-dl-error"] for each in service.dead_letters(2 * len(good))}
    assert any("names another schema than those of order_placed" in each for each in details)
    assert any("not in the registry" in each for each in details)
