"""Rules for changes of a contract. Their names never change: waivers and pipelines of users name them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Rule(StrEnum):
    """Names of the rules for contracts and for their changes."""

    FIELD_ADDED_WITHOUT_DEFAULT = "FIELD_ADDED_WITHOUT_DEFAULT"
    FIELD_REMOVED = "FIELD_REMOVED"
    TYPE_CHANGED = "TYPE_CHANGED"
    DECIMAL_CHANGED = "DECIMAL_CHANGED"
    TIMESTAMP_UNIT_CHANGED = "TIMESTAMP_UNIT_CHANGED"
    DEFAULT_CHANGED = "DEFAULT_CHANGED"
    ENUM_SYMBOL_REMOVED = "ENUM_SYMBOL_REMOVED"
    ENUM_SYMBOL_ADDED = "ENUM_SYMBOL_ADDED"
    PII_TAG_REMOVED = "PII_TAG_REMOVED"
    PII_UNCLASSIFIED = "PII_UNCLASSIFIED"
    PII_SUSPECTED = "PII_SUSPECTED"
    MASK_WEAKENED = "MASK_WEAKENED"
    TOKENS_CHANGED = "TOKENS_CHANGED"
    COMPRESSION_CHANGED = "COMPRESSION_CHANGED"
    IDENTITY_CHANGED = "IDENTITY_CHANGED"
    TABLE_CHANGED = "TABLE_CHANGED"
    PARTITIONING_CHANGED = "PARTITIONING_CHANGED"
    BIGQUERY_TYPE_CHANGED = "BIGQUERY_TYPE_CHANGED"
    COLUMN_CASE_COLLISION = "COLUMN_CASE_COLLISION"
    NAMESPACE_CHANGED = "NAMESPACE_CHANGED"
    PUBLISHED_VERSION_EDITED = "PUBLISHED_VERSION_EDITED"
    DOC_TOO_LONG = "DOC_TOO_LONG"
    CONTRACT_INVALID = "CONTRACT_INVALID"

    @property
    def is_waivable(self) -> bool:
        """Whether a contract may break it on purpose.

        Headrace refuses a contract that breaks one of the others, and a published version cannot be another one.
        """
        return self not in _NEVER_WAIVED


_NEVER_WAIVED: Final = frozenset(
    {
        Rule.PII_UNCLASSIFIED,
        Rule.PARTITIONING_CHANGED,
        Rule.BIGQUERY_TYPE_CHANGED,
        Rule.COLUMN_CASE_COLLISION,
        Rule.PUBLISHED_VERSION_EDITED,
        Rule.CONTRACT_INVALID,
    }
)


class Direction(StrEnum):
    """Readers that a change breaks: new ones of older events, or older ones of new events."""

    BACKWARD = "backward"
    FORWARD = "forward"


class Compatibility(StrEnum):
    """Promise of a contract to the readers of its events.

    The job reads the events of every older version with the newest one, so ``backward`` counts for all older versions,
    whatever is declared. ``full`` adds readers of the version before, and ``full_transitive`` those of every older one.
    """

    BACKWARD = "backward"
    FULL = "full"
    FULL_TRANSITIVE = "full_transitive"

    def covers(self, direction: Direction | None, is_previous: bool) -> bool:
        """Return whether a break in *direction* counts; *is_previous* is whether it is against the version before."""
        if direction is not Direction.FORWARD or self is Compatibility.FULL_TRANSITIVE:
            return True
        return self is Compatibility.FULL and is_previous


class Break(NamedTuple):
    """One change that breaks a rule.

    *where* is the path of the field, or of the annotation (``headrace.table``); it is empty for the record itself.
    Without *direction*, something else than a reader of events breaks. *is_fatal* is whether the job refuses
    the contract, so that no waiver helps.
    """

    rule: Rule
    where: str
    why: str
    remedy: str
    direction: Direction | None = None
    is_fatal: bool = False
