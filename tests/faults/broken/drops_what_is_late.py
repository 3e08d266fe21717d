"""Lets late events fall without a word."""

from __future__ import annotations

from datetime import timedelta

from headrace.core.dead_letter import Reason
from headrace.core.micro_batch import MicroBatch
from headrace.schemas.registry import Contract
from headrace.steps import window as step
from headrace.steps.window import WindowedBatch, assign_windows


def assign_and_drop(batch: MicroBatch, contract: Contract, window: timedelta) -> WindowedBatch:
    kept, refusals = assign_windows(batch, contract, window)
    return WindowedBatch(kept, [each for each in refusals if each.reason is not Reason.TOO_LATE])


step.assign_windows = assign_and_drop
