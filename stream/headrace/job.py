"""What a job is: plain values, for either engine; nothing is opened before it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from headrace.config.secrets import Key
from headrace.core.dead_letter import Sender
from headrace.schemas.registry import Registry
from headrace.steps.mask.tokens import TokenKey


@dataclass(frozen=True, slots=True)
class Job:
    """What both engines are built from."""

    registry: Registry = field(repr=False)
    project: str
    tables: dict[str, str]
    tallies_table: str
    dead_letter_topic: str
    name: str
    window: timedelta
    shards: int
    ids_remembered: int
    clock: Callable[[], int]
    masking_key: Key
    masking_key_version: str

    @property
    def transforms(self) -> bool:
        """Whether some contract has rows filtered, or columns derived."""
        return any(self.registry.latest(each).transformations.in_the_job for each in self.registry.subjects)

    def token_key(self) -> TokenKey:
        """Read the masking key, for what makes tokens."""
        return TokenKey(self.masking_key.read(), self.masking_key_version)

    @property
    def sender(self) -> Sender:
        """What dead letters say of the job that made them."""
        return Sender(self.project, self.name)
