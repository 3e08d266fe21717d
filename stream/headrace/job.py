"""The description of a job, in plain values for both engines. It opens nothing before the job runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from headrace.config.key_files import read_masking_key
from headrace.config.secrets import HeldKey, Key
from headrace.config.settings import Settings
from headrace.core.dead_letter import Sender
from headrace.core.resource_names import TALLIES
from headrace.core.routes import Routes
from headrace.runtime.clock import now_micros
from headrace.schemas.registry import Contract, Registry

if TYPE_CHECKING:
    from headrace.steps.mask.tokens import TokenKey


@dataclass(frozen=True, slots=True)
class Job:
    """The values from which both engines are built."""

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
    routes: Routes = field(default_factory=Routes)
    large_events: tuple[str, ...] = ()

    @property
    def transforms(self) -> bool:
        """Whether a contract filters rows, derives columns, or has rules on values."""
        return any(self.registry.latest(each).transformations.in_the_job for each in self.registry.subjects)

    def token_key(self) -> TokenKey:
        """Read the masking key, with which tokens are made."""
        from headrace.steps.mask.tokens import TokenKey  # imports Arrow's functions, which a description does not need

        return TokenKey(self.masking_key.read(), self.masking_key_version)

    @property
    def sender(self) -> Sender:
        """The job's name and version for its dead letters."""
        return Sender(self.project, self.name)


def job_for(settings: Settings, registry: Registry, masking_key: Key, clock: Callable[[], int]) -> Job:
    """Return the job for *settings* and the contracts; open nothing."""
    names = settings.names
    return Job(
        registry=registry,
        project=settings.project,
        tables={subject: names.table(registry.latest(subject).options.table) for subject in registry.subjects},
        tallies_table=names.table(TALLIES),
        dead_letter_topic=names.dead_letter_topic,
        name=settings.pipeline,
        window=settings.window,
        shards=settings.shards,
        ids_remembered=settings.ids_remembered,
        clock=clock,
        masking_key=masking_key,
        masking_key_version=settings.masking_key_version,
        routes=names.routes,
        large_events=settings.large_events,
    )


def held_key(settings: Settings, contracts: Iterable[Contract]) -> Key:
    """Return the masking key, held in this process. It is empty if no file is named and no contract makes tokens.

    Raises:
        SettingsError: the key is needed and no file is named, or the file cannot be used.
    """
    if settings.masking_key_file is None and not any(each.makes_tokens for each in contracts):
        return HeldKey(b"")
    return HeldKey(read_masking_key(settings.masking_key_file))


def job_of(settings: Settings, subject: str, masking_key: Key) -> Job:
    """Return the job for *settings* and one subject only.

    Raises:
        ContractError: the contract names a function that is not installed.
    """
    from headrace.steps.transform import find_functions

    registry = Registry({each.ref: each for each in settings.serviceable_registry() if each.subject == subject})
    find_functions(registry)
    return job_for(settings, registry, masking_key, now_micros)
