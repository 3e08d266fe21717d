"""A subject whose schema ids name other schemas takes nothing; others go on, and it goes on too when pinned anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.core.message import Message
from headrace.engine.embedded import Embedded
from headrace.engine.status import SCHEMA_REGISTRY
from headrace.schema_registry import registry_watch, served_ids
from headrace.schema_registry.pin_file import PinFile, PinKey, SubjectPins
from headrace.schema_registry.pins import Pins
from headrace.schema_registry.registry_ids import versions_by_hash
from headrace.schemas.id_space import IdSpace
from headrace.schemas.registry import Contract
from headrace.schemas.samples import SAMPLES
from headrace.steps.decode.decode_messages import Decoder
from tests.integration.test_service import Wire, flight_message
from tests.support.registry_answers import recorded_schema
from tests.support.registry_server import RegistryServer, a_registry
from tests.support.service import Service, a_service

pytestmark = [pytest.mark.emulators, pytest.mark.timeout(300)]
FLIGHTS, BOOKINGS = "flight_departed", "booking_created"
KEY = PinKey(IdSpace.CONTENT, 1)


@pytest.fixture(autouse=True)
def flights_carry_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flights count as payloads with ids, and the watch looks often."""

    def space_of(contract: Contract) -> IdSpace | None:
        return IdSpace.CONTENT if contract.subject == FLIGHTS else None

    monkeypatch.setattr(served_ids, "id_space_of", space_of)
    for name in ("LOOK_SECONDS", "AWAY_SECONDS", "MISSING_SECONDS"):
        monkeypatch.setattr(registry_watch, name, 0.5)


def flights(first: int, count: int) -> list[Wire]:
    return [flight_message(f"flight-{number}", flight=number) for number in range(first, first + count)]


def a_pinned_service(project: str, server: RegistryServer, journal: Path) -> Service:
    """A service whose flights have a pinned id."""
    server.give_id(1, json.loads((SAMPLES / f"{FLIGHTS}.v1.avsc").read_text()))
    service = a_service(project, journal=journal, schema_registry={"url": server.url})
    (pinned,) = versions_by_hash(service.registry, FLIGHTS)
    PinFile(journal, server.url).change(lambda table: {FLIGHTS: SubjectPins({KEY: pinned})})
    return service


def in_phases(*phases: tuple[Callable[[Embedded], bool], Callable[[], object]]) -> Callable[[Embedded], bool]:
    """Return a condition that waits for one phase after the other, and does what follows each."""
    left = list(phases)

    def done(engine: Embedded) -> bool:
        if left and left[0][0](engine):
            left.pop(0)[1]()
        return not left

    return done


def held(engine: Embedded) -> str:
    return engine.status.subjects[FLIGHTS].in_the_way.get(SCHEMA_REGISTRY, "")


def written(subject: str, count: int) -> Callable[[Embedded], bool]:
    return lambda engine: engine.status.subjects[subject].counts["acknowledged"] >= count


def test_broken_pins_hold_one_subject_until_it_is_pinned_anew(project: str, tmp_path: Path) -> None:
    with a_registry({}) as server:
        service = a_pinned_service(project, server, tmp_path / "journal")
        seen: list[str] = []

        def publish_both() -> None:
            service.publish(FLIGHTS, flights(100, 50))
            service.publish(BOOKINGS, [(b"unreadable", {"ce-id": str(number)}) for number in range(20)])

        def bookings_alone_went_on(engine: Embedded) -> bool:
            seen.append(held(engine))
            return written(BOOKINGS, 20)(engine)

        def repin() -> None:
            Pins(PinFile(tmp_path / "journal", server.url)).pin_anew(FLIGHTS, {})

        service.publish(FLIGHTS, flights(0, 50))
        engine = service.run_when(
            in_phases(
                (written(FLIGHTS, 50), lambda: server.give_id(1, recorded_schema_text())),
                (lambda engine: "to other schemas" in held(engine), publish_both),
                (bookings_alone_went_on, repin),
                (written(FLIGHTS, 100), lambda: None),
            )
        )
        assert "headrace contracts pin flight_departed" in seen[-1]
        assert not held(engine)
        assert sorted(row["flight"] for row in service.rows("flights", "flight")) == [*range(50), *range(100, 150)]
        assert engine.status.subjects[FLIGHTS].dead_letters.total() == 0


def recorded_schema_text() -> str:
    return json.dumps(recorded_schema(24))


def test_a_registry_that_is_away_holds_unknown_ids_and_makes_no_letters(
    project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The decoder of this test asks for the id in an attribute, where there is one, as one of a framed payload does."""
    asked: list[int] = []
    read = Decoder.read

    with a_registry({}) as server:
        service = a_pinned_service(project, server, tmp_path / "journal")
        server.give_id(2, json.loads((SAMPLES / f"{FLIGHTS}.v1.avsc").read_text()))
        made: list[served_ids.ServedIds] = []
        opened = served_ids.ServedIds.__init__

        def remembered(self: served_ids.ServedIds, *given: object) -> None:
            opened(self, *given)  # type: ignore[arg-type]
            made.append(self)

        def reading(self: Decoder, messages: list[Message], now: int) -> object:
            ids = made[-1].of(self.contract.subject)
            if ids is not None:
                numbers = [int(message.attributes["schema-id"]) for message in messages]
                asked.extend(numbers)
                ids.learn(numbers)
                assert all(ids.version_of(number) == 1 for number in numbers)
            return read(self, messages, now)

        monkeypatch.setattr(served_ids.ServedIds, "__init__", remembered)
        monkeypatch.setattr(Decoder, "read", reading)
        with_id = [(data, {**attributes, "schema-id": "1"}) for data, attributes in flights(0, 50)]
        with_other = [(data, {**attributes, "schema-id": "2"}) for data, attributes in flights(100, 50)]
        server.away = True
        service.publish(FLIGHTS, with_id)
        engine = service.run_when(
            in_phases(
                (written(FLIGHTS, 50), lambda: service.publish(FLIGHTS, with_other)),
                (lambda engine: "HTTP 503" in held(engine), lambda: setattr(server, "away", False)),
                (written(FLIGHTS, 100), lambda: None),
            )
        )
        assert not held(engine)
        assert set(asked) == {1, 2}
        assert len(service.rows("flights", "flight")) == 100
        assert engine.status.subjects[FLIGHTS].dead_letters.total() == 0
