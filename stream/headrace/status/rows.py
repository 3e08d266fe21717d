"""The status of each subject as one row, and the problems in sentences. Pure: for a panel, a table and JSON alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from headrace.core.engine_report import EngineReport, SubjectReport
from headrace.core.outcome import Outcome
from headrace.core.resource_names import Names
from headrace.schemas.envelope import to_rfc3339
from headrace.status.gather import Status


class State(StrEnum):
    """The state of a subject."""

    RUNNING = "running"
    STARTING = "starting"
    WAITING = "waiting"  # something is in the way
    CIRCUIT_OPEN = "circuit open"
    UNKNOWN = "unknown"  # no engine can be asked here


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """One subject. A value that no source knows is missing: None. *within* is that of its speed, in seconds.

    *written*, *duplicates*, *dropped* and *refused* are counts of the engine's process; *last_hour* has the tallies of
    all engines within an hour, by outcome.
    """

    subject: str
    state: State
    contract_version: int | None = None
    received_a_second: float | None = None
    acknowledged_a_second: float | None = None
    within: float | None = None
    backlog: int | None = None
    oldest_seconds: float | None = None
    written: int | None = None
    duplicates: int | None = None
    dropped: int | None = None
    refused: Mapping[str, int] | None = None
    last_hour: Mapping[str, int] | None = None
    complete_until: str | None = None
    gaps: int | None = None
    in_the_way: Mapping[str, str] = field(default_factory=dict)


def subject_rows(status: Status, names: Names) -> list[SubjectRow]:
    """Return the row of each subject: those of the contracts, and those of the engine."""
    reports = {each.subject: each for each in status.engine.subjects} if status.engine else {}
    return [
        _row(subject, reports.get(subject), status, names) for subject in dict.fromkeys([*status.subjects, *reports])
    ]


def _row(subject: str, report: SubjectReport | None, status: Status, names: Names) -> SubjectRow:
    given: dict[str, Any] = {}
    if report is not None:
        given |= {
            "contract_version": report.contract_version or None,
            "written": report.counts.get("written", 0),
            "duplicates": report.counts.get("duplicate", 0),
            "dropped": report.counts.get("dropped", 0),
            "refused": report.refused,
            "in_the_way": report.in_the_way,
        }
    if speed := status.speeds.get(subject):
        given |= {
            "received_a_second": speed.received,
            "acknowledged_a_second": speed.acknowledged,
            "within": speed.within,
        }
    found = [status.backlogs.by_subscription.get(each) for each in names.subscriptions(subject)]
    if found and all(found):
        given |= {
            "backlog": sum(each.messages for each in found if each),
            "oldest_seconds": max(each.oldest_seconds for each in found if each),
        }
    if status.tables is not None:
        given |= _of_tables(subject, status)
    return SubjectRow(subject, _state(report), **given)


def _of_tables(subject: str, status: Status) -> dict[str, Any]:
    found = (status.tables or {}).get(subject)
    until = found.complete_until if found else None
    return {
        "last_hour": {outcome.value: found.events.get(outcome, 0) if found else 0 for outcome in _SHOWN},
        "complete_until": None if until is None else to_rfc3339(until),
        "gaps": found.gaps if found else 0,
    }


def _state(report: SubjectReport | None) -> State:
    if report is None:
        return State.UNKNOWN
    if report.is_circuit_open:
        return State.CIRCUIT_OPEN
    if report.in_the_way:
        return State.WAITING
    return State.RUNNING if report.ready else State.STARTING


def problems(engine: EngineReport | None) -> Iterator[tuple[str, str]]:
    """Yield each subject or part of the engine that waits, with a sentence that says what for."""
    if engine is None:
        return
    for each in (*engine.subjects, *engine.parts):
        for sentence in dict.fromkeys(each.in_the_way.values()):
            yield each.subject, sentence


def notices(engine: EngineReport | None) -> Iterator[tuple[str, str]]:
    """Yield what happened to subjects and is over, such as a table that was replaced."""
    for each in engine.subjects if engine else ():
        for sentence in dict.fromkeys(each.notices.values()):
            yield each.subject, sentence


_SHOWN = (Outcome.RECEIVED, Outcome.WRITTEN, Outcome.DUPLICATE, Outcome.DROPPED, Outcome.DEAD_LETTERED)
