"""Local times as moments: what a mapping wants of those that no clock shows, and of those that a clock shows twice.

When clocks go forward, an hour of local time is left out. When they go back, one comes twice. Neither can be read
without a rule, and by default such a line is refused.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import assert_never
from zoneinfo import ZoneInfo

from headrace.schemas.errors import UnreadableTextError
from headrace.schemas.times import to_utc


class Gap(StrEnum):
    """A time that no clock shows: refuse the line, or *shift* it forward by what was left out."""

    REFUSE = "refuse"
    SHIFT = "shift"


class Ambiguous(StrEnum):
    """A time that a clock shows twice: refuse the line, or take the *earlier* or the *later* of the two."""

    REFUSE = "refuse"
    EARLIER = "earlier"
    LATER = "later"


def in_utc(local: datetime, zone: ZoneInfo, gap: Gap, ambiguous: Ambiguous) -> datetime:
    """Turn a *local* time without an offset into UTC.

    Raises:
        UnreadableTextError: no clock in *zone* shows it, or one shows it twice, and the rule is to refuse that.
    """
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    before, after = first.utcoffset(), second.utcoffset()
    if before == after:
        return to_utc(first)
    if before is None or after is None or before < after:
        return to_utc(_shifted(first, gap))
    match ambiguous:
        case Ambiguous.REFUSE:
            raise UnreadableTextError(
                'give it an offset, or say ambiguous = "earlier" or "later" beside the zone in the mapping',
                f"a local time that clocks in {zone} show twice",
            )
        case Ambiguous.EARLIER:
            return to_utc(first)
        case Ambiguous.LATER:
            return to_utc(second)
        case _:
            assert_never(ambiguous)


def _shifted(first: datetime, gap: Gap) -> datetime:
    match gap:
        case Gap.REFUSE:
            raise UnreadableTextError(
                'give it an offset, or say gap = "shift" beside the zone in the mapping',
                f"a local time that no clock in {first.tzinfo} shows",
            )
        case Gap.SHIFT:
            return first
        case _:
            assert_never(gap)
