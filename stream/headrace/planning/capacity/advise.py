"""The settings that follow from a load: shards first, then workers, then what the workers must remember."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from headrace.planning.capacity.needs import MEMORY_SHARE, Plan, needs

MOST_SHARDS: Final = 1000  # what the settings take
MOST_WORKERS: Final = 4000
_CATCHING_UP: Final = 2.0  # times the rate: what came while nothing could be written is gone after as long again
_HOT: Final = ("hot shard, busy", "hot shard, rows")


def advised(plan: Plan, shards: int | None = None, workers: int | None = None) -> Plan:
    """*plan* with the fewest shards of which none is too hot, and the workers that it takes; or with those given."""
    sharded = replace(plan, shards=shards or fewest_shards(plan))
    return replace(sharded, workers=workers or fewest_workers(sharded, 1.0))


def fewest_shards(plan: Plan) -> int:
    """The smallest power of two, or the most that the settings take."""
    for shards in _powers(MOST_SHARDS):
        hot = [need for need in needs(replace(plan, shards=shards)) if need.what in _HOT]
        if all(need.of_it <= 1 for need in hot):
            return shards
    return MOST_SHARDS


def fewest_workers(plan: Plan, times: float) -> int:
    """Workers that take *times* the rate, each as busy as is assumed, and that have room for the ids."""
    load = replace(plan.load, events_a_second=plan.load.events_a_second * times)
    vcpus = replace(plan, load=load).vcpus / plan.limits["assumed_busy"].value
    memory = plan.ids_bytes / MEMORY_SHARE
    return max(1, math.ceil(vcpus / plan.machine.vcpus), math.ceil(memory / plan.machine.memory_bytes))


def settings(plan: Plan) -> dict[str, Any]:
    """What belongs into ``headrace.toml``, as the settings take it."""
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
