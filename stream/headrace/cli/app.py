"""The ``headrace`` command line. Data goes to stdout, the rest to stderr; heavy imports wait for their command."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from headrace.cli.backfill_group import backfill
from headrace.cli.bench_group import bench
from headrace.cli.capacity_group import capacity_app
from headrace.cli.cost_group import cost_app
from headrace.cli.dead_letters_group import dead_letters_app
from headrace.cli.deploy_group import deploy_app
from headrace.cli.options import (
    Contracts,
    Dataset,
    Format,
    Journal,
    Json,
    Profile,
    Project,
    Rename,
    check_arguments,
    check_runner,
    read_settings,
)
from headrace.cli.replay_group import replay
from headrace.cli.tallies_group import tallies_app
from headrace.cli.template_group import template_app
from headrace.runtime.exit_codes import Exit, explain

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _say_version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        typer.echo(metadata.version("headrace"))
        raise typer.Exit


@app.callback()
def headrace(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Streaming ingestion from Pub/Sub to BigQuery."""


app.add_typer(dead_letters_app, name="dead-letters")
app.command()(replay)
app.add_typer(cost_app, name="cost")
app.add_typer(capacity_app, name="capacity")
app.add_typer(deploy_app, name="deploy")
app.add_typer(template_app, name="template")
app.command()(backfill)
app.command()(bench)
app.add_typer(tallies_app, name="tallies")

