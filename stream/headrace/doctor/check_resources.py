"""Topics, subscriptions, datasets, tables and views, compared with those that `headrace provision` makes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final

from google.api_core.exceptions import Forbidden

from headrace.config.settings import Settings
from headrace.core.plan_changes import Change, Comparison, Note
from headrace.core.plan_refusals import Refusal
from headrace.core.resource_names import Names
from headrace.doctor.findings import Area, Finding, Level, ok, unknown
from headrace.doctor.run_checks import Check
from headrace.provision import Clients, comparisons
from headrace.runtime.reachability import Service
from headrace.schemas.registry import Registry

_OF_PUBSUB: Final = ("topic", "subscription")
PROVISION: Final = "run `headrace provision --dry-run`, then `headrace provision`"


def resource_checks(registry: Registry, settings: Settings, clients: Clients, service: Service) -> list[Check]:
    """Return a check for each resource of *service* that the contracts require."""
    names = settings.names
    found = comparisons(registry, names, settings.location, clients, settings.masking_key_version)
    of_service = [each for each in found if (each.what in _OF_PUBSUB) == (service is Service.PUBSUB)]
    return [Check(Area.RESOURCES, subject_of(each, names), partial(_look, each, names)) for each in of_service]


def _look(comparison: Comparison, names: Names) -> Iterator[Finding]:
    subject = subject_of(comparison, names)
    try:
        found = list(comparison.find())
    except Forbidden:
        yield unknown(subject, "these credentials may not look at it", "let an identity that provisions look")
        return
    yield from judge_resource(subject, found)


def judge_resource(subject: str, found: Iterable[Change | Refusal | Note]) -> Iterator[Finding]:
    """Yield findings about one resource with the changes, refusals and notes that a plan *found* for it."""
    found = list(found)
    if not found:
        yield ok(subject, "as the contracts require")
    for each in found:
        match each:
            case Refusal():
                yield Finding(Level.PROBLEM, subject, each.why, each.remedy)
            case Note():
                yield Finding(Level.WARNING if each.matters else Level.OK, subject, each.why, each.remedy)
            case Change(action="create"):
                yield Finding(Level.PROBLEM, subject, "does not exist", PROVISION)
            case Change():
                level = Level.WARNING if each.can_wait else Level.PROBLEM
                yield Finding(level, subject, f"differs: {each.why or 'its definition'}", PROVISION)


def subject_of(comparison: Comparison, names: Names) -> str:
    """Return kind and short name of a resource, such as ``topic flight_departed``."""
    short = comparison.name.rpartition("/")[2].removeprefix(f"{names.project}.")
    return f"{comparison.what} {short}"
