"""The report of a running engine to its own account: counts, problems in whole sentences, and versions.

The engine writes it and ``headrace status`` reads it, perhaps in another version: unknown fields are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

SOCKET: Final = "engine.sock"  # in the journal's folder
STATUS_PAGE: Final = "/status"
TAP_PAGE: Final = "/tap"  # then the subject, and the number after which events are wanted
# Seconds that a message may take from publish to acknowledgement: the upper bounds of the counts in `took`.
WITHIN: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)


@dataclass(frozen=True, slots=True)
class SubjectReport:
    """One subject. Its counts are those of this process; times are in seconds.

    *took* counts acknowledged messages by the time that they took: one count for each bound in WITHIN, and one for
    longer times.
    """

    subject: str
    contract_version: int
    ready: bool
    is_circuit_open: bool
    in_the_way: dict[str, str] = field(default_factory=dict)
    notices: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    took: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class EngineReport:
    """The whole engine at one time. *at* and *started_at* are in microseconds since 1970.

    *parts* are loops of the engine that serve no subject: the claim on the subscriptions, and the tallies.
    """

    at: int
    started_at: int
    version: str
    decoder: str
    host: str
    process: int
    writes_to: str
    journal: str
    journal_bytes: int
    alive: bool
    ready: bool
    subjects: list[SubjectReport] = field(default_factory=list)
    parts: list[SubjectReport] = field(default_factory=list)