journal_app = typer.Typer(help="Look at the embedded engine's journal.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(journal_app, name="journal")


@app.command()
def up() -> None:
    """Start both emulators and keep them until Ctrl-C. Prints the variables to export.

    Examples: headrace up  |  source .headrace/emulators.env (in another terminal)
    """
    from headrace.cli.commands.up import up_until_interrupted

    up_until_interrupted(Path(".headrace"))


@app.command()
def provision(
    project: Project = None,
    dataset: Dataset = None,
    contracts: Contracts = None,
    dry_run: Annotated[bool, typer.Option(help="Print the plan and change nothing.")] = False,
) -> None:
    """Create topics, subscriptions, dataset and tables. Run again, it changes nothing.

    Examples: headrace provision --project my-project --dry-run  |  headrace provision --project my-project
    """
    from headrace.cli.commands.provision import provision as run_provision

    run_provision(read_settings(project, dataset, contracts), dry_run)


@app.command()
def publish(
    subject: Annotated[str, typer.Argument(help="Which contract the events follow.")],
    file: Annotated[Path | None, typer.Argument(help="NDJSON, one event a line; default: stdin.")] = None,
    project: Project = None,
    contracts: Contracts = None,
    source: Annotated[str, typer.Option(help="What ce-source says.")] = "/headrace/publish",
) -> None:
    """Publish events, one JSON object a line. Nothing is sent when one of them is invalid.

    Examples: headrace publish flight_departed flights.ndjson  |  headrace publish flight_departed < flights.ndjson
    """
    from headrace.cli.commands.publish import publish_lines
    from headrace.producers.event_producer import MAX_ATTRIBUTE_BYTES

    if not 1 <= len(source.encode()) <= MAX_ATTRIBUTE_BYTES:
        raise typer.BadParameter(f"1 to {MAX_ATTRIBUTE_BYTES} bytes", param_hint="--source")
    settings = read_settings(project, None, contracts)
    with nullcontext(sys.stdin.buffer) if file is None else file.open("rb") as lines:
        publish_lines(settings, subject, lines, source)


@app.command()
def run(
    project: Project = None,
    dataset: Dataset = None,
    contracts: Contracts = None,
    masking_key_file: Annotated[Path | None, typer.Option(help="Key of the tokens.")] = None,
    journal: Journal = None,
    health: Annotated[
        str | None, typer.Option(help="Where to serve /healthz, /readyz and /metrics: host:port.")
    ] = None,
    log_format: Annotated[str | None, typer.Option(help="text, json, or auto: text on a terminal.")] = None,
    profile: Profile = None,
    runner: Annotated[str | None, typer.Option(help="DataflowRunner: submit the job there and return.")] = None,
    update: Annotated[bool, typer.Option(help="On Dataflow: replace the running job, with its state.")] = False,
    rename: Rename = None,
    validate_only: Annotated[
        bool, typer.Option("--validate-only", help="With --update: ask Dataflow whether it can; start nothing.")
    ] = False,
) -> None:
    """Run the job until SIGTERM or Ctrl-C, which drain it. It runs in this process, on the embedded engine.

    Examples: headrace run --project my-project --masking-key-file masking.key  |  headrace run --health :8081  |
    headrace run --runner DataflowRunner --profile prod --update
    """
    more = {"masking_key_file": masking_key_file, "journal": journal, "health": health, "log_format": log_format}
    more["profile"] = profile
    check_runner(runner)
    if runner is not None:
        from headrace.cli.commands.deploy import run_on_dataflow

        if (rename or validate_only) and not update:
            raise typer.BadParameter("only with --update", param_hint="--rename, --validate-only")
        settings = read_settings(project, dataset, contracts, **more)
        run_on_dataflow(settings, update, rename or [], validate_only)
        return
    if update or rename or validate_only:
        raise typer.BadParameter("only with --runner DataflowRunner", param_hint="--update, --rename, --validate-only")
    from headrace.cli.commands.run import run_until_stopped

    run_until_stopped(read_settings(project, dataset, contracts, **more))


@app.command()
def resume(
    subject: Annotated[str, typer.Argument(help="The subject that is paused.")],
    journal: Journal = None,
) -> None:
    """Let a subject go on that the flood guard holds. What cannot be read becomes dead letters.

    Run it where the engine's journal is. Examples: headrace resume flight_departed  |
    headrace resume flight_departed --journal /var/lib/headrace
    """
    from headrace.cli.commands.resume import resume_subject

    resume_subject(subject, journal)


@journal_app.command("inspect")
def journal_inspect(journal: Journal = None, format_: Format = "table", json_output: Json = False) -> None:
    """Say what a journal holds. Streams, rows in flight, ids, counts; works beside a running engine.

    Examples: headrace journal inspect  |  headrace journal inspect --journal /var/lib/headrace --json
    """
    from headrace.cli.commands.journal import inspect_journal

    inspect_journal(journal, "json" if json_output else format_)


@app.command()
def demo(
    events: Annotated[str, typer.Option(help='How many flights: a number, or "all" for 336,776.')] = "20000",
    json_output: Json = False,
    keep: Annotated[bool, typer.Option(help="Leave everything running until Ctrl-C.")] = False,
) -> None:
    """Run the whole service on real flights, in a minute. Faults are planted among them; shows what happened.

    Examples: headrace demo  |  headrace demo --events all --json
    """
    from headrace.dev.demo.run_demo import demo as run_demo

    if events != "all" and not (events.isascii() and events.isdigit() and len(events) < 10 and int(events) > 0):
        raise typer.BadParameter('a number above 0, or "all"', param_hint="--events")
    raise typer.Exit(run_demo(None if events == "all" else int(events), json_output, keep))


@app.command()
def audit(
    project: Project = None,
    dataset: Dataset = None,
    contracts: Contracts = None,
    since: Annotated[str | None, typer.Option(help="Event times from then on: 6h, 30d, or RFC 3339.")] = None,
    subject: Annotated[list[str] | None, typer.Option(help="Only this one; may be given again.")] = None,
    contents: Annotated[bool, typer.Option(help="Read the rows back, and compare what they say.")] = False,
    grace: Annotated[str, typer.Option(help="How long something may be on its way: 0s, 1m.")] = "1m",
    window: Annotated[str | None, typer.Option(help="Compare by windows of 1m, 1h, 1d [HEADRACE_WINDOW].")] = None,
    format_: Format = "table",
    json_output: Json = False,
) -> None:
    """Hold the tallies against the tables, window by window. Exit 1 on a difference.

    Examples: headrace audit --project my-project  |  headrace audit --since 6h --contents --format json
    """
    from headrace.audit.scope import Scope, parse_grace, parse_since
    from headrace.cli.commands.audit import run_audit
    from headrace.runtime.clock import now_micros

    settings, now = read_settings(project, dataset, contracts, window=window), now_micros()
    scope = Scope(now=now, window=settings.window, grace=parse_grace(grace), subjects=subject or (), contents=contents)
    if since is not None:
        scope = scope.from_then_on(parse_since(since, now))
    raise typer.Exit(run_audit(settings, scope, "json" if json_output else format_))


def main() -> None:
    """Run the command line with the exit codes of :mod:`headrace.runtime.exit_codes`."""
    try:
        check_arguments(sys.argv[1:])
        try:
            app(standalone_mode=True)
        finally:
            sys.stdout.flush()  # here, so that what cannot be written is noticed
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except Exception as error:  # the last place: turned into a sentence and a stable exit code
        code, sentence = explain(error)
        if code != Exit.READER_GONE:
            from headrace.util.output import say
            from headrace.util.terminal_safe import safe

            say(f"headrace: {safe(sentence)}")
        sys.exit(code)
