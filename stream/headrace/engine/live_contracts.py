"""The contracts of a running engine. Others may replace them, and then the subjects that changed begin anew."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

from headrace.job import Job
from headrace.schema_registry.id_rules import id_space_of
from headrace.schemas.errors import ContractError
from headrace.schemas.registry import Contract, Registry

RESTART = "restart the job to use it"


class LiveContracts:
    """The job with the contracts of now. It serves the subjects with which it began. Thread-safe.

    *on_change* is called with each subject whose contracts changed, after the new ones are in :attr:`job`.
    """

    def __init__(self, job: Job) -> None:
        self.on_change: Callable[[str], None] = lambda subject: None
        self._job = job
        self._served = {subject: job.registry.latest(subject) for subject in job.registry.subjects}
        self._refused = job.registry.blocked  # since the start: nothing was claimed for these
        self._states = {subject: _state(job.registry, subject) for subject in self._served}
        self._lock = threading.Lock()

    @property
    def job(self) -> Job:
        """The job with the contracts of now; a subject whose contract is refused is blocked in its registry."""
        return self._job

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects that the job serves while their contract is accepted."""
        return tuple(self._served)

    def replace(self, found: Registry) -> list[str]:
        """Serve the contracts *found* from now on, and return the subjects whose contracts changed."""
        with self._lock:
            registry = self._servable(found)
            states = {subject: _state(registry, subject) for subject in self._served}
            changed = [subject for subject, state in states.items() if state != self._states[subject]]
            if changed:
                self._job, self._states = replace(self._job, registry=registry), states
        for subject in changed:
            self.on_change(subject)
        return changed

    def not_served(self, found: Registry) -> list[str]:
        """Return the subjects of *found* that the job serves only after a restart."""
        return [subject for subject in found.subjects if subject not in self._served]

    def _servable(self, found: Registry) -> Registry:
        """Return the contracts of the served subjects. Those that this run cannot use block their subject."""
        faults = dict(self._faults(found))
        contracts = {each.ref: each for each in found if each.subject in self._served and each.subject not in faults}
        return Registry(contracts, {**self._refused, **faults})

    def _faults(self, found: Registry) -> Mapping[str, ContractError]:
        faults: dict[str, ContractError] = {}
        for subject, before in self._served.items():
            if subject in found.blocked:
                faults[subject] = found.blocked[subject]
            elif subject not in found.subjects:
                faults[subject] = ContractError(subject, "its contract is gone", "put it back")
            else:
                fault = self._unusable(before, found.latest(subject))
                if fault is not None:
                    faults[subject] = fault
        return faults

    def _unusable(self, before: Contract, now: Contract) -> ContractError | None:
        """Return why this run cannot use a contract: what it holds for the whole run would have to change."""
        place = f"{now.ref.short}.headrace"
        if before.options.table != now.options.table:
            return ContractError(f"{place}.table", "another table than when the job started", RESTART)
        if id_space_of(before) != id_space_of(now):
            return ContractError(f"{place}.encoding", "schema ids of another kind than when the job started", RESTART)
        if now.makes_tokens and not self._job.masking_key.read():
            return ContractError(place, "makes tokens, and the job has no masking key", "name one, and restart the job")
        return None


def _state(registry: Registry, subject: str) -> object:
    """Return a value that differs after a change of the subject's contracts."""
    if subject in registry.blocked:
        return str(registry.blocked[subject])
    return sorted((each.ref.version, each.fingerprint) for each in registry if each.subject == subject)
