"""Figures of repeated measurements: medians, their spread, and ratios of pairs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and quartiles of some measurements: half of them are between *low* and *high*."""

    median: float
    low: float
    high: float

    def rounded(self, digits: int) -> list[float]:
        """Return the quartiles, as a JSON list."""
        return [round(self.low, digits), round(self.high, digits)]


def spread(values: Sequence[float]) -> Spread:
    """Return the median and quartiles of *values*; of one value, all are equal. Raises ValueError without values.

    >>> spread([3.0, 1.0, 2.0])
    Spread(median=2.0, low=1.5, high=2.5)
    """
    if not values:
        raise ValueError("no measurement to sum up")
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high)


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> Spread:
    """Return the ratios of *theirs* to *ours*, pair by pair: a disturbance of both values does not change their ratio.

    >>> ratio([30.0, 60.0], [10.0, 20.0]).median
    3.0
    """
    return spread([one / other for one, other in zip(theirs, ours, strict=True)])


def beside(ours: Sequence[float], peers: Sequence[float]) -> dict[str, Any]:
    """Return one line of the steps: microseconds an event of Headrace and of the peer, and their ratio."""
    mine, other, times = spread(ours), spread(peers), ratio(peers, ours)
    return {
        "ours_us": round(mine.median, 3),
        "ours_quartiles_us": mine.rounded(3),
        "peer_us": round(other.median, 3),
        "peer_quartiles_us": other.rounded(3),
        "ratio": round(times.median, 2),
        "ratio_quartiles": times.rounded(2),
    }


def with_fallback(steps: dict[str, dict[str, Any]], fallback: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Add the times of the pure-Python fallback to each step; both were measured beside the same peer."""
    return {
        name: {**line, "fallback_us": fallback[name]["ours_us"], "fallback_ratio": fallback[name]["ratio"]}
        for name, line in steps.items()
    }
