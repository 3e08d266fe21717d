"""The pulls of a puller that have not ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from headrace.engine.pubsub_calls import Pull


class Asking(Enum):
    """State of the pull that is always under way while there is room."""

    WANTED = auto()
    UNDER_WAY = auto()
    ENDED = auto()  # with nothing, or an error, which is handled before the next one begins


@dataclass(eq=False, slots=True)
class UnderWay:
    """One pull that has not ended.

    *along*: it is an additional pull, beside the one that is always under way. *began* is in microseconds. A stop
    cancels a pull that *lasts*, and waits for the others, so that their messages are handed back.
    """

    along: bool
    began: int
    leased_until: float
    lasts: bool
    pull: Pull | None = None
