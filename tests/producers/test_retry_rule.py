"""What follows from a request that failed, and when."""

from __future__ import annotations

import random

import pytest

from headrace.producers.transport.retry_rule import pause_before


class Longest(random.Random):
    """Draws the upper end."""

    def uniform(self, a: float, b: float) -> float:
        assert a == 0
        return b


@pytest.mark.parametrize(
    ("tries", "seconds"), [(1, 0.1), (2, 0.4), (3, 1.6), (4, 5.0), (5, 5.0), (12, 5.0), (10_000, 5.0)]
)
def test_the_limit_of_a_pause_grows_fourfold_up_to_five_seconds(tries: int, seconds: float) -> None:
    assert pause_before(tries, Longest()) == pytest.approx(seconds)
