"""``headrace audit``: print the counts and the windows that differ; exit with 1 if they do not reconcile."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final

from headrace.audit.missing_numbers import Missing
from headrace.audit.reconcile import SubjectAudit, audit
from headrace.audit.scope import Scope, chosen
from headrace.audit.windows import Finding, Kind
from headrace.bigquery.partition_expiry import moment_of
from headrace.config.served_contracts import served
from headrace.config.settings import Settings
from headrace.console.archive_access import archive_names
from headrace.dead_letters.facts import State
from headrace.dead_letters.state_counts import StateCounts, count_states
from headrace.errors import Exit
from headrace.runtime.google_clients import open_bigquery
from headrace.runtime.reachability import Service, reach
from headrace.schemas.envelope import to_rfc3339
from headrace.util.output import check_format, print_json, say, show
from headrace.util.terminal_safe import safe

MOST_SHOWN: Final = 20


def run_audit(settings: Settings, scope: Scope, format_: str) -> Exit:
    """Audit the subjects of *scope*, and print *reconciled* or the differences."""
    check_format(format_)
    names = settings.names
    registry, client = served(settings), open_bigquery(settings.project)
    chosen(registry, scope)  # refuse a mistyped subject before any query
    reach(Service.BIGQUERY)
    client.get_dataset(f"{names.project}.{names.dataset}")
    audits = audit(registry, names, client, scope)
    state_counts = count_states(client, archive_names(settings))
    reconciled = not any(each.differences for each in audits)
    if format_ == "table":
        _show_tables(audits)
    elif format_ == "ndjson":
        for each in audits:
            print_json(_as_dict(each) | {"letters": _letters(each, state_counts), "windows": _windows(each)})
    else:
        windows = [line for each in audits for line in _windows(each)]
        subjects = [_as_dict(each) | {"letters": _letters(each, state_counts)} for each in audits]
        show("subjects", subjects, format_, reconciled=reconciled, windows=windows)
    for each in audits:
        counts = _letters(each, state_counts)
        if counts and any(counts.values()):
            states = ", ".join(f"{count:,} {state}" for state, count in counts.items())
            say(f"{each.subject}: letters in the archive: {states}")
        for gap in each.gaps:
            say(f"{each.subject}: published {gap}")
        for sentence in [*each.excused, *each.differences]:
            say(f"{each.subject}: {sentence}")
    say("reconciled" if reconciled else "NOT reconciled")
    return Exit.DONE if reconciled else Exit.FOUND


def _letters(each: SubjectAudit, state_counts: StateCounts | None) -> dict[str, int] | None:
    """Return the number of a subject's letters by state, or None without a readable archive."""
    return None if state_counts is None else {state: state_counts[each.subject, state] for state in State}


def _show_tables(audits: Sequence[SubjectAudit]) -> None:
    filtered = any(each.dropped for each in audits)
    show("subjects", [_line(each, filtered) for each in audits], "table")
    differing = [line for each in audits for line in _windows(each) if not line["excused"]]
    if differing:
        sys.stdout.write("\n")
        show("windows", [_window_line(line) for line in differing[:MOST_SHOWN]], "table")
        _say_more(sum(_not_excused(each) for each in audits) - MOST_SHOWN)
    missing = [f"{each.subject}: {_sentence(numbers)}" for each in audits for numbers in each.missing]
    if missing:
        sys.stdout.write("\n")
        for sentence in missing[:MOST_SHOWN]:
            sys.stdout.write(f"{safe(sentence)}\n")
        _say_more(sum(each.windows[kind] for each in audits for kind in (Kind.MISSING, Kind.AWAITED)) - MOST_SHOWN)


def _say_more(more: int) -> None:
    if more > 0:
        say(f"and {more:,} more; --format json lists up to 1,000 of each subject")


def _not_excused(each: SubjectAudit) -> int:
    return sum(each.windows[kind] for kind in each.windows if not kind.excused)


def _line(each: SubjectAudit, filtered: bool) -> dict[str, Any]:
    return {
        "subject": each.subject,
        "received": each.received,
        "written": each.written,
        "duplicates": each.duplicates,
        **({"dropped": each.dropped} if filtered else {}),
        "dead_lettered": each.dead_lettered.total(),
        "rows": each.rows,
        "complete_until": _moment(each.complete_until),
    }


def _as_dict(each: SubjectAudit) -> dict[str, Any]:
    return {
        "subject": each.subject,
        "table": each.table,
        "received": each.received,
        "written": each.written,
        "duplicates": each.duplicates,
        "dropped": each.dropped,
        "dead_lettered": dict(sorted(each.dead_lettered.items())),
        "rows": each.rows,
        "distinct_event_ids": each.distinct_event_ids,
        "complete_until": None if each.complete_until is None else to_rfc3339(each.complete_until),
        "found": {kind: {"windows": each.windows[kind], "events": each.events[kind]} for kind in sorted(each.windows)},
        "gaps": list(each.gaps),
        "missing": [_missing(numbers) for numbers in each.missing],
        "differences": each.differences,
        "reconciled": not each.differences,
    }


def _windows(each: SubjectAudit) -> list[dict[str, Any]]:
    return [_window(each.subject, finding) for finding in each.findings]


def _window(subject: str, finding: Finding) -> dict[str, Any]:
    return {
        "subject": subject,
        "window_start": None if finding.start is None else to_rfc3339(moment_of(finding.start)),
        "kind": finding.kind,
        "events": finding.events,
        "excused": finding.kind.excused,
    }


def _window_line(line: dict[str, Any]) -> dict[str, Any]:
    events = "some" if line["events"] is None else f"{line['events']:,}"
    return {
        "window": line["window_start"] or "(all)",
        "subject": line["subject"],
        "what": line["kind"],
        "events": events,
    }


def _missing(numbers: Missing) -> dict[str, Any]:
    return {
        "source": numbers.source,
        "epoch": numbers.epoch,
        "first_number": numbers.first,
        "last_number": numbers.last,
        "events": numbers.events,
        "after": None if numbers.after is None else to_rfc3339(numbers.after),
        "before": to_rfc3339(numbers.before),
        "excused": numbers.awaited,
    }


def _sentence(numbers: Missing) -> str:
    which = f"numbers {numbers.first} to {numbers.last}" if numbers.events > 1 else f"number {numbers.first}"
    end = to_rfc3339(numbers.before)
    where = f"before {end}" if numbers.after is None else f"between {to_rfc3339(numbers.after)} and {end}"
    what = "awaited" if numbers.awaited else "missing"
    many = f"{numbers.events:,} event{'s' if numbers.events > 1 else ''}"
    return f"{numbers.source}, epoch {numbers.epoch}: {which}, {where}: {many} {what}"


def _moment(moment: Any) -> str:
    return "unknown" if moment is None else to_rfc3339(moment.replace(microsecond=0)).replace("T", " ")
