"""Conversion of local times to UTC, with rules for times that do not exist and times that occur twice.

When clocks go forward, an hour of local time does not exist. When they go back, an hour occurs twice. Such a time needs
a rule; by default the line is refused.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import assert_never
from zoneinfo import ZoneInfo

from headrace.schemas.errors import UnreadableTextError
from headrace.schemas.times import to_utc


class Gap(StrEnum):
    """Rule for a local time that does not exist: refuse the line, or *shift* the time forward by the missing hour."""

    REFUSE = "refuse"
    SHIFT = "shift"


class Ambiguous(StrEnum):
    """Rule for a local time that occurs twice: refuse the line, or take the *earlier* or the *later* moment."""

    REFUSE = "refuse"
    EARLIER = "earlier"
    LATER = "later"


def in_utc(local: datetime, zone: ZoneInfo, gap: Gap, ambiguous: Ambiguous) -> datetime:
    """Convert a *local* time without an offset to UTC.

    Raises:
        UnreadableTextError: the time does not exist in *zone*, or occurs twice, and the rule is to refuse it.
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
                'give it an offset, or write ambiguous = "earlier" or "later" beside the zone in the mapping',
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
                'give it an offset, or write gap = "shift" beside the zone in the mapping',
                f"a local time that no clock in {first.tzinfo} shows",
            )
        case Gap.SHIFT:
            return first
        case _:
            assert_never(gap)
