"""``headrace doctor``: options and help; imports nothing heavy."""

from __future__ import annotations

import time
from typing import Annotated, Final

import typer

from headrace.cli.options import (
    Contracts,
    Dataset,
    Format,
    Journal,
    MaskingKeyFile,
    Profile,
    Project,
    examples,
    with_json,
)

DOCTOR_EXAMPLES: Final = examples("headrace doctor", "headrace doctor --for run --for audit --json")
For = Annotated[
    list[str] | None,
    typer.Option("--for", help="Command that these credentials run, such as run; repeatable."),
]


@with_json
def doctor(
    project: Project = None,
    dataset: Dataset = None,
    contracts: Contracts = None,
    masking_key_file: MaskingKeyFile = None,
    journal: Journal = None,
    profile: Profile = None,
    for_: For = None,
    format_: Format = "table",
) -> None:
    """Check the set-up, and print a remedy for each problem.

    Takes ten seconds at most, and changes nothing. Exits with 1 when there are problems. Permissions that the commands
    of --for lack are problems; without --for, permissions of all commands are checked, and lacking ones are warnings.
    """
    begun = time.monotonic()
    from headrace.cli.commands.doctor import run_doctor

    flags = {
        "project": project,
        "dataset": dataset,
        "contracts": contracts,
        "masking_key_file": masking_key_file,
        "journal": journal,
        "profile": profile,
    }
    raise typer.Exit(run_doctor(flags, for_ or [], format_, begun))
