"""The checks that need no client: of this machine, and whether services answer.

Each check imports its modules itself, in its own thread. So a missing module is a finding, and the seconds that
Google's clients take to import pass while services are asked to answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from headrace.config.settings import Settings
from headrace.config.usable_settings import UsableSettings
from headrace.doctor.check_disk import look_at_disk
from headrace.doctor.check_emulators import look_at_emulators
from headrace.doctor.check_services import ServicesCheck
from headrace.doctor.check_versions import look_at_versions
from headrace.doctor.findings import SIGN_IN, Area, Finding, Level, unknown
from headrace.doctor.run_checks import Check
from headrace.runtime.reachability import JOB

if TYPE_CHECKING:
    from headrace.provision import Clients
    from headrace.schemas.registry import Registry

_NETWORK: Final = "check the network and its proxy"
_OF_SETTINGS: Final = {
    Area.CONTRACTS: "contracts",
    Area.REGISTRY: "schema registry",
    Area.KEYS: "keys",
    Area.DISK: "journal",
}


@dataclass(slots=True)
class NearChecks:
    """The checks, and what they leave for later ones: answering *services*, the *registry* and the *clients*."""

    usable: UsableSettings | None
    services: ServicesCheck = field(default_factory=ServicesCheck)
    registry: Registry | None = None
    clients: Clients | None = None

    def checks(self) -> list[Check]:
        """Return the checks that the settings allow, and a finding for each of the others."""
        settings = self.usable.settings if self.usable else None
        return [
            Check(Area.EMULATORS, "variables", partial(look_at_emulators, settings)),
            Check(Area.VERSIONS, "versions", look_at_versions),
            *(Check(Area.SERVICES, each.place, partial(self.services.look, each), _NETWORK) for each in JOB),
            Check(Area.CREDENTIALS, "credentials", self._look_at_credentials, SIGN_IN),
            *self._of_settings(settings),
        ]

    def _of_settings(self, settings: Settings | None) -> Iterator[Check]:
        if settings is None:
            why = "the settings cannot be read"
            for area, subject in _OF_SETTINGS.items():
                yield Check(area, subject, partial(_not_checked, subject, why))
            return
        yield Check(Area.CONTRACTS, _OF_SETTINGS[Area.CONTRACTS], partial(self._look_at_contracts, settings))
        yield Check(Area.REGISTRY, _OF_SETTINGS[Area.REGISTRY], partial(_look_at_registry, settings), _NETWORK)
        yield Check(Area.KEYS, _OF_SETTINGS[Area.KEYS], partial(_look_at_keys, settings))
        yield Check(Area.DISK, _OF_SETTINGS[Area.DISK], partial(look_at_disk, settings.journal))

    def _look_at_credentials(self) -> Iterator[Finding]:
        from headrace.doctor.check_credentials import look_at_credentials, open_clients

        for finding in look_at_credentials():
            yield finding
            if finding.level is Level.OK and self.usable is not None and self.usable.has_project:
                self.clients = open_clients(self.usable.settings.project)

    def _look_at_contracts(self, settings: Settings) -> Iterator[Finding]:
        from headrace.doctor.check_contracts import ContractsCheck

        check = ContractsCheck()
        yield from check.look(settings)
        self.registry = check.registry


def _look_at_registry(settings: Settings) -> Iterable[Finding]:
    from headrace.doctor.check_registry import look_at_registry

    return look_at_registry(settings)


def _look_at_keys(settings: Settings) -> Iterable[Finding]:
    from headrace.doctor.check_keys import look_at_archive_key, look_at_masking_key

    return [*look_at_masking_key(settings), *look_at_archive_key(settings)]


def _not_checked(subject: str, why: str) -> list[Finding]:
    return [unknown(subject, why)]
