"""``headrace run`` and ``resume``: options and help; imports nothing heavy."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from headrace.cli import completion
from headrace.cli.options import (
    Contracts,
    Dataset,
    Journal,
    LogFormat,
    MaskingKeyFile,
    Profile,
    Project,
    Rename,
    check_runner,
    examples,
    read_settings,
)

RUN_EXAMPLES: Final = examples(
    "headrace run --project my-project --masking-key-file masking.key",
    "headrace run --health :8081",
    "headrace run --runner DataflowRunner --profile prod --update",
)
RESUME_EXAMPLES: Final = examples(
    "headrace resume flight_departed",
    "headrace resume flight_departed --journal /var/lib/headrace",
)


def run(
    project: Project = None,
    dataset: Dataset = None,
    contracts: Contracts = None,
    masking_key_file: MaskingKeyFile = None,
    journal: Journal = None,
    health: Annotated[
        str | None, typer.Option(help="Address of /healthz, /readyz and /metrics, host:port [HEADRACE_HEALTH].")
    ] = None,
    log_format: LogFormat = None,
    profile: Profile = None,
    runner: Annotated[str | None, typer.Option(help="DataflowRunner: submit the job to Dataflow, and return.")] = None,
    update: Annotated[bool, typer.Option(help="Replace the running job on Dataflow, with its state.")] = False,
    rename: Rename = None,
    validate_only: Annotated[
        bool, typer.Option("--validate-only", help="With --update: ask Dataflow to check the update; start nothing.")
    ] = False,
) -> None:
    """Run the job until SIGTERM or Ctrl-C, which drain it.

    Runs on the embedded engine in this process, or on Dataflow with --runner.
    """
    more: dict[str, Any] = {
        "masking_key_file": masking_key_file,
        "journal": journal,
        "health": health,
        "log_format": log_format,
        "profile": profile,
    }
    check_runner(runner)
    if runner is not None:
        from headrace.cli.commands.deploy import run_on_dataflow

        if (rename or validate_only) and not update:
            raise typer.BadParameter("needs --update", param_hint="--rename, --validate-only")
        settings = read_settings(project, dataset, contracts, **more)
        run_on_dataflow(settings, update, rename or [], validate_only)
        return
    if update or rename or validate_only:
        raise typer.BadParameter("needs --runner DataflowRunner", param_hint="--update, --rename, --validate-only")
    from headrace.cli.commands.run import run_until_stopped

    run_until_stopped(read_settings(project, dataset, contracts, **more))


def resume(
    subject: Annotated[str, typer.Argument(help="Subject whose circuit is open.", autocompletion=completion.subjects)],
    journal: Journal = None,
) -> None:
    """Resume a subject that the circuit breaker holds.

    Unreadable messages become dead letters. Run it on the machine with the engine's journal.
    """
    from headrace.cli.commands.resume import resume_subject

    resume_subject(subject, journal)
