"""Choose the settings for a load: shards first, then workers, then the ids that workers remember."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from headrace.planning.capacity.needs import MEMORY_SHARE, CapacityPlan, needs

MOST_SHARDS: Final = 1000  # the highest value of the settings
MOST_WORKERS: Final = 4000
_CATCHING_UP: Final = 2.0  # times the rate, so that the backlog of an outage is gone after the same time again
_HOT: Final = ("hot shard, busy", "hot shard, rows")


def advised(plan: CapacityPlan, shards: int | None = None, workers: int | None = None) -> CapacityPlan:
    """Return *plan* with the fewest shards without overload, and the fewest workers, unless they are given."""
    sharded = replace(plan, shards=shards or fewest_shards(plan))
    return replace(sharded, workers=workers or fewest_workers(sharded, 1.0))


def fewest_shards(plan: CapacityPlan) -> int:
    """Return the smallest power of two that suffices, or the most that the settings accept."""
    for shards in _powers(MOST_SHARDS):
        hot = [need for need in needs(replace(plan, shards=shards)) if need.what in _HOT]
        if all(need.of_it <= 1 for need in hot):
            return shards
    return MOST_SHARDS


def fewest_workers(plan: CapacityPlan, times: float) -> int:
    """Return the fewest workers for *times* the rate that are as busy as assumed and have memory for the ids."""
    load = replace(plan.load, events_a_second=plan.load.events_a_second * times)
    vcpus = replace(plan, load=load).vcpus / plan.limits["assumed_busy"].value
    memory = plan.ids_bytes / MEMORY_SHARE
    return max(1, math.ceil(vcpus / plan.machine.vcpus), math.ceil(memory / plan.machine.memory_bytes))


def settings(plan: CapacityPlan) -> dict[str, Any]:
    """Return the settings for ``headrace.toml``."""
    return {
        "shards": plan.shards,
        "ids_remembered": plan.ids_remembered,
        "dataflow": {
            "workers": min(plan.workers, MOST_WORKERS),
            "max_workers": min(max(plan.workers, fewest_workers(plan, _CATCHING_UP)), MOST_WORKERS),
            "machine_type": plan.machine.name,
        },
    }


def _powers(most: int) -> Iterator[int]:
    shards = 1
    while shards <= most:
        yield shards
        shards *= 2
