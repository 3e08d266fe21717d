"""Report the result of the demo, as one object and as a page for a newcomer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from google.cloud import bigquery
from rich.console import Console
from rich.table import Table
from rich.text import Text

from headrace.audit.reconcile import SubjectAudit
from headrace.core.resource_names import Names
from headrace.schemas.registry import Registry

_NOT_REASONS = {"written", "duplicate"}


@dataclass(frozen=True, slots=True)
class TableFacts:
    """One table, as queries and the catalogue describe it."""

    table: str
    rows: int
    distinct_event_ids: int
    partition_field: str
    partitions: int
    clustering: list[str]


@dataclass(frozen=True, slots=True)
class Report:
    """The report of the demo; its fields are those of ``--json``."""

    published: int
    received: int
    written: int
    duplicates: int
    dead_lettered: dict[str, int]
    expected: dict[str, Any]
    tables: list[TableFacts]
    unmasked_hits: int
    seconds: float
    events_per_second: float
    reconciled: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the report as one JSON object."""
        return asdict(self)


def make_report(
    outcomes: Counter[str], counts: Sequence[SubjectAudit], tables: list[TableFacts], hits: int, seconds: float
) -> Report:
    """Compare the planted faults with the result, and report whether they agree."""
    expected = expected_of(outcomes)
    found = {
        "received": sum(count.received for count in counts),
        "written": sum(count.written for count in counts),
        "duplicates": sum(count.duplicates for count in counts),
        "dead_lettered": dict(sorted(sum((Counter(count.dead_lettered) for count in counts), Counter()).items())),
    }
    stored = sum(table.distinct_event_ids for table in tables)
    agree = found == expected and stored == found["written"]
    return Report(
        published=sum(outcomes.values()),
        **found,  # type: ignore[arg-type]
        expected=expected,
        tables=tables,
        unmasked_hits=hits,
        seconds=round(seconds, 2),
        events_per_second=round(sum(outcomes.values()) / seconds, 1),
        reconciled=agree and hits == 0 and not any(count.differences for count in counts),
    )


def expected_of(outcomes: Counter[str]) -> dict[str, Any]:
    """Return the expected outcomes of the planted messages."""
    return {
        "received": sum(outcomes.values()),
        "written": outcomes["written"],
        "duplicates": outcomes["duplicate"],
        "dead_lettered": {outcome: n for outcome, n in sorted(outcomes.items()) if outcome not in _NOT_REASONS},
    }


def table_facts(registry: Registry, names: Names, client: bigquery.Client) -> list[TableFacts]:
    """Query the contents and the layout of each table."""
    facts = []
    for subject in registry.subjects:
        name = registry.latest(subject).options.table
        table = client.get_table(f"{names.project}.{names.dataset}.{name}")
        query = f"""
            SELECT COUNT(*) AS total, COUNT(DISTINCT _event_id) AS ids, COUNT(DISTINCT DATE(_event_time)) AS days
            FROM {names.sql(name)} WHERE _event_time >= TIMESTAMP '0001-01-01'
        """  # noqa: S608 names come from the contract
        row = next(iter(client.query_and_wait(query)))
        partitioning, clustering = table.time_partitioning.field, list(table.clustering_fields or [])
        facts.append(TableFacts(name, row["total"], row["ids"], partitioning, row["days"], clustering))
    return facts


def print_report(report: Report, console: Console) -> None:
    """Print the result in the order in which a newcomer asks."""
    console.print()
    console.print(_outcomes(report))
    console.print(_tables(report.tables))
    console.print(
        f"{report.published:,} messages in {report.seconds:,.1f} s, {report.events_per_second:,.0f} a second "
        "from the first publish to the last row, with both emulators on this machine."
    )
    console.print(f"Personal values found unmasked in any table: {report.unmasked_hits}.")
    result = "RECONCILED: every message became a row, a duplicate, or a dead letter with a reason."
    console.print(
        Text(result, "bold green") if report.reconciled else Text("NOT RECONCILED: see the counts above.", "bold red")
    )


def print_masking(sent: Mapping[str, Any], stored: Mapping[str, Any], fields: Sequence[str], console: Console) -> None:
    """Print an event of a producer beside its row in the table."""
    table = Table(title="One booking: what was sent, what is stored", title_justify="left", box=None, pad_edge=False)
    for heading in ("field", "sent", "stored"):
        table.add_column(heading, overflow="fold", max_width=60)
    for name in fields:
        table.add_row(name, Text(_short(sent.get(name))), Text(_short(stored.get(name, "(no column)"))))
    console.print()
    console.print(table)


def _outcomes(report: Report) -> Table:
    table = Table(title="What became of the messages", title_justify="left", box=None, pad_edge=False)
    table.add_column("outcome")
    table.add_column("counted", justify="right")
    table.add_column("planted", justify="right")
    lines = [
        ("received", report.received, report.expected["received"]),
        ("written", report.written, report.expected["written"]),
        ("duplicates", report.duplicates, report.expected["duplicates"]),
    ]
    reasons = sorted(report.expected["dead_lettered"] | report.dead_lettered)
    lines += [
        (f"dead letter: {r}", report.dead_lettered.get(r, 0), report.expected["dead_lettered"].get(r, 0))
        for r in reasons
    ]
    for name, counted, planted in lines:
        table.add_row(name, f"{counted:,}", f"{planted:,}", style=None if counted == planted else "bold red")
    return table


def _tables(tables: Sequence[TableFacts]) -> Table:
    shown = Table(title="\nTables", title_justify="left", box=None, pad_edge=False)
    for heading in ("table", "rows", "ids", "partitions", "partitioned by", "clustered by"):
        shown.add_column(heading, justify="right" if heading in {"rows", "ids", "partitions"} else "left")
    for each in tables:
        shown.add_row(
            each.table,
            f"{each.rows:,}",
            f"{each.distinct_event_ids:,}",
            f"{each.partitions:,}",
            each.partition_field,
            ", ".join(each.clustering),
        )
    return shown


def _short(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(_short(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={_short(item)}" for key, item in value.items())
    return "(null)" if value is None else str(value)
