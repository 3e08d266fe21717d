"""Rules for changes of a contract. Their names never change: waivers and pipelines of users name them."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Rule(StrEnum):
    """What a change of a contract may break."""

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
    MASK_WEAKENED = "MASK_WEAKENED"
    IDENTITY_CHANGED = "IDENTITY_CHANGED"
    TABLE_CHANGED = "TABLE_CHANGED"
    PARTITIONING_CHANGED = "PARTITIONING_CHANGED"
    BIGQUERY_TYPE_CHANGED = "BIGQUERY_TYPE_CHANGED"
    COLUMN_CASE_COLLISION = "COLUMN_CASE_COLLISION"
    NAMESPACE_CHANGED = "NAMESPACE_CHANGED"
    PUBLISHED_VERSION_EDITED = "PUBLISHED_VERSION_EDITED"
    DOC_TOO_LONG = "DOC_TOO_LONG"
    CONTRACT_INVALID = "CONTRACT_INVALID"


class Direction(StrEnum):
    """Readers that a change breaks: new ones of older events, or older ones of new events."""

    BACKWARD = "backward"
    FORWARD = "forward"


class Compatibility(StrEnum):
    """What a contract promises to its readers, for each older version of it.

    The job reads older events with the newest version, so ``backward`` is always checked.
    """

    BACKWARD = "backward"
    FULL = "full"

    @property
    def directions(self) -> frozenset[Direction]:
        """The readers that must not break."""
        return frozenset(Direction) if self is Compatibility.FULL else frozenset({Direction.BACKWARD})


class Break(NamedTuple):
    """One change that breaks a rule.

    *where* is the path of the field, or of the annotation (``headrace.table``). *direction* is None for what breaks
    something else than a reader.
    """

    rule: Rule
    where: str
    why: str
    remedy: str
    direction: Direction | None = None
