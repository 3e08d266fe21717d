"""``headrace backfill``: how it is called; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headrace.cli.options import Contracts, Dataset, Format, Json, Profile, Project, check_runner, read_settings


def backfill(
    subject: Annotated[str | None, typer.Argument(help="Which contract the lines follow; not with --from.")] = None,
    files: Annotated[
        list[str] | None, typer.Argument(help="CSV, NDJSON, Avro, Parquet, by their endings; gs:// too.")
    ] = None,
    from_: Annotated[
        Path | None, typer.Option("--from", help="TOML file: a database or an API to pull from (docs/sources.md).")
    ] = None,
    mapping: Annotated[str | None, typer.Option(help="TOML file: which column is which field; gs:// too.")] = None,
    replace_partition: Annotated[
        str | None, typer.Option(metavar="DAY", help="Put the files in the place of this day, as 2026-01-31 (UTC).")
    ] = None,
    runner: Annotated[str | None, typer.Option(help="DataflowRunner: load the files there; return at once.")] = None,
    profile: Profile = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check every line, and write nothing.")] = False,
    journal: Annotated[
        Path | None, typer.Option(help="Folder of the backfill's own journal; default: .headrace/backfill/SUBJECT.")
    ] = None,
    project: Project = None,
    dataset: Dataset = None,
    contracts: Contracts = None,
    masking_key_file: Annotated[Path | None, typer.Option(help="Key of the tokens.")] = None,
    log_format: Annotated[str | None, typer.Option(help="text, json, or auto: text on a terminal.")] = None,
    format_: Format = "table",
    json_output: Json = False,
) -> None:
    """Write files of history, as if they had been published. What has streamed in is not written again.

    Bad lines become dead letters: exit 1 then. Interrupted or killed, run it again: it goes on where it was.

    Examples: headrace backfill flight_departed flights.csv --mapping mapping.toml --dry-run  |
    headrace backfill flight_departed 2025-*.parquet --masking-key-file masking.key  |
    headrace backfill flight_departed 2026-01-31.csv --replace-partition 2026-01-31 --masking-key-file masking.key  |
    headrace backfill flight_departed "gs://my-files/2019-*.parquet" --runner DataflowRunner --profile prod  |
    headrace backfill --from orders.toml --masking-key-file masking.key
    """
    format_ = "json" if json_output else format_
    more = {"masking_key_file": masking_key_file, "log_format": log_format, "profile": profile}
    if from_ is not None:
        if subject or files or mapping or replace_partition or runner:
            raise typer.BadParameter("says subject, rows and mapping itself: name nothing else", param_hint="--from")
        from headrace.cli.commands.backfill_from import pull_backfill

        settings = read_settings(project, dataset, contracts, **more)
        raise typer.Exit(pull_backfill(settings, from_, journal, format_, dry_run))
    if not subject or not files:
        raise typer.BadParameter("name a subject and its files, or --from", param_hint="SUBJECT FILES")
    check_runner(runner)
    if runner is not None:
        if replace_partition or dry_run or journal:
            raise typer.BadParameter("not with --replace-partition, --dry-run, --journal", param_hint="--runner")
        from headrace.cli.commands.deploy import backfill_on_dataflow

        backfill_on_dataflow(read_settings(project, dataset, contracts, profile=profile), subject, files, mapping)
        return
    from headrace.cli.commands.backfill import check_files, run_backfill

    more["journal"] = journal if journal is not None else Path(".headrace/backfill") / subject
    settings = read_settings(project, dataset, contracts, **more)
    if replace_partition is not None:
        from headrace.cli.commands.backfill_day import replace_day

        raise typer.Exit(replace_day(settings, subject, files, mapping, replace_partition, format_, dry_run))
    command = check_files if dry_run else run_backfill
    raise typer.Exit(command(settings, subject, files, mapping, format_))
