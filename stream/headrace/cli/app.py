"""The ``headrace`` command line. It writes data to stdout and the rest to stderr; commands import heavy modules."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from headrace.cli import completion
from headrace.cli.backfill_group import BACKFILL_EXAMPLES, backfill
from headrace.cli.bench_group import BENCH_EXAMPLES, bench
from headrace.cli.capacity_group import capacity_app
from headrace.cli.cases_group import TEST_EXAMPLES, run_tests
from headrace.cli.command_group import command_group, only_named
from headrace.cli.cost_group import cost_app
from headrace.cli.dead_letters_group import dead_letters_app
from headrace.cli.deploy_group import deploy_app
from headrace.cli.doctor_group import DOCTOR_EXAMPLES, doctor
from headrace.cli.down_group import DOWN_EXAMPLES, down
from headrace.cli.init_group import INIT_EXAMPLES, init
from headrace.cli.journal_group import journal_app
from headrace.cli.options import (
    Contracts,
    Dataset,
    Format,
    Json,
    LocalPubsub,
    Project,
    check_arguments,
    examples,
    read_settings,
    with_json,
)
from headrace.cli.query_group import QUERY_EXAMPLES, query
from headrace.cli.replay_group import REPLAY_EXAMPLES, replay
from headrace.cli.run_group import RESUME_EXAMPLES, RUN_EXAMPLES, resume, run
from headrace.cli.status_group import STATUS_EXAMPLES, TAIL_EXAMPLES, status, tail
from headrace.cli.tallies_group import tallies_app
from headrace.cli.template_group import template_app
from headrace.errors import Exit
from headrace.runtime.exit_codes import explain

app = command_group("Stream events from Pub/Sub to BigQuery.")


def _print_version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        typer.echo(metadata.version("headrace"))
        raise typer.Exit


@app.callback()
def headrace(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Stream events from Pub/Sub to BigQuery."""


app.add_typer(dead_letters_app, name="dead-letters")
app.command(epilog=REPLAY_EXAMPLES)(replay)
app.add_typer(cost_app, name="cost")
app.add_typer(capacity_app, name="capacity")
app.add_typer(deploy_app, name="deploy")
app.add_typer(template_app, name="template")
app.command(epilog=BACKFILL_EXAMPLES)(backfill)
app.command(epilog=BENCH_EXAMPLES)(bench)
app.command("test", epilog=TEST_EXAMPLES)(run_tests)
app.command(epilog=DOCTOR_EXAMPLES)(doctor)
app.command(epilog=STATUS_EXAMPLES)(status)
app.command(epilog=TAIL_EXAMPLES)(tail)
app.command(epilog=QUERY_EXAMPLES)(query)
app.command(epilog=INIT_EXAMPLES)(init)
app.add_typer(tallies_app, name="tallies")

app.add_typer(journal_app, name="journal")
app.command(epilog=RUN_EXAMPLES)(run)
app.command(epilog=RESUME_EXAMPLES)(resume)
app.command(epilog=DOWN_EXAMPLES)(down)


@app.command(epilog=examples("headrace up", "source .headrace/emulators.env  # in another terminal"))
def up(pubsub: LocalPubsub = None) -> None:
    """Run a local Pub/Sub and the BigQuery emulator until Ctrl-C.

    Prints the variables to export. The local broker keeps topics and messages in .headrace.
    """
    from headrace.cli.commands.up import up_until_interrupted
    from headrace.dev.pubsub_services import PubsubService

    up_until_interrupted(Path(".headrace"), PubsubService.chosen(pubsub or ""))


@app.command(
    epilog=examples("headrace provision --project my-project --dry-run", "headrace provision --project my-project")
)
def provision(
    project: Project = None,
    dataset: Dataset = None,
    contracts: Contracts = None,
    dry_run: Annotated[bool, typer.Option(help="Print the plan, and change nothing.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print the changes as one JSON object too.")] = False,
) -> None:
    """Create or update topics, subscriptions, datasets and tables.

    A second run changes nothing.
    """
    from headrace.cli.commands.provision import provision as run_provision

    run_provision(read_settings(project, dataset, contracts), dry_run, json_output)


@app.command(
    epilog=examples(
        "headrace publish flight_departed flights.ndjson",
        "headrace publish flight_departed < flights.ndjson",
    )
)
def publish(
    subject: Annotated[str, typer.Argument(help="Subject of the events.", autocompletion=completion.subjects)],
    file: Annotated[Path | None, typer.Argument(help="NDJSON file, one event a line; default: stdin.")] = None,
    project: Project = None,
    contracts: Contracts = None,
    source: Annotated[str, typer.Option(help="The events' ce-source.")] = "/headrace/publish",
) -> None:
    """Publish events from NDJSON.

    Sends nothing when one of them is invalid.
    """
    from headrace.cli.commands.publish import publish_lines
    from headrace.producers.event_producer import MAX_ATTRIBUTE_BYTES

    if not 1 <= len(source.encode()) <= MAX_ATTRIBUTE_BYTES:
        raise typer.BadParameter(f"invalid length; use 1 to {MAX_ATTRIBUTE_BYTES} bytes", param_hint="--source")
    settings = read_settings(project, None, contracts)
    with nullcontext(sys.stdin.buffer) if file is None else file.open("rb") as lines:
        publish_lines(settings, subject, lines, source)


@app.command(epilog=examples("headrace demo", "headrace demo --events all --json"))
def demo(
    events: Annotated[str, typer.Option(help='Number of flights, or "all" for 336,776.')] = "20000",
    json_output: Json = False,
    keep: Annotated[bool, typer.Option(help="Keep everything running until Ctrl-C.")] = False,
    pubsub: LocalPubsub = None,
) -> None:
    """Run the whole service on real flights in a minute.

    Plants faults among them, and shows what became of them.
    """
    from headrace.dev.demo.run_demo import demo as run_demo
    from headrace.dev.pubsub_services import PubsubService

    if events != "all" and not (events.isascii() and events.isdigit() and len(events) < 10 and int(events) > 0):
        raise typer.BadParameter('invalid; use a number above 0, or "all"', param_hint="--events")
    service = PubsubService.chosen(pubsub or "")
    raise typer.Exit(run_demo(None if events == "all" else int(events), json_output, keep, service))


@app.command(
    epilog=examples("headrace audit --project my-project", "headrace audit --since 6h --contents --format json")
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
    scope = Scope(now=now, window=settings.window, grace=parse_grace(grace), subjects=subject or (), contents=contents)
    if since is not None:
        scope = scope.from_then_on(parse_since(since, now))
    raise typer.Exit(run_audit(settings, scope, format_))


def main() -> None:
    """Run the command line with the exit codes of :mod:`headrace.runtime.exit_codes`."""
    try:
        check_arguments(sys.argv[1:])
        try:
            only_named(app, sys.argv[1:])(standalone_mode=True)
        finally:
            sys.stdout.flush()  # while an error can still be reported
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except Exception as error:  # the outermost handler: print a sentence and return a stable exit code
        code, sentence = explain(error)
        if code != Exit.READER_GONE:
            from headrace.util.output import say
            from headrace.util.terminal_safe import safe

            say(f"headrace: {safe(sentence)}")
        sys.exit(code)
