"""The threads that all subjects of an engine share; each is started when it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from headrace.engine.round_pipeline import Stages, open_stages
from headrace.engine.scheduler import Scheduler

SUBJECTS_AT_ONCE: Final = 24  # whose rounds are written at the same moment
SOURCES_AT_ONCE: Final = 16  # in whose way something is, whose leases are renewed, or that have found nothing


@dataclass(frozen=True, slots=True)
class Workers:
    """Where the loops of *subjects* run, the *stages* of their rounds, and what keeps their *sources*: apart, so that
    leases are renewed while as many subjects write as may."""

    subjects: Scheduler
    sources: Scheduler
    stages: Stages


@contextmanager
def open_workers() -> Iterator[Workers]:
    """Workers for one run of an engine."""
    with (
        open_stages(SUBJECTS_AT_ONCE) as stages,
        Scheduler("source", SOURCES_AT_ONCE) as sources,
        Scheduler("subject", SUBJECTS_AT_ONCE) as subjects,
    ):
        yield Workers(subjects, sources, stages)
