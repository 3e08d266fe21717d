"""The counts that tallies have of events."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """The counts of events. Each event that is received gets exactly one of the others, except LOST."""

    RECEIVED = "received"
    WRITTEN = "written"
    DUPLICATE = "duplicate"
    DROPPED = "dropped"
    DEAD_LETTERED = "dead_lettered"
    LOST = "lost"  # not an outcome: rows lost with their table, after their tallies were lost with the tallies' table


GAP: Final = "gap"  # in place of an outcome: events published within the time in the reason may be missing
OPEN_GAP: Final = f"outcome = '{GAP}' AND NOT STARTS_WITH(reason, 'settled')"  # nobody has settled the gap yet

ARRIVED: Final = "arrived"  # in place of an outcome: numbers of a source's sequence, see headrace.core.arrivals
UNNUMBERED: Final = "unnumbered"  # the reason of a line with that: events whose ce-sequence cannot be read
