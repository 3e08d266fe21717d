"""The attribute ``ce-sequence``: the number of an event among those that one process publishes, by its epoch.

It is the extension ``sequence`` of CloudEvents. Texts of one epoch sort like their numbers, and epochs of one source
sort by the time at which they began.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

ATTRIBUTE: Final = "ce-sequence"
FIRST: Final = 1  # number of the first event of an epoch; the others follow without a gap
MAX_NUMBER: Final = 10**18 - 1  # fits an INT64
DIGITS: Final = 16  # to which a number is padded, so that texts sort
_SEQUENCE: Final = re.compile(r"([0-9A-Za-z]{1,64})-([0-9]{1,18})", re.ASCII)


class SequenceNumber(NamedTuple):
    """A *number* from 1 on, and the *epoch* in which it was given."""

    epoch: str
    number: int

    def __str__(self) -> str:
        """Return the value of the attribute.

        >>> str(SequenceNumber("019ad3f2c0a11f2e3d4c", 7))
        '019ad3f2c0a11f2e3d4c-0000000000000007'
        """
        return f"{prefix_of(self.epoch)}{self.number:0{DIGITS}}"

    @classmethod
    def parse(cls, text: str) -> SequenceNumber | None:
        """Return the number that *text* has, or None if it is no value of the attribute.

        >>> SequenceNumber.parse("019ad3f2c0a11f2e3d4c-0000000000000007")
        SequenceNumber(epoch='019ad3f2c0a11f2e3d4c', number=7)
        >>> print(SequenceNumber.parse("7"))
        None
        """
        found = _SEQUENCE.fullmatch(text)
        if found is None:
            return None
        number = int(found[2])
        return cls(found[1], number) if number >= FIRST else None


def prefix_of(epoch: str) -> str:
    """Return how the values of an epoch begin; the number follows."""
    return f"{epoch}-"


def new_epoch(millis: int, chance: int) -> str:
    """Return the name of an epoch that begins *millis* milliseconds after 1970; *chance* has 32 random bits.

    >>> new_epoch(1_764_547_200_000, 0x1F2E3D4C)
    '019ad73584001f2e3d4c'
    """
    return f"{millis:012x}{chance:08x}"
