"""Reports of engines, and statuses that are made from them."""

from __future__ import annotations

from typing import Any

from headrace.core.engine_report import WITHIN, EngineReport, SubjectReport


def a_subject(name: str, ready: bool = True, in_the_way: dict[str, str] | None = None, **counts: int) -> SubjectReport:
    """A subject that runs, with these counts of its process."""
    return SubjectReport(
        name,
        contract_version=1,
        ready=ready,
        is_circuit_open=False,
        in_the_way=in_the_way or {},
        counts=dict(counts),
        took=[0] * (len(WITHIN) + 1),
    )


def a_report(*subjects: SubjectReport, at: float = 100.0, **changes: Any) -> EngineReport:
    """An engine that is alive, and ready unless a subject is not; *at* is in seconds."""
    given: dict[str, Any] = {
        "at": int(at * 1e6),
        "started_at": 0,
        "version": "1.2.3",
        "decoder": "compiled",
        "host": "a-host",
        "process": 4711,
        "writes_to": "p.headrace",
        "journal": "j",
        "journal_bytes": 12_345_678,
        "alive": True,
        "ready": all(each.ready and not each.in_the_way for each in subjects),
    }
    return EngineReport(**given | changes, subjects=list(subjects))
