"""The measured cost of each step for an event, and how to replace it by figures of ``headrace bench``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from headrace.planning.capacity.limits import CapacityError, own_file

KINDS: Final = ("booking_created", "flight_departed")
_BENCH_STEPS: Final = ("decode", "mask", "dedupe", "row")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of event, and what it costs.

    *event_us* and *part_us* are CPU microseconds of each step for an event and for a part: the rows of one
    micro-batch that belong to one shard. *packed_event_bytes* and *packed_part_bytes* are the size of a waiting row in
    state, with its sealed message.
    """

    payload_bytes: float
    row_bytes: float
    packed_event_bytes: float
    packed_part_bytes: float
    event_us: Mapping[str, float]
    part_us: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Calibration:
    """A measurement of all costs.

    *bundle_us* is the CPU of the runner's Python side for a bundle of one key, *id_bytes* the memory of a worker for
    one remembered id.
    """

    measured_at: str
    machine: str
    versions: str
    bundle_us: float
    id_bytes: float
    kinds: Mapping[str, Kind]


def load_calibration(bench: Path | None = None) -> Calibration:
    """Read the calibration that comes with the program; steps in the JSON of *bench* replace its steps.

    Raises:
        CapacityError: *bench* cannot be read, or has no steps.
    """
    table = dict(own_file("calibration.toml").values)
    kinds = {name: Kind(**table.pop(name)) for name in KINDS}
    calibration = Calibration(**table, kinds=kinds)
    return calibration if bench is None else _with_bench(calibration, bench)


def kind_named(name: str) -> Kind:
    """Return the kind of event called *name*. Raises CapacityError for an unknown name."""
    if name not in KINDS:
        raise CapacityError(f"--kind {name}: unknown; use one of {', '.join(KINDS)}")
    return load_calibration().kinds[name]


def _with_bench(calibration: Calibration, path: Path) -> Calibration:
    try:
        steps = json.loads(path.read_text("utf-8"))["steps"]
        kinds = {name: _with_steps(kind, steps.get(name, steps)) for name, kind in calibration.kinds.items()}
    except OSError as error:
        raise CapacityError(f"--bench {path}: cannot be read ({error.strerror}); name another file") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise CapacityError(
            f"--bench {path}: no steps with ours_us; use the output of `headrace bench --json`"
        ) from None
    return replace(calibration, measured_at=f"{path.name}, else {calibration.measured_at}", kinds=kinds)


def _with_steps(kind: Kind, steps: Mapping[str, Any]) -> Kind:
    found = {step: float(steps[step]["ours_us"]) for step in _BENCH_STEPS}
    return replace(kind, event_us={**kind.event_us, **found})
