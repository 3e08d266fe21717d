"""How a field is classified: as personal data with the mask of its values, or as no personal data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Mask(StrEnum):
    """Masks: how a personal value is changed before it is stored."""

    REDACT = "redact"
    TOKENISE = "tokenise"
    PARTIAL = "partial"
    GENERALISE = "generalise"
    OMIT = "omit"


class Generalise(StrEnum):
    """Targets of the mask ``generalise``."""

    MONTH = "month"
    YEAR = "year"
    NETWORK = "network"
    BUCKET = "bucket"


@dataclass(frozen=True, slots=True)
class Pii:
    """A field's classification: personal data of *kind*, masked by *mask*.

    ``keep_first`` and ``keep_last`` are numbers of characters (partial); ``size`` is a bucket's width.
    """

    kind: str
    mask: Mask
    keep_first: int = 0
    keep_last: int = 0
    to: Generalise | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class NotPersonal:
    """The classification ``"pii": "none"``."""

    def __repr__(self) -> str:
        return "NOT_PERSONAL"


NOT_PERSONAL: Final = NotPersonal()
