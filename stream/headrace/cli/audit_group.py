"""``headrace audit``: options and help; imports nothing heavy."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from headrace.cli import completion
from headrace.cli.options import Contracts, Dataset, Format, Project, examples, read_settings, with_json

AUDIT_EXAMPLES: Final = examples(
    "headrace audit --project my-project", "headrace audit --since 6h --contents --format json"
)


@with_json
def audit(
    project: Project = None,
    dataset: Dataset = None,
    contracts: Contracts = None,
    since: Annotated[str | None, typer.Option(help="Audit event times since 6h, 30d, or an RFC 3339 time.")] = None,
    subject: Annotated[
        list[str] | None, typer.Option(help="Audit this subject alone; repeatable.", autocompletion=completion.subjects)
    ] = None,
    contents: Annotated[bool, typer.Option(help="Read the rows back, and compare their contents.")] = False,
    gaps: Annotated[bool, typer.Option(help="Find events of numbered sources that never arrived.")] = False,
    grace: Annotated[str, typer.Option(help="Time that an event may take to arrive: 0s, 1m.")] = "1m",
    window: Annotated[str | None, typer.Option(help="Length of windows: 1m, 1h, 1d [HEADRACE_WINDOW].")] = None,
    format_: Format = "table",
) -> None:
    """Compare the tallies with the tables, window by window.

    Exits with 1 when they differ.
    """
    from headrace.audit.scope import Scope, parse_grace, parse_since
    from headrace.cli.commands.audit import run_audit
    from headrace.runtime.clock import now_micros

    settings, now = read_settings(project, dataset, contracts, window=window), now_micros()
    scope = Scope(
        now=now,
        window=settings.window,
        grace=parse_grace(grace),
        subjects=subject or (),
        contents=contents,
        sequences=gaps,
    )
    if since is not None:
        scope = scope.from_then_on(parse_since(since, now))
    raise typer.Exit(run_audit(settings, scope, format_))
