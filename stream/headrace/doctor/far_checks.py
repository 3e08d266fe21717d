"""The checks that call services: clock, resources and permissions; or the reason why they are not made."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from headrace.config.usable_settings import UsableSettings
from headrace.doctor.check_services import is_emulated
from headrace.doctor.findings import Area, Finding, Level, unknown
from headrace.doctor.needed_permissions import needs, of_commands
from headrace.doctor.run_checks import Check
from headrace.runtime.reachability import Service

if TYPE_CHECKING:  # the clients take seconds to import
    from headrace.provision import Clients
    from headrace.schemas.registry import Registry

_KINDS: Final = {
    Service.PUBSUB: "topics, subscriptions",
    Service.BIGQUERY: "datasets, tables, views",
}


@dataclass(frozen=True, slots=True)
class Ground:
    """The results of the first checks, on which these build."""

    usable: UsableSettings | None
    registry: Registry | None
    clients: Clients | None
    answering: Collection[Service]

    def obstacle(self, service: Service) -> str | None:
        """Return why nothing can be asked of *service*; None if it can be asked."""
        if self.usable is None:
            return "the settings cannot be read"
        if not self.usable.has_project:
            return "no project is named"
        if service not in self.answering:
            return f"{service.place} has not answered"
        return "no client could be opened (see credentials)" if self.clients is None else None


def far_checks(ground: Ground, commands: Collection[str], wall: Callable[[], int]) -> list[Check]:
    """Return the checks that *ground* allows, and a finding for each group of the others."""
    return [*_clock(ground, wall), *_resources(ground), *_large_events(ground), *_permissions(ground, commands)]


def _clock(ground: Ground, wall: Callable[[], int]) -> Iterator[Check]:
    why = ground.obstacle(Service.BIGQUERY)
    if why or ground.clients is None or ground.usable is None:
        yield _skipped(Area.CLOCK, "clock", why)
        return
    from headrace.doctor.check_time import look_at_clock

    lease = timedelta(seconds=ground.usable.settings.lease_seconds)
    yield Check(Area.CLOCK, "clock", partial(look_at_clock, ground.clients.bigquery, wall, lease))


def _resources(ground: Ground) -> Iterator[Check]:
    for service, kinds in _KINDS.items():
        why = ground.obstacle(service)
        if why or ground.registry is None or ground.clients is None or ground.usable is None:
            yield _skipped(Area.RESOURCES, kinds, why)
        else:
            from headrace.doctor.check_resources import resource_checks

            yield from resource_checks(ground.registry, ground.usable.settings, ground.clients, service)


def _large_events(ground: Ground) -> Iterator[Check]:
    """Yield a check of the buckets that the settings name."""
    if ground.usable is None or not (folders := ground.usable.settings.large_events):
        return
    from headrace.doctor.check_large_events import look_at_large_events

    yield Check(Area.RESOURCES, "large events", partial(look_at_large_events, folders))


def _permissions(ground: Ground, commands: Collection[str]) -> Iterator[Check]:
    wanted = of_commands(needs(), commands) if commands else needs()
    missing = Level.PROBLEM if commands else Level.WARNING
    for service, kinds in _KINDS.items():
        why = "an emulator has no permissions" if is_emulated(service) else ground.obstacle(service)
        if why or ground.registry is None or ground.clients is None or ground.usable is None:
            yield _skipped(Area.PERMISSIONS, kinds, why)
            continue
        from headrace.doctor.check_permissions import permission_checks
        from headrace.doctor.permission_resources import by_resource

        needed = by_resource(wanted, ground.registry, ground.usable.settings.names)
        of_service = {each: found for each, found in needed.items() if each.kind.service is service}
        yield from permission_checks(of_service, ground.clients, missing)


def _skipped(area: Area, subject: str, why: str | None) -> Check:
    finding: Finding = unknown(subject, why or "no contracts are loaded")
    return Check(area, subject, lambda: [finding])
