"""``headrace test``: options and help; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from headrace.cli.options import Contracts, Format, examples, with_json

TEST_EXAMPLES: Final = examples(
    "headrace test",
    "headrace test contracts/order_placed.test.yaml",
    "headrace test contracts -k late --json",
)


@with_json
def run_tests(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files of cases, or folders; default: the folder of the contracts.")
    ] = None,
    contracts: Contracts = None,
    case: Annotated[
        str | None, typer.Option("--case", "-k", help="Run only cases whose name contains this text.")
    ] = None,
    format_: Format = "table",
) -> None:
    """Run the cases beside contracts, without a broker.

    Exits with 1 when one fails.
    """
    from headrace.cli.commands.test import run_cases

    raise typer.Exit(run_cases(paths or [], contracts, case or "", format_))
