"""``headrace backfill``: options and help; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from headrace.cli import completion
from headrace.cli.options import (
    Contracts,
    Dataset,
    Format,
    LogFormat,
    MaskingKeyFile,
    Profile,
    Project,
    check_runner,
    examples,
    read_settings,
    with_json,
)

BACKFILL_EXAMPLES: Final = examples(
    "headrace backfill flight_departed flights.csv --mapping mapping.toml --dry-run",
    "headrace backfill flight_departed 2025-*.parquet --masking-key-file masking.key",
    "headrace backfill flight_departed 2026-01-31.csv --replace-partition 2026-01-31",
    'headrace backfill flight_departed "gs://files/*.parquet" --runner DataflowRunner',
    "headrace backfill --from orders.toml --masking-key-file masking.key",
)


@with_json
def backfill(
    subject: Annotated[
        str | None, typer.Argument(help="Subject of the lines; not with --from.", autocompletion=completion.subjects)
    ] = None,
    files: Annotated[
        list[str] | None, typer.Argument(help="Files in CSV, NDJSON, Avro or Parquet, by their endings; gs:// too.")
    ] = None,
    from_: Annotated[
        Path | None, typer.Option("--from", help="TOML file of a database or an API to pull from (docs/sources.md).")
    ] = None,
    mapping: Annotated[str | None, typer.Option(help="TOML file that maps columns to fields; gs:// too.")] = None,
    replace_partition: Annotated[
        str | None, typer.Option(metavar="DAY", help="Replace the rows of this day (UTC), such as 2026-01-31.")
    ] = None,
    runner: Annotated[
        str | None, typer.Option(help="DataflowRunner: submit a load of the files to Dataflow, and return.")
    ] = None,
    profile: Profile = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every line, and write nothing.")] = False,
    journal: Annotated[
        Path | None, typer.Option(help="Folder of the backfill's own journal; default: .headrace/backfill/SUBJECT.")
    ] = None,
    project: Project = None,
    dataset: Dataset = None,
    contracts: Contracts = None,
    masking_key_file: MaskingKeyFile = None,
    log_format: LogFormat = None,
    format_: Format = "table",
) -> None:
    """Write files of history to the tables, as if published.

    Does not write events again that have streamed in. Invalid lines become dead letters, and it exits with 1. After
    an interruption, run it again: it continues.
    """
    more = {"masking_key_file": masking_key_file, "log_format": log_format, "profile": profile}
    if from_ is not None:
        if subject or files or mapping or replace_partition or runner:
            raise typer.BadParameter("its file names subject, rows and mapping; name nothing else", param_hint="--from")
        from headrace.cli.commands.backfill_from import pull_backfill

        settings = read_settings(project, dataset, contracts, **more)
        raise typer.Exit(pull_backfill(settings, from_, journal, format_, dry_run))
    if not subject or not files:
        raise typer.BadParameter("missing; name a subject and its files, or use --from", param_hint="SUBJECT FILES")
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
