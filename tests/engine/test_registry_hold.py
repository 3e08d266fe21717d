"""A subject whose schema ids cannot be trusted takes nothing, says why, and goes on by itself."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from headrace.engine.failures import describe_error
from headrace.engine.prepare import Prepared
from headrace.engine.registry_hold import HeldByRegistry
from headrace.engine.status import SCHEMA_REGISTRY, SubjectStatus
from headrace.engine.task_steps import Steps
from headrace.schema_registry.registry_errors import PinBrokenError, RegistryAwayError
from tests.support.registry_answers import recorded_schema
from tests.support.registry_ids import SUBJECT, IdsUnderTest
from tests.support.registry_server import RegistryServer, a_registry

NOTHING = Prepared(None, [], [])


class Passing:
    """A preparer that serves as it is told, and reads nothing."""

    def prepare(self, messages: Sequence[Any], now: int) -> Prepared:
        return NOTHING

    def run(self, serve: Callable[[], Steps[None]]) -> Steps[None]:
        return serve()


@dataclass
class Held:
    """A hold, with a clock that goes on only while it waits."""

    under_test: IdsUnderTest
    time: float = 1000.0
    served_at: list[float] = field(default_factory=list)
    reported: list[str | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.status = SubjectStatus(SUBJECT)
        self.stop = threading.Event()
        self.ids = self.under_test.ids()
        self.hold = HeldByRegistry(Passing(), self.ids, self.status, self.stop)

    def monotonic(self) -> float:
        return self.time

    def run(self, *serve: Callable[[], object], at: dict[float, Callable[[], object]], seconds: float = 60.0) -> None:
        """Serve in these ways, one after the other; do what *at* says after so many seconds."""
        ways, later, end = deque(serve), deque(sorted(at.items())), self.time + seconds
        begun = self.time

        def once() -> Steps[None]:
            self.served_at.append(self.time - begun)
            yield 0.0
            if ways:
                ways.popleft()()
            else:
                self.stop.set()

        for wait in self.hold.run(once):
            self.reported.append(self.status.in_the_way.get(SCHEMA_REGISTRY))
            self.time += wait or 0.0
            while later and self.time - begun >= later[0][0]:
                later.popleft()[1]()
            if self.time >= end:
                self.stop.set()


@pytest.fixture
def server() -> Iterator[RegistryServer]:
    with a_registry() as running:
        yield running


@pytest.fixture
def held(server: RegistryServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Held:
    made = Held(IdsUnderTest(server, tmp_path))
    monkeypatch.setattr("headrace.engine.registry_hold.time", made)
    monkeypatch.setattr("headrace.engine.task_steps.time", made)
    return made


def test_nothing_is_taken_before_the_pins_were_looked_at(held: Held) -> None:
    held.run(at={3.0: held.under_test.watch.look})
    assert len(held.served_at) == 1
    assert 3.0 <= held.served_at[0] <= 4.0
    assert set(held.reported) == {None}


def test_a_registry_that_is_away_at_the_start_does_not_hold_known_ids(held: Held, server: RegistryServer) -> None:
    server.away = True
    held.under_test.watch.look()
    held.run(at={})
    assert held.served_at == [0.0]


def test_an_unknown_id_waits_until_the_registry_answers(held: Held, server: RegistryServer) -> None:
    held.under_test.watch.look()
    server.away = True

    def back() -> None:
        server.away = False
        held.under_test.watch.look()

    held.run(lambda: held.ids.version_of(6), lambda: held.ids.version_of(6), at={20.0: back})
    assert len(held.served_at) == 2
    assert 20.0 <= held.served_at[1] <= 21.0
    shown = [each for each in held.reported if each]
    assert all("HTTP 503" in each and "stay in Pub/Sub" in each for each in shown)
    assert SCHEMA_REGISTRY not in held.status.in_the_way


def test_a_broken_pin_holds_until_it_is_pinned_anew(held: Held, server: RegistryServer) -> None:
    held.under_test.watch.look()
    held.ids.learn([6])
    server.give_id(6, recorded_schema(24))
    held.under_test.watch.look()

    def pinned_anew() -> None:
        held.under_test.pins.pin_anew(SUBJECT, {})

    held.run(at={15.0: pinned_anew})
    assert len(held.served_at) == 1
    assert held.served_at[0] >= 15.0
    assert f"headrace contracts pin {SUBJECT}" in str(held.reported[0])


def test_a_pin_that_breaks_while_it_serves_ends_the_round(held: Held, server: RegistryServer) -> None:
    held.under_test.watch.look()
    held.ids.learn([6])

    def broken() -> None:
        server.give_id(6, recorded_schema(24))
        held.under_test.watch.look()
        held.hold.prepare([], 0)

    held.run(broken, at={}, seconds=30)
    assert held.served_at == [0.0]
    with pytest.raises(PinBrokenError):
        held.hold.prepare([], 0)


def test_a_pin_that_breaks_while_no_message_comes_is_shown(held: Held, server: RegistryServer) -> None:
    held.under_test.watch.look()
    held.ids.learn([6])
    server.give_id(6, recorded_schema(24))
    held.under_test.watch.look()
    assert "to other schemas" in held.status.in_the_way[SCHEMA_REGISTRY]
    held.under_test.pins.pin_anew(SUBJECT, {})
    held.under_test.watch.look()
    assert SCHEMA_REGISTRY not in held.status.in_the_way


def test_an_id_that_always_fails_is_not_asked_for_in_a_hurry(held: Held, server: RegistryServer) -> None:
    held.under_test.watch.look()
    server.answers("/schemas/ids/6", server.replies["/apis/ccompat/v7/mode"])

    def fail() -> None:
        try:
            held.ids.version_of(6)
        finally:
            held.under_test.watch.look()

    held.run(*[fail] * 50, at={}, seconds=60)
    assert len(held.served_at) <= 15


def test_the_errors_of_a_registry_are_described_by_their_own_words() -> None:
    text = "https://registry.example: no connection; check schema_registry.url"
    assert describe_error(RegistryAwayError(text)).startswith(text)
