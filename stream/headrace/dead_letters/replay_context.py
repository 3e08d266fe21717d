"""The values of a replay: the person who runs it, its clients and clocks, and its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from headrace.core.resource_names import Names
from headrace.dead_letters.archive_reader import ArchiveReader
from headrace.schemas.registry import Registry
from headrace.steps.decode.schema_versions import AskFor, ask_nobody

if TYPE_CHECKING:
    from google.pubsub_v1 import PublisherClient

    from headrace.dead_letters.archive_writer import ArchiveWriter

DONE: Final = "done"
INTERRUPTED: Final = "interrupted"


@dataclass(frozen=True, slots=True)
class OperationInfo:
    """A run's entry in the trail: its *id*, the *actor*, and the reason that the actor gave."""

    id: str
    actor: str
    why: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ReplayContext:
    """Clients, contracts and clocks of a replay. *clock* returns aware times in UTC, *seconds* monotonic seconds.

    *ask_for* returns the registry's ids of a subject.
    """

    reader: ArchiveReader
    archive: ArchiveWriter
    publisher: PublisherClient
    registry: Registry = field(repr=False)
    names: Names
    clock: Callable[[], datetime]
    seconds: Callable[[], float]
    ask_for: AskFor = ask_nobody


@dataclass(slots=True)
class ReplayResult:
    """The counts of a replay: *sent* and marked; *skipped* because they changed since the plan; *refused* by Pub/Sub.

    *examples* has the ids of some refused letters.
    """

    sent: int = 0
    skipped: int = 0
    refused: int = 0
    examples: list[str] = field(default_factory=list)
    seconds: float = 0.0
    outcome: str = DONE
