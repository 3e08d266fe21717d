"""A measurement of an engine whose way to BigQuery leads through proxies, as a program: JSON on its last line."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from headrace.dev.emulators import running_emulators
from tests.faults.operations import SETTINGS
from tests.faults.places import Places
from tests.faults.proxy import Proxy, a_proxy
from tests.faults.world import World, a_world


def measured(name: str, measure: Callable[[World, Sequence[Proxy]], dict[str, Any]]) -> dict[str, Any] | None:
    """Print and give what *measure* finds; None, with the seed printed, when something is wrong."""
    seed = random.SystemRandom().randrange(10**8)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_emulators(Path(folder)) as emulators,
        a_proxy(emulators.bigquery_grpc) as grpc,
        a_proxy(emulators.bigquery_rest) as rest,
        a_world(Path(folder), seed, f"{name}-{seed}", Places.of(emulators), **SETTINGS) as world,
    ):
        world.route = replace(world.places, grpc=grpc.address, rest=rest.address)
        try:
            report = measure(world, [grpc, rest])
        except AssertionError as wrong:
            print(f"{name}, seed {seed}: {wrong}")
            return None
    print(json.dumps(report))
    return report
