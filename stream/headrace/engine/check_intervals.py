"""How seldom each of many subjects is asked for something, so that an engine of many asks little altogether."""

from __future__ import annotations

from typing import Final

PULLS_A_SECOND: Final = 10.0  # that find nothing
LOOKS_A_SECOND: Final = 2.0  # at tables; a subject looks by itself before it writes when that is long ago
BEGINNINGS_A_SECOND: Final = 10.0  # at what tables hold, after a start
CHECKS_A_SECOND: Final = 2.0  # of resources
FIRST_CHECKS_A_SECOND: Final = 20.0  # of resources that were not checked since the start


def interval(seconds: float, subjects: int, a_second: float) -> float:
    """*seconds* between two of the same subject, or as many as it takes for all to make no more than *a_second*.

    >>> [interval(2.0, subjects, a_second=10.0) for subjects in (1, 20, 500)]
    [2.0, 2.0, 50.0]
    """
    return max(seconds, subjects / a_second)
