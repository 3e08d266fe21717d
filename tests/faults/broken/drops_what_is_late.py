"""Lets late events fall without a word."""

from __future__ import annotations

from datetime import timedelta

from headrace.core.dead_letter import Reason
from headrace.core.micro_batch import MicroBatch
from headrace.schemas.registry import Contract
from headrace.steps import window

_assign = window.assign_windows


def assign_and_drop(batch: MicroBatch, contract: Contract, length: timedelta) -> window.WindowedBatch:
    kept, refusals = _assign(batch, contract, length)
    return window.WindowedBatch(kept, [each for each in refusals if each.reason is not Reason.TOO_LATE])


window.assign_windows = assign_and_drop
