"""A watch on the folder of contracts of a running engine, which takes new versions without a restart."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

import structlog

from headrace.config.settings import SettingsError
from headrace.engine.live_contracts import LiveContracts
from headrace.engine.status import CONTRACTS, SubjectStatus
from headrace.schemas.errors import ContractError
from headrace.schemas.faults import together
from headrace.schemas.folder import SUFFIX
from headrace.schemas.registry import Registry
from headrace.schemas.sidecar import SIDECARS

LOOK_SECONDS: Final = 2.0
AGAIN_SECONDS: Final = 30.0  # after a load with a fault: a file may be readable again without a change
_LOG = structlog.get_logger("headrace")
_Stamp: TypeAlias = tuple[tuple[str, int, int, int], ...]


class ContractWatch:
    """Looks at *folder*, and passes the contracts that *load* returns to *contracts*.

    Files are read once they have stayed the same from one look to the next, so a copy in progress is not read. While
    the folder cannot be read, or is empty, the job goes on with the contracts that it has. *status* says why. *seconds*
    is a monotonic clock.
    """

    def __init__(
        self,
        folder: Path,
        load: Callable[[], Registry],
        contracts: LiveContracts,
        status: SubjectStatus,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._load = load
        self._contracts = contracts
        self._status = status
        self._seen: _Stamp = ()
        self._used: _Stamp = ()
        self._seconds = seconds
        self._again_at = math.inf
        self.look_seconds = LOOK_SECONDS

    def run(self, stop: threading.Event) -> None:
        """Look every few seconds, until *stop* is set."""
        while not stop.wait(self.look_seconds):
            self.look()

    def look(self) -> None:
        """Look once; use what has changed, if it was the same at the look before."""
        try:
            stamp = _stamp(self._folder)
        except OSError as error:
            self._lose(f"{self._folder}: cannot be read ({error.strerror})")
            return
        if not stamp:
            self._lose(f"{self._folder}: no contract")
            return
        is_settled, self._seen = stamp == self._seen, stamp
        if is_settled and (stamp != self._used or self._seconds() >= self._again_at):
            self._used, self._again_at = stamp, math.inf
            if not self._use():
                self._again_at = self._seconds() + AGAIN_SECONDS

    def _use(self) -> bool:
        """Use what is in the folder; return whether all of it is accepted."""
        try:
            found = self._load()
        except ContractError as error:  # no subject is left
            found = Registry({}, {each: _own(error, each) for each in self._contracts.subjects})
        except SettingsError as error:
            self._keep(str(error))
            return False
        changed = self._contracts.replace(found)
        self._status.unblock(CONTRACTS)
        if changed:
            registry = self._contracts.job.registry
            served = {each: registry.latest(each).ref.version for each in changed if each in registry.subjects}
            _LOG.info("contracts_changed", versions=served, blocked=[each for each in changed if each not in served])
        new = self._contracts.not_served(found)
        if new:
            self._status.notice(CONTRACTS, f"{', '.join(new)}: new subjects; restart the job to serve them")
        return not found.blocked

    def _lose(self, problem: str) -> None:
        """Keep the contracts, and read the folder again when it is back, also if its files are the same."""
        self._seen = self._used = ()
        self._keep(problem)

    def _keep(self, problem: str) -> None:
        needs = f"{problem}; the job goes on with the contracts that it has"
        if self._status.block(CONTRACTS, needs):
            _LOG.warning("contracts_kept", needs=needs)


def _own(error: ContractError, subject: str) -> ContractError:
    """Return the faults of one subject; all of them if none is its own."""
    own = [each for each in error.faults if each.where.partition(".")[0] == subject]
    return together(own) if own else error


def _stamp(folder: Path) -> _Stamp:
    """Return what changes when a file of *folder* does; a file that vanishes meanwhile is left out."""
    found = []
    for entry in folder.iterdir():
        if entry.name.endswith((SUFFIX, *SIDECARS)):
            try:
                stat = entry.stat()
            except FileNotFoundError:
                continue
            found.append((entry.name, stat.st_mtime_ns, stat.st_size, stat.st_ino))
    return tuple(sorted(found))
