"""Checks that run at the same time, until a moment at which the report is due."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from headrace.doctor.findings import Area, Finding, failed, unknown

MOST_THREADS: Final = 10  # as many connections as the BigQuery client keeps


@dataclass(frozen=True, slots=True)
class Check:
    """A check of one *subject*; *look* returns or yields its findings. *late* is the remedy for a slow check."""

    area: Area
    subject: str
    look: Callable[[], Iterable[Finding]]
    late: str = ""


@dataclass(slots=True)
class _Run:
    """A check with its findings so far."""

    check: Check
    findings: list[Finding] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        try:
            for finding in self.check.look():
                self.findings.append(finding)
        except Exception as error:  # the outermost handler of a check: one that fails must not stop the others
            self.findings.append(failed(self.check.subject, error))
        finally:
            self.done.set()


@dataclass(frozen=True, slots=True)
class Checked:
    """A finding of the report."""

    area: Area
    finding: Finding


class Running:
    """Checks that run at the same time, in threads that do not keep the process alive; *now* is a clock in seconds."""

    def __init__(self, checks: Sequence[Check], now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._begun = now, now()
        self._runs = [_Run(check) for check in checks]
        waiting: queue.SimpleQueue[_Run] = queue.SimpleQueue()
        for run in self._runs:
            waiting.put(run)
        for _ in range(min(len(self._runs), MOST_THREADS)):
            threading.Thread(target=_work, args=(waiting,), name="doctor", daemon=True).start()

    def wait(self, due: float) -> None:
        """Wait until all checks have ended, or until *due*."""
        for run in self._runs:
            run.done.wait(max(0.0, due - self._now()))

    def findings(self, due: float) -> list[Checked]:
        """Return the findings in the order of the checks; give up at *due* those that have not ended."""
        self.wait(due)
        found: list[Checked] = []
        for run in self._runs:
            ended, findings = run.done.is_set(), list(run.findings)
            if not ended:
                why = f"it did not end within {max(0.0, due - self._begun):.0f} s"
                findings.append(unknown(run.check.subject, why, run.check.late))
            found += [Checked(run.check.area, finding) for finding in findings]
        return found


def _work(waiting: queue.SimpleQueue[_Run]) -> None:
    while True:
        try:
            run = waiting.get_nowait()
        except queue.Empty:
            return
        run.run()
