"""Gathering the status: what one source cannot answer hides nothing else, and costs are limited."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from google.api_core.exceptions import Forbidden

from headrace.core.engine_report import EngineReport
from headrace.pubsub.monitored_backlogs import Backlog
from headrace.status.ask_engine import EngineSilentError
from headrace.status.backlogs import Backlogs
from headrace.status.gather import PAUSE_SECONDS, SAMPLE_SECONDS, Gatherer, Sources
from headrace.status.table_counts import TableCounts
from tests.support.reports import a_report, a_subject


@dataclass
class World:
    """An engine that receives 100 messages a second, and sources that count how often they are asked."""

    seconds: float = 0.0
    engine: bool = True
    failing: dict[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def report(self) -> EngineReport | None:
        self._ask("engine")
        return a_report(a_subject("orders", received=int(self.seconds * 100)), at=self.seconds) if self.engine else None

    def backlogs(self) -> Backlogs:
        self._ask("backlogs")
        return Backlogs({"s": Backlog(1, 2.0)})

    def tables(self) -> dict[str, TableCounts]:
        self._ask("tables")
        return {"orders": TableCounts({"written": 5})}

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def gatherer(self, **changes: Any) -> Gatherer:
        given: dict[str, Any] = {"engine": self.report, "backlogs": self.backlogs, "tables": self.tables}
        clocks: dict[str, Any] = {"now": self.micros, "monotonic": self.now, "sleep": self.sleep}
        return Gatherer(Sources(**(given | clocks | changes)), ["orders"])

    def now(self) -> float:
        return self.seconds

    def micros(self) -> int:
        return int(self.seconds * 1e6)

    def _ask(self, source: str) -> None:
        self.asked.append(source)
        if source in self.failing:
            raise self.failing[source]


def test_the_first_look_already_has_speeds() -> None:
    world = World()
    status = world.gatherer().gather()
    assert status.speeds["orders"].received == 100.0
    assert world.seconds == SAMPLE_SECONDS


def test_later_looks_do_not_wait() -> None:
    world = World()
    gatherer = world.gatherer()
    gatherer.gather()
    world.seconds += 2.0
    assert gatherer.gather().speeds["orders"].received == 100.0
    assert world.seconds == SAMPLE_SECONDS + 2.0


def test_without_an_engine_the_rest_is_shown_at_once() -> None:
    world = World(engine=False)
    status = world.gatherer().gather()
    assert (status.engine, status.unknown, world.seconds) == (None, {}, 0.0)
    assert status.backlogs.by_subscription
    assert status.tables


def test_a_source_that_fails_says_why_and_hides_no_other() -> None:
    silent = EngineSilentError("j: the engine gives no answer")
    world = World(failing={"engine": silent, "tables": Forbidden("no")})
    status = world.gatherer().gather()
    assert status.unknown["engine"] == "j: the engine gives no answer"
    assert "bug" not in status.unknown["tables"]
    assert status.unknown["tables"]
    assert status.backlogs.by_subscription == {"s": Backlog(1, 2.0)}


def test_a_source_that_answers_again_is_known_again() -> None:
    world = World(failing={"backlogs": Forbidden("no")})
    gatherer = world.gatherer()
    assert "backlogs" in gatherer.gather().unknown
    world.failing.clear()
    assert gatherer.gather().unknown == {}


def test_tables_are_queried_once_a_minute_and_their_answer_holds_meanwhile() -> None:
    world = World()
    gatherer = world.gatherer()
    for _ in range(10):
        assert gatherer.gather().tables
        world.seconds += 2.0
    assert world.asked.count("tables") == 1
    assert world.asked.count("backlogs") == 10
    world.seconds += PAUSE_SECONDS
    gatherer.gather()
    assert world.asked.count("tables") == 2


def test_an_engine_that_starts_while_somebody_watches_is_seen() -> None:
    world = World(engine=False)
    gatherer = world.gatherer()
    assert gatherer.gather().engine is None
    world.engine = True
    assert gatherer.gather().speeds["orders"].received == 100.0


def test_sources_that_are_not_given_are_neither_asked_nor_unknown() -> None:
    world = World()
    status = world.gatherer(tables=None).gather()
    assert (status.tables, status.unknown) == (None, {})
