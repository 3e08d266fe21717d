"""The report of a running engine, for the account that it runs under."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from headrace.core.engine_report import WITHIN, EngineReport, SubjectReport
from headrace.engine.embedded import Embedded
from headrace.engine.status import SubjectStatus
from headrace.schemas.columns import decoder_kind
from headrace.schemas.registry import Registry


class Reporter:
    """Makes reports of one engine, which started at *started_at*, in microseconds since 1970."""

    def __init__(self, engine: Embedded, started_at: int) -> None:
        self._engine = engine
        self._started_at = started_at
        self._journal = engine.journal.id
        self._version = metadata.version("headrace")  # reads a file

    def report(self) -> EngineReport:
        """Return the engine's report as of now."""
        engine = self._engine
        registry, status = engine.contracts.job.registry, engine.status
        subjects = [*registry.subjects, *registry.blocked]
        reports = {name: _subject_report(registry, each) for name, each in status.subjects.items()}
        return EngineReport(
            at=engine.job.clock(),
            started_at=self._started_at,
            version=self._version,
            decoder=decoder_kind(),
            host=socket.gethostname(),
            process=os.getpid(),
            writes_to=f"{engine.names.project}.{engine.names.dataset}",
            journal=self._journal,
            journal_bytes=_bytes_in(engine.journal.directory),
            alive=status.alive,
            ready=status.ready,
            subjects=[reports[name] for name in subjects],
            parts=[each for name, each in reports.items() if name not in subjects],
        )


def _subject_report(registry: Registry, status: SubjectStatus) -> SubjectReport:
    name, took = status.subject, dict(status.took)
    return SubjectReport(
        subject=name,
        contract_version=registry.latest(name).ref.version if name in registry.subjects else 0,
        ready=status.ready,
        is_circuit_open=status.is_circuit_open,
        in_the_way=dict(status.in_the_way),
        notices=dict(status.notices),
        counts=dict(status.counts),
        refused=dict(status.dead_letters),
        took=[took.get(place, 0) for place in range(len(WITHIN) + 1)],
    )


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # SQLite removes its files as it likes
            total += path.lstat().st_size
    return total
