"""The intervals of regular checks. They grow with the number of subjects, to limit the checks of the whole engine."""

from __future__ import annotations

from typing import Final

PULLS_A_SECOND: Final = 10.0  # pulls that find nothing
LOOKS_A_SECOND: Final = 2.0  # looks at tables; a subject also looks before it writes, if the last look was long ago
BEGINNINGS_A_SECOND: Final = 10.0  # lookups of rows in tables, after a start
CHECKS_A_SECOND: Final = 2.0  # checks of resources
FIRST_CHECKS_A_SECOND: Final = 20.0  # first checks of resources after a start


def interval(seconds: float, subjects: int, a_second: float) -> float:
    """Return *seconds*, or a longer interval if all *subjects* would otherwise exceed *a_second* checks a second.

    >>> [interval(2.0, subjects, a_second=10.0) for subjects in (1, 20, 500)]
    [2.0, 2.0, 50.0]
    """
    return max(seconds, subjects / a_second)
