"""Reconcile the counts: tallies among themselves, and tallies with the tables.

All data comes from BigQuery; the audit uses no report of the job. Dead letters are compared with nothing: counting the
dead-letter subscription would take messages away from its readers, and it keeps them for some days only. A dead letter
is an outcome like the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from google.cloud import bigquery

from headrace.audit.missing_numbers import Missing, missing_numbers, unnumbered_events
from headrace.audit.queries import Statement, statements, stored_windows, tallied_windows
from headrace.audit.scope import Scope, chosen
from headrace.audit.windows import Finding, Kind, Window, compare_counts, side_by_side
from headrace.bigquery.partition_expiry import Expiry
from headrace.core.resource_names import Names
from headrace.runtime.clock import now_micros
from headrace.schemas.envelope import to_micros
from headrace.schemas.registry import Registry

MOST_FINDINGS: Final = 1000
_DAY: Final = 86_400_000_000  # microseconds


@dataclass(slots=True)
class SubjectAudit:
    """The audit of one subject: its tallies, the rows of its table, and the differences.

    *findings* has the first :data:`MOST_FINDINGS` differences; *events* and *windows* count all, by kind. *missing* has
    as many of the numbers that are missing in the sequences of sources, if these were asked for.
    """

    subject: str
    table: str
    complete_until: datetime | None
    received: int = 0
    written: int = 0
    duplicates: int = 0
    dropped: int = 0
    dead_lettered: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    distinct_event_ids: int = 0
    events: Counter[Kind] = field(default_factory=Counter)
    windows: Counter[Kind] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    gaps: Sequence[str] = ()
    missing: list[Missing] = field(default_factory=list)

    @property
    def differences(self) -> list[str]:
        """The differences in words."""
        return [self.sentence(kind) for kind in Kind if self.windows[kind] and not kind.excused]

    @property
    def excused(self) -> list[str]:
        """The excused differences in words."""
        return [self.sentence(kind) for kind in Kind if self.windows[kind] and kind.excused]

    def sentence(self, kind: Kind) -> str:
        """Return a sentence about the differences of a kind."""
        windows = f"{self.windows[kind]:,} window{'s' if self.windows[kind] != 1 else ''}"
        many = f"{self.events[kind]:,} in {windows}" if self.events[kind] else f"in {windows}"
        return f"{kind}: {many} ({kind.words})"

    def count(self, window: Window) -> None:
        """Add a window to the totals."""
        tallied, stored = window.tallied, window.stored
        self.received += tallied.received
        self.written += tallied.written
        self.duplicates += tallied.duplicates
        self.dropped += tallied.dropped
        self.dead_lettered.update(tallied.dead_lettered)
        self.rows += stored.ids + stored.doubled
        self.distinct_event_ids += stored.ids

    def find(self, findings: Iterable[Finding]) -> None:
        """Add findings."""
        for finding in findings:
            self.events[finding.kind] += finding.events or 0
            self.windows[finding.kind] += 1
            if len(self.findings) < MOST_FINDINGS:
                self.findings.append(finding)

    def miss(self, missing: Missing) -> None:
        """Add numbers that are missing, in the window of the event that shows it."""
        kind = Kind.AWAITED if missing.awaited else Kind.MISSING
        self.find([Finding(kind, to_micros(missing.before), missing.events)])
        if len(self.missing) < MOST_FINDINGS:
            self.missing.append(missing)


def audit(registry: Registry, names: Names, client: bigquery.Client, scope: Scope) -> list[SubjectAudit]:
    """Audit every subject that *scope* chooses.

    A message that is delivered again after a crash is received and counted again; it is then a duplicate.

    Raises:
        ScopeError: a subject has no contract.
    """
    subjects = chosen(registry, scope)
    found = statements(names, client, scope)
    return [
        _audit_subject(registry, subject, found.get(subject, Statement()), names, client, scope) for subject in subjects
    ]


def count_subjects(
    registry: Registry, names: Names, client: bigquery.Client, clock: Callable[[], int] = now_micros
) -> list[SubjectAudit]:
    """Audit everything day by day, and excuse nothing as in flight: for a job at rest."""
    return audit(registry, names, client, Scope(now=clock(), window=timedelta(days=1), grace=timedelta(0)))


def _audit_subject(
    registry: Registry, subject: str, statement: Statement, names: Names, client: bigquery.Client, scope: Scope
) -> SubjectAudit:
    contract = registry.latest(subject)
    table = client.get_table(f"{names.project}.{names.dataset}.{contract.options.table}")
    expiry = Expiry.of(table, scope.now)
    settled, sql = scope.settled(statement.complete_until), names.sql(contract.options.table)
    result = SubjectAudit(subject, contract.options.table, statement.complete_until)
    if statement.copied_lines:
        result.find([Finding(Kind.COPIED, None, statement.copied_lines)])
    result.gaps = statement.gaps
    result.find(Finding(Kind.GAP, None, None) for _ in statement.gaps)
    windows = side_by_side(
        tallied_windows(subject, settled, scope, names, client), stored_windows(sql, settled, scope, client)
    )
    for _, day in groupby(windows, key=lambda window: window.start // _DAY):
        comparable = []
        for window in day:
            result.count(window)
            result.find(compare_counts(window, expiry.has_passed(window.start)))
            if window.comparable:
                comparable.append(window)
        if scope.contents and comparable:
            from headrace.audit.contents import other_contents  # imports Arrow's functions, which counts do not need

            result.find(other_contents(client, registry, contract, table, comparable, scope.window))
    if scope.sequences:
        _audit_sequences(result, names, client, scope)
    return result


def _audit_sequences(result: SubjectAudit, names: Names, client: bigquery.Client, scope: Scope) -> None:
    for missing in missing_numbers(result.subject, result.complete_until, scope, names, client):
        result.miss(missing)
    if unnumbered := unnumbered_events(result.subject, scope, names, client):
        result.find([Finding(Kind.UNNUMBERED, None, unnumbered)])
