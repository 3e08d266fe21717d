"""The status as a person sees it: a heading, a table as wide as the terminal, and sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from headrace.core.resource_names import Names
from headrace.status.gather import Status
from headrace.status.rows import State, SubjectRow, notices, problems, subject_rows
from headrace.util.terminal_safe import safe

UNKNOWN: Final = "?"
_GAP: Final = 2
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_STYLES: Final = {State.WAITING: "yellow", State.CIRCUIT_OPEN: "red", State.UNKNOWN: "dim", State.STARTING: "dim"}
_MOST_SUBJECTS: Final = 40


class _Column(NamedTuple):
    """A column; those with a low *rank* are shown on narrow terminals too."""

    heading: str
    rank: int
    text: Callable[[SubjectRow], str]
    right: bool = True


def view(status: Status, names: Names, journal: str, room: int, most_subjects: int = _MOST_SUBJECTS) -> RenderableType:
    """Return the status of at most *most_subjects* subjects, for a terminal with *room* columns.

    With more subjects, those with problems and those with most messages come first.
    """
    rows = subject_rows(status, names)
    shown = sorted(rows, key=_urgency)[:most_subjects] if len(rows) > most_subjects else rows
    parts: list[RenderableType] = [*_heading(status, journal), Text(""), _table(shown, room)]
    if len(rows) > len(shown):
        parts.append(Text(f"and {len(rows) - len(shown):,} more subjects; name some, or use --format json", "dim"))
    sentences = list(_sentences(status, rows))
    return Group(*parts, *([Text("")] if sentences else []), *sentences)


def _heading(status: Status, journal: str) -> Iterator[Text]:
    engine = status.engine
    if engine is None:
        where = status.unknown.get("engine") or f"no engine runs with the journal {journal} on this machine"
        yield Text(safe(where), "bold")
        return
    state = "" if engine.alive else "has failed, "
    up = age((engine.at - engine.started_at) / 1_000_000)
    yield Text(f"engine on {safe(engine.host)}, process {engine.process}: {state}up {up}", "bold")
    yield Text(f"headrace {safe(engine.version)}, {safe(engine.decoder)} decoder; writes to {safe(engine.writes_to)}")
    yield Text(f"journal {safe(journal)}, {engine.journal_bytes / 1e6:,.1f} MB")


def _table(rows: Sequence[SubjectRow], room: int) -> Table:
    columns = _fitting(rows, room)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
    for column in columns:
        table.add_column(column.heading, justify="right" if column.right else "left", overflow="fold", no_wrap=False)
    for row in rows:
        cells = [column.text(row) for column in columns]
        table.add_row(*(Text(safe(cell)) for cell in cells), style=_STYLES.get(row.state, ""))
    return table


def _fitting(rows: Sequence[SubjectRow], room: int) -> list[_Column]:
    """Return the columns for *room*: the most important ones that fit beside each other."""
    chosen: list[_Column] = []
    left = room + _GAP
    for column in sorted(_COLUMNS, key=lambda each: each.rank):
        width = max([len(column.heading), *(cell_len(column.text(row)) for row in rows)]) + _GAP
        if column.rank > 0 and width > left:
            break
        chosen.append(column)
        left -= width
    return [column for column in _COLUMNS if column in chosen]


def _sentences(status: Status, rows: Sequence[SubjectRow]) -> Iterator[Text]:
    for row in rows:
        if row.refused and any(row.refused.values()):
            counts = ", ".join(f"{count:,} {reason}" for reason, count in sorted(row.refused.items()))
            yield Text(safe(f"{row.subject} refused: {counts}"))
    for subject, sentence in notices(status.engine):
        yield Text(safe(f"{subject}: {sentence}"), "dim")
    for row in rows:
        if row.gaps:
            yield Text(
                safe(f"{row.subject}: may have missed events {row.gaps:,} times; see `headrace audit`"), "yellow"
            )
    for source, why in status.unknown.items():
        if source != "engine":
            yield Text(safe(f"{source}: unknown, because {why}"), "dim")
    for subject, sentence in problems(status.engine):
        yield Text(safe(f"{subject} waits: {sentence}"), "yellow")


def _urgency(row: SubjectRow) -> tuple[bool, float, int, str]:
    calm = row.state in (State.RUNNING, State.UNKNOWN)
    return calm, -(row.received_a_second or 0.0), -(row.backlog or 0), row.subject


def age(seconds: float) -> str:
    """Return a time in its two largest units.

    >>> age(0.25), age(75), age(7380), age(200_000)
    ('0 s', '75 s', '2 h 3 min', '2 d 7 h')
    """
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    whole = int(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def _within(row: SubjectRow) -> str:
    if row.within is None:
        return "" if row.received_a_second is not None else UNKNOWN
    return "> 1 h" if row.within == float("inf") else f"≤ {age(row.within)}"


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.0f}"


def _hour(row: SubjectRow, outcome: str) -> str:
    return UNKNOWN if row.last_hour is None else _number(row.last_hour[outcome])


def _until(row: SubjectRow) -> str:
    if row.last_hour is None:
        return UNKNOWN
    return row.complete_until[:19].replace("T", " ") if row.complete_until else ""


_COLUMNS: Final = (
    _Column("subject", 0, lambda row: row.subject, right=False),
    _Column("state", 0, lambda row: row.state.value, right=False),
    _Column("in/s", 1, lambda row: _number(row.received_a_second)),
    _Column("out/s", 5, lambda row: _number(row.acknowledged_a_second)),
    _Column("took", 4, _within),
    _Column("backlog", 2, lambda row: _number(row.backlog)),
    _Column("oldest", 6, lambda row: UNKNOWN if row.oldest_seconds is None else age(row.oldest_seconds)),
    _Column("written", 7, lambda row: _number(row.written)),
    _Column("refused", 3, lambda row: _number(None if row.refused is None else sum(row.refused.values()))),
    _Column("in 1 h", 8, lambda row: _hour(row, "received")),
    _Column("rows 1 h", 9, lambda row: _hour(row, "written")),
    _Column("complete until", 10, _until),
)
