"""``headrace bench``: options and help; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from headrace.cli.options import examples

BENCH_EXAMPLES: Final = examples(
    "headrace bench --quick",
    "headrace bench --steps --json -",
    "headrace bench --quick --profile --json figures.json",
    "headrace bench --producer --quick",
)


def bench(
    quick: Annotated[bool, typer.Option(help="Measure fewer events in two rounds, in under three minutes.")] = False,
    steps: Annotated[bool, typer.Option("--steps", help="Measure the steps alone, without emulators.")] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Profile the engine's processor time too.")] = False,
    producer: Annotated[
        bool, typer.Option("--producer", help="Measure the producer SDK alone, beside Google's client.")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="File to write the figures to, as one JSON object; - is stdout.")
    ] = None,
) -> None:
    """Measure the steps and the engine beside their peers.

    All run on the same events, on both emulators, in one run. The peers are code as people write it by hand, and the
    textbook Beam pipeline.
    """
    from headrace.dev.bench.requirements import check_needs

    if producer and (steps or profile):
        raise typer.BadParameter("measures the SDK alone; leave out --steps and --profile", param_hint="--producer")
    check_needs(emulators=profile or not steps, profile=profile)
    from headrace.dev.bench.run_bench import BenchPlan
    from headrace.dev.bench.run_bench import bench as run_bench

    run_bench(BenchPlan.of(quick=quick, steps=steps, profile=profile, producer=producer), json_file)
