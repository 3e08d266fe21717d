"""Gather the status of the job: the engine, the backlogs and the tables are asked at the same time.

A source that cannot be asked is unknown, with the reason, and hides no other one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from headrace.core.engine_report import EngineReport
from headrace.runtime.clock import now_micros
from headrace.runtime.exit_codes import explain
from headrace.status.ask_engine import EngineSilentError
from headrace.status.backlogs import Backlogs
from headrace.status.speeds import Speed, speeds

if TYPE_CHECKING:
    from headrace.status.table_counts import TableCounts

T = TypeVar("T")
SAMPLE_SECONDS: Final = 1.0  # between two reports of an engine, which give the speeds
PAUSE_SECONDS: Final = 60.0  # between two questions that cost money, while somebody watches


@dataclass(frozen=True, slots=True)
class Status:
    """The status of the job at *at*, in microseconds since 1970.

    *subjects* are those of the contracts. Without an engine on this machine there is no *engine*, and without an answer
    from the tables there are no *tables*. *unknown* has the reason for each source that could not be asked.
    """

    at: int
    subjects: Sequence[str]
    engine: EngineReport | None = None
    speeds: dict[str, Speed] = field(default_factory=dict)
    backlogs: Backlogs = field(default_factory=Backlogs)
    tables: dict[str, TableCounts] | None = None
    unknown: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The questions to ask, with the least seconds between two of each, and the clocks.

    *now* is in microseconds since 1970, *monotonic* in seconds.
    """

    engine: Callable[[], EngineReport | None]
    backlogs: Callable[[], Backlogs]
    backlogs_every: float = 0.0
    tables: Callable[[], dict[str, TableCounts]] | None = None
    tables_every: float = PAUSE_SECONDS
    now: Callable[[], int] = now_micros
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class _Question(Generic[T]):
    """A question that is asked again only after *every* seconds; its last answer holds until then."""

    def __init__(self, ask: Callable[[], T], every: float, monotonic: Callable[[], float]) -> None:
        self._ask = ask
        self._every = every
        self._monotonic = monotonic
        self._due = monotonic()
        self._asked: Future[T] | None = None

    def ask(self, executor: Executor) -> None:
        if self._monotonic() >= self._due:
            self._due = self._monotonic() + self._every
            self._asked = executor.submit(self._ask)

    def answer(self) -> tuple[T | None, str]:
        """Return the answer, or None and the reason for it."""
        if self._asked is None:
            return None, ""
        try:
            return self._asked.result(), ""
        except Exception as error:  # the outermost handler of a source: one that fails must not hide the others
            return None, explain(error)[1]


class Gatherer:
    """Gathers the status again and again; speeds refer to the engine's report before."""

    def __init__(self, sources: Sources, subjects: Sequence[str]) -> None:
        self._sources = sources
        self._subjects = subjects
        self._before: EngineReport | None = None
        self._backlogs = _Question(sources.backlogs, sources.backlogs_every, sources.monotonic)
        asked = sources.tables or dict
        self._tables: _Question[dict[str, TableCounts]] = _Question(asked, sources.tables_every, sources.monotonic)

    def gather(self) -> Status:
        """Ask every source. The first call takes at least SAMPLE_SECONDS if there is an engine."""
        with ThreadPoolExecutor(2, "status") as executor:
            self._backlogs.ask(executor)
            if self._sources.tables is not None:
                self._tables.ask(executor)
            engine, engine_unknown = self._ask_engine()
        backlogs, backlogs_unknown = self._backlogs.answer()
        tables, tables_unknown = self._tables.answer()
        backlogs = backlogs or Backlogs()
        unknown = {
            "engine": engine_unknown,
            "backlogs": backlogs_unknown or backlogs.unknown,
            "tables": tables_unknown,
        }
        found = speeds(self._before, engine) if self._before and engine else {}
        self._before = engine
        return Status(
            self._sources.now(),
            self._subjects,
            engine,
            found,
            backlogs,
            tables,
            {source: why for source, why in unknown.items() if why},
        )

    def _ask_engine(self) -> tuple[EngineReport | None, str]:
        try:
            if self._before is None:
                self._before = self._sources.engine()
                if self._before is not None:
                    self._sources.sleep(SAMPLE_SECONDS)
            return self._sources.engine(), ""
        except EngineSilentError as error:
            return None, str(error)
