"""``headrace status``: show the engine on this machine, the backlogs and the tables; exit with 1 at a problem."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from headrace.config.settings import Settings, load_settings
from headrace.core.engine_report import EngineReport
from headrace.errors import Exit
from headrace.runtime.google_clients import PUBSUB, describe_emulators, emulator_host, open_bigquery
from headrace.runtime.reachability import Service, reach
from headrace.schemas.envelope import from_micros, to_rfc3339
from headrace.status.ask_engine import UnknownSubjectError, engine_report
from headrace.status.backlogs import read_backlogs
from headrace.status.gather import PAUSE_SECONDS, Gatherer, Sources, Status
from headrace.status.rows import subject_rows
from headrace.status.table_counts import TableCounts, read_table_counts
from headrace.util.output import check_format, print_json, say, show

REACH_SECONDS: Final = 5.0


def run_status(flags: Mapping[str, Any], subjects: Sequence[str], every: float | None, format_: str) -> Exit:
    """Print the status once, or every *every* seconds until Ctrl-C.

    Raises:
        UnknownSubjectError: neither the contracts nor the engine have one of *subjects*.
    """
    check_format(format_)
    if line := describe_emulators():
        say(line)
    settings = load_settings(**flags)
    known = [*(registry := settings.registry()).subjects, *registry.blocked]
    gatherer = Gatherer(_sources(settings), known)
    statuses = _statuses(gatherer, subjects, every)
    if every is not None and format_ == "table":
        from headrace.status.panel import showing

        with showing(settings.names, str(settings.journal)) as show_panel:
            return _shown(statuses, show_panel)
    return _shown(statuses, partial(_print, settings=settings, format_="ndjson" if every is not None else format_))


def _shown(statuses: Iterator[Status], show_one: Callable[[Status], None]) -> Exit:
    healthy = True
    try:
        for status in statuses:
            show_one(status)
            healthy = _is_healthy(status)
    except KeyboardInterrupt:  # how a person ends --watch
        pass
    return Exit.DONE if healthy else Exit.FOUND


def _statuses(gatherer: Gatherer, subjects: Sequence[str], every: float | None) -> Iterator[Status]:
    while True:
        yield _chosen(gatherer.gather(), subjects)
        if every is None:
            return
        time.sleep(every)


def _chosen(status: Status, subjects: Sequence[str]) -> Status:
    if not subjects:
        return status
    engine = status.engine
    known = {*status.subjects, *(each.subject for each in (engine.subjects if engine else ()))}
    for subject in subjects:
        if subject not in known:
            raise UnknownSubjectError(f"{subject}: no such subject; there are {', '.join(sorted(known)) or 'none'}")
    if engine is not None:
        engine = replace(engine, subjects=[each for each in engine.subjects if each.subject in subjects])
    return replace(status, subjects=list(subjects), engine=engine)


def _sources(settings: Settings) -> Sources:
    def tables() -> dict[str, TableCounts]:
        reach(Service.BIGQUERY, seconds=REACH_SECONDS)
        return read_table_counts(open_bigquery(settings.project), settings.names, datetime.now(UTC))

    return Sources(
        engine=partial(engine_report, settings.journal),
        backlogs=partial(read_backlogs, settings.names, time.time),
        backlogs_every=0.0 if emulator_host(PUBSUB) else PAUSE_SECONDS,
        tables=tables,
    )


def _is_healthy(status: Status) -> bool:
    """Return whether no problem is known. Without an engine here, and none that fails to answer, none is."""
    if status.engine is None:
        return "engine" not in status.unknown
    return status.engine.alive and status.engine.ready


def _print(status: Status, settings: Settings, format_: str) -> None:
    rows = [asdict(each) for each in subject_rows(status, settings.names)]
    if format_ == "table":
        from rich.console import Console

        from headrace.status.view import view
        from headrace.util.terminal_columns import width

        Console(width=width()).print(view(status, settings.names, str(settings.journal), width()))
    elif format_ == "ndjson":
        print_json(as_json(status) | {"subjects": rows})
    else:
        show("subjects", rows, format_, **as_json(status))


def as_json(status: Status) -> dict[str, Any]:
    """Return all of *status* but its subjects."""
    return {
        "at": to_rfc3339(from_micros(status.at)),
        "healthy": _is_healthy(status),
        "engine": None if status.engine is None else _engine(status.engine),
        "unknown": status.unknown,
    }


def _engine(engine: EngineReport) -> dict[str, Any]:
    own = {
        name: value for name, value in asdict(engine).items() if name not in ("subjects", "parts", "at", "started_at")
    }
    in_the_way = {each.subject: each.in_the_way for each in engine.parts if each.in_the_way}
    return own | {"started_at": to_rfc3339(from_micros(engine.started_at)), "in_the_way": in_the_way}
