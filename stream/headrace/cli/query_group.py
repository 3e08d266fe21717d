"""``headrace query``: options and help; imports nothing heavy."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from headrace.cli.options import Dataset, Profile, Project, examples, read_settings, with_json

QUERY_EXAMPLES: Final = examples(
    "headrace query 'SELECT COUNT(*) AS events FROM flights'",
    "headrace query 'SELECT * FROM headrace_completeness' --format csv",
    "headrace query - --dry-run < report.sql",
)


@with_json
def query(
    sql: Annotated[str, typer.Argument(help="The query, in GoogleSQL; - reads it from stdin.")],
    project: Project = None,
    dataset: Dataset = None,
    profile: Profile = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Print at most so many rows; default: 100 in a table, else all.")
    ] = None,
    max_gigabytes: Annotated[
        float, typer.Option(min=0.0, help="Refuse a query that reads more than this; 0: no limit.")
    ] = 10.0,
    dry_run: Annotated[bool, typer.Option(help="Print how much the query would read, and run nothing.")] = False,
    format_: Annotated[str, typer.Option("--format", help="table, json, ndjson or csv.")] = "table",
) -> None:
    """Query the tables with SQL, also those of the emulator.

    Names without a dataset mean the dataset of the settings. Only queries that read are accepted. A row can be read as
    soon as the job has written it.
    """
    from headrace.cli.commands.query import Limits, run_query

    text = sys.stdin.read() if sql == "-" else sql
    settings = read_settings(project, dataset, profile=profile)
    run_query(settings, text, Limits(limit, max_gigabytes), dry_run, format_)
