"""The benchmark of producers: every contender publishes, and the figures follow their schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from rich.console import Console
from typer.testing import CliRunner

from headrace.cli.app import app
from headrace.dev.bench import producer_bench
from headrace.dev.bench.bench_report import print_report
from headrace.dev.bench.producer_bench import ProducerSize
from headrace.dev.bench.profiling import ROOT
from headrace.dev.bench.run_bench import BenchPlan, measure
from headrace.errors import Exit

SCHEMA = json.loads((ROOT / "stream" / "headrace" / "dev" / "bench" / "figures.schema.json").read_text())
SMALL = ProducerSize(rounds=1, fast=200, naive=5, on_schedule=100)


@pytest.mark.emulators
def test_the_figures_of_producers_follow_their_schema_and_fit_eighty_columns(tmp_path: Path) -> None:
    figures: dict[str, Any] = measure(BenchPlan(0, None, profile=False, producer=SMALL))
    Draft202012Validator(SCHEMA).validate(figures)
    assert min(figures["producer"][subject]["ours_eps"] for subject in ("flights", "bookings")) > 0
    shown = tmp_path / "shown"
    with shown.open("w") as file:
        print_report(figures, Console(file=file, width=80))
    lines = shown.read_text().splitlines()
    assert max(map(len, lines)) <= 80
    assert [label for label in ("headrace", "Google's client", "naive loop") if label not in shown.read_text()] == []


def test_producers_are_measured_alone() -> None:
    plan = BenchPlan.of(quick=True, steps=False, profile=False, producer=True)
    assert (plan.producer, plan.size, plan.chunks) == (producer_bench.QUICK, None, 0)


@pytest.mark.parametrize("other", ["--steps", "--profile"])
def test_producers_are_not_measured_with_something_else(other: str) -> None:
    done = CliRunner().invoke(app, ["bench", "--producer", other])
    assert done.exit_code == Exit.USAGE
    assert "measures the SDK alone" in done.output
