"""The ``headrace`` command line. It writes data to stdout and the rest to stderr; commands import heavy modules."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from headrace.cli.audit_group import AUDIT_EXAMPLES, audit
from headrace.cli.backfill_group import BACKFILL_EXAMPLES, backfill
from headrace.cli.bench_group import BENCH_EXAMPLES, bench
from headrace.cli.capacity_group import capacity_app
from headrace.cli.cases_group import TEST_EXAMPLES, run_tests
from headrace.cli.command_group import command_group, only_named
from headrace.cli.contracts_group import contracts_app
from headrace.cli.cost_group import cost_app
from headrace.cli.dead_letters_group import dead_letters_app
from headrace.cli.deploy_group import deploy_app
from headrace.cli.doctor_group import DOCTOR_EXAMPLES, doctor
from headrace.cli.down_group import DOWN_EXAMPLES, down
from headrace.cli.init_group import INIT_EXAMPLES, init
from headrace.cli.journal_group import journal_app
from headrace.cli.local_group import DEMO_EXAMPLES, UP_EXAMPLES, demo, up
from headrace.cli.options import check_arguments
from headrace.cli.outbox_group import outbox_app
from headrace.cli.project_group import PROVISION_EXAMPLES, PUBLISH_EXAMPLES, provision, publish
from headrace.cli.query_group import QUERY_EXAMPLES, query
from headrace.cli.replay_group import REPLAY_EXAMPLES, replay
from headrace.cli.run_group import RESUME_EXAMPLES, RUN_EXAMPLES, resume, run
from headrace.cli.status_group import STATUS_EXAMPLES, TAIL_EXAMPLES, status, tail
from headrace.cli.tallies_group import tallies_app
from headrace.cli.template_group import template_app
from headrace.errors import Exit
from headrace.runtime.exit_codes import explain_faults

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


# In the order in which a person meets them, as the help shows them.
app.command(epilog=DEMO_EXAMPLES)(demo)
app.command(epilog=INIT_EXAMPLES)(init)
app.command("test", epilog=TEST_EXAMPLES)(run_tests)
app.command(epilog=UP_EXAMPLES)(up)
app.command(epilog=DOWN_EXAMPLES)(down)
app.add_typer(contracts_app, name="contracts")
app.command(epilog=PROVISION_EXAMPLES)(provision)
app.command(epilog=DOCTOR_EXAMPLES)(doctor)
app.command(epilog=PUBLISH_EXAMPLES)(publish)
app.add_typer(outbox_app, name="outbox")
app.command(epilog=RUN_EXAMPLES)(run)
app.command(epilog=STATUS_EXAMPLES)(status)
app.command(epilog=TAIL_EXAMPLES)(tail)
app.command(epilog=QUERY_EXAMPLES)(query)
app.command(epilog=AUDIT_EXAMPLES)(audit)
app.add_typer(dead_letters_app, name="dead-letters")
app.command(epilog=REPLAY_EXAMPLES)(replay)
app.command(epilog=RESUME_EXAMPLES)(resume)
app.command(epilog=BACKFILL_EXAMPLES)(backfill)
app.add_typer(journal_app, name="journal")
app.add_typer(tallies_app, name="tallies")
app.add_typer(deploy_app, name="deploy")
app.add_typer(template_app, name="template")
app.add_typer(cost_app, name="cost")
app.add_typer(capacity_app, name="capacity")
app.command(epilog=BENCH_EXAMPLES)(bench)


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
    except Exception as error:  # the outermost handler: print what is wrong and return a stable exit code
        code, sentences = explain_faults(error)
        if code != Exit.READER_GONE:
            from headrace.util.output import say
            from headrace.util.terminal_safe import safe

            say("\n".join(f"headrace: {safe(sentence)}" for sentence in sentences))
        sys.exit(code)
