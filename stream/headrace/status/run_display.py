"""The status that ``headrace run`` shows on stdout: a panel on a terminal, elsewhere lines of JSON."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Final

from headrace.core.engine_report import EngineReport
from headrace.core.resource_names import Names
from headrace.runtime.google_clients import PUBSUB, emulator_host
from headrace.runtime.standard_streams import OutputError
from headrace.schemas.envelope import from_micros, to_rfc3339
from headrace.status.backlogs import Backlogs, read_backlogs
from headrace.status.gather import Gatherer, Sources, Status
from headrace.status.rows import State, SubjectRow, subject_rows
from headrace.util.output import print_json

PANEL_SECONDS: Final = 1.0
LINE_SECONDS: Final = 10.0


@contextmanager
def displaying(report: Callable[[], EngineReport], names: Names, journal: str) -> Iterator[None]:
    """Show the engine of this process while the block runs. A stdout that nobody reads ends the display alone."""
    gatherer = Gatherer(Sources(engine=report, backlogs=lambda: _backlogs(names)), ())
    ended = threading.Event()
    if sys.stdout.isatty():
        from headrace.status.panel import showing  # Rich, which a service does not need

        with showing(names, journal) as show, _repeating(gatherer, show, PANEL_SECONDS, ended):
            yield
    else:
        with _repeating(gatherer, lambda status: print_json(line(status, names)), LINE_SECONDS, ended):
            yield


@contextmanager
def _repeating(
    gatherer: Gatherer, show: Callable[[Status], None], seconds: float, ended: threading.Event
) -> Iterator[None]:
    def repeat() -> None:
        try:
            while not ended.wait(seconds):
                show(gatherer.gather())
        except OutputError:
            return

    thread = threading.Thread(target=repeat, name="display", daemon=True)  # a blocked terminal must not hold the end
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(seconds)


def line(status: Status, names: Names) -> dict[str, Any]:
    """Return the line of JSON: the totals, and the subjects that had messages or wait for something."""
    rows, engine = subject_rows(status, names), status.engine
    return {
        "at": to_rfc3339(from_micros(status.at)),
        "alive": engine is not None and engine.alive,
        "ready": engine is not None and engine.ready,
        "received_a_second": _total(row.received_a_second for row in rows),
        "acknowledged_a_second": _total(row.acknowledged_a_second for row in rows),
        "subjects": [_named(row) for row in rows if row.state is not State.RUNNING or row.received_a_second],
    }


def _named(row: SubjectRow) -> dict[str, Any]:
    """Return what is known of a subject; problems by their kind alone, because the log has them in full."""
    given = asdict(row) | {"in_the_way": sorted(row.in_the_way)}
    return {name: value for name, value in given.items() if value is not None}


def _total(speeds: Iterator[float | None]) -> float:
    return round(sum(speed or 0.0 for speed in speeds), 1)


def _backlogs(names: Names) -> Backlogs:
    """Return the local broker's counts. The job may not read Cloud Monitoring, which ``headrace status`` asks."""
    if emulator_host(PUBSUB):
        return read_backlogs(names, time.time)
    return Backlogs()
