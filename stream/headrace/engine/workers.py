"""The threads that all subjects of an engine share. Each starts when it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from headrace.engine.round_pipeline import Stages, open_stages
from headrace.engine.scheduler import Scheduler

SUBJECTS_AT_ONCE: Final = 24  # subjects whose rounds are written at the same time
SOURCES_AT_ONCE: Final = 16  # sources with work at the same time: a renewal of leases, a problem, an empty pull


@dataclass(frozen=True, slots=True)
class Workers:
    """The threads for the loops of *subjects*, for the *stages* of their rounds, and for their *sources*.

    They are separate, so that leases are renewed even while as many subjects write as possible.
    """

    subjects: Scheduler
    sources: Scheduler
    stages: Stages


@contextmanager
def open_workers() -> Iterator[Workers]:
    """Open the workers for one run of an engine."""
    with (
        open_stages(SUBJECTS_AT_ONCE) as stages,
        Scheduler("source", SOURCES_AT_ONCE) as sources,
        Scheduler("subject", SUBJECTS_AT_ONCE) as subjects,
    ):
        yield Workers(subjects, sources, stages)
