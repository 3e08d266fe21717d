"""``headrace bench``: how its command is called; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def bench(
    quick: Annotated[bool, typer.Option(help="Under three minutes: fewer events, two rounds.")] = False,
    steps: Annotated[bool, typer.Option("--steps", help="Only the steps; needs no emulator.")] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Also where the engine's processor time goes.")] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures there, as one JSON object; - is stdout.")
    ] = None,
) -> None:
    """Measure steps and engine beside their peers. The same events, on both emulators, in one run.

    Peers are what people write by hand, and the textbook Beam pipeline. Examples: headrace bench --quick  |
    headrace bench --steps --json -  |  headrace bench --quick --profile --json figures.json
    """
    from headrace.dev.bench.requirements import check_needs

    check_needs(emulators=profile or not steps, profile=profile)
    from headrace.dev.bench.run_bench import Plan
    from headrace.dev.bench.run_bench import bench as run_bench

    run_bench(Plan.of(quick, steps, profile), json_file)
