"""What each step costs an event, measured; and how figures of `headrace bench` take its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from headrace.planning.capacity.limits import ScaleError, own_file

KINDS: Final = ("booking_created", "flight_departed")
_BENCHED: Final = ("decode", "mask", "dedupe", "row")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event: *event_us* and *part_us* are CPU microseconds of each step an event, and a part (the rows of
    one micro-batch that belong to one shard). *packed* is what a waiting row has in state, with its sealed message."""

    payload_bytes: float
    row_bytes: float
    packed_event_bytes: float
    packed_part_bytes: float
    event_us: Mapping[str, float]
    part_us: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Where and when it was measured; *bundle_us* is CPU of the runner's Python side for a bundle of one key,
    *id_bytes* memory of a worker for one remembered id."""

    measured_at: str
    machine: str
    versions: str
    bundle_us: float
    id_bytes: float
    kinds: Mapping[str, Kind]


def load_calibration(bench: Path | None = None) -> Calibration:
    """Read the calibration that comes with the program; steps that the JSON of *bench* has are taken from there.

    Raises:
        ScaleError: *bench* cannot be read, or has no steps.
    """
    table = dict(own_file("calibration.toml").values)
    kinds = {name: Kind(**table.pop(name)) for name in KINDS}
    calibration = Calibration(**table, kinds=kinds)
    return calibration if bench is None else _with_bench(calibration, bench)


def kind_named(name: str) -> Kind:
    """The kind of event called *name*; ScaleError when none is."""
    if name not in KINDS:
        raise ScaleError(f"--kind {name}: not measured; there are {', '.join(KINDS)}")
    return load_calibration().kinds[name]


def _with_bench(calibration: Calibration, path: Path) -> Calibration:
    try:
        steps = json.loads(path.read_text("utf-8"))["steps"]
        kinds = {name: _benched(kind, steps.get(name, steps)) for name, kind in calibration.kinds.items()}
    except OSError as error:
        raise ScaleError(f"--bench {path}: cannot be read ({error.strerror})") from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ScaleError(f"--bench {path}: not what `headrace bench --json` prints: no steps with ours_us") from None
    return replace(calibration, measured_at=f"{path.name}, else {calibration.measured_at}", kinds=kinds)


def _benched(kind: Kind, steps: Mapping[str, Any]) -> Kind:
    found = {step: float(steps[step]["ours_us"]) for step in _BENCHED}
    return replace(kind, event_us={**kind.event_us, **found})
