"""The resources on which commands need permissions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum

from headrace.core.resource_names import ENGINES, TALLIES, Names
from headrace.dead_letters.archive_tables import FACTS, LETTERS, TRAIL
from headrace.doctor.needed_permissions import Need
from headrace.runtime.reachability import Service
from headrace.schemas.annotations import Evolve
from headrace.schemas.registry import Registry


class Kind(Enum):
    """The kind of a resource; each kind answers another question about permissions."""

    PROJECT = "project"
    TOPIC = "topic"
    SCHEMA = "schema"
    SUBSCRIPTION = "subscription"
    DATASET = "dataset"
    TABLE = "table"

    @property
    def service(self) -> Service:
        """The service to ask."""
        return Service.PUBSUB if self in (Kind.TOPIC, Kind.SCHEMA, Kind.SUBSCRIPTION) else Service.BIGQUERY


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource: its kind and full name, which for a dataset or a table has the form ``project.dataset.table``."""

    kind: Kind
    name: str


def by_resource(all_needs: Collection[Need], registry: Registry, names: Names) -> dict[Resource, list[Need]]:
    """Return the needs on each resource."""
    kinds = _resources(registry, names)
    found: dict[Resource, list[Need]] = {}
    for need in all_needs:
        for resource in kinds[need.resource]:
            found.setdefault(resource, []).append(need)
    return found


def _resources(registry: Registry, names: Names) -> Mapping[str, tuple[Resource, ...]]:
    """Return the resources that each name of deploy/permissions.toml means; a dataset with one of its tables."""
    dataset, archive = f"{names.project}.{names.dataset}", f"{names.project}.{names.archive}"
    subjects, tallies = registry.subjects, _all(Kind.TABLE, f"{dataset}.{TALLIES}")
    options = [registry.latest(subject).options for subject in subjects]
    latest = [each.table for each in options]
    evolving = [each.table for each in options if each.evolve is Evolve.AUTOMATIC]
    return {
        "project": _all(Kind.PROJECT, names.project),
        "metrics": _all(Kind.PROJECT, names.project),
        "topics": _all(Kind.TOPIC, *(names.topic(each) for each in subjects if names.has_own_topic(each))),
        "schemas": _all(Kind.SCHEMA, *(f"projects/{names.project}/schemas/{each}" for each in subjects)),
        "existing_topics": _all(Kind.TOPIC, *names.routes.topics.values()),
        "subscriptions": _all(
            Kind.SUBSCRIPTION, *(names.subscription(each) for each in subjects if names.has_own_subscription(each))
        ),
        "existing_subscriptions": _all(Kind.SUBSCRIPTION, *(each.subscription for each in names.routes.routes)),
        "dead_letter_topic": _all(Kind.TOPIC, names.dead_letter_topic),
        "dead_letter_subscription": _all(Kind.SUBSCRIPTION, names.dead_letter_subscription),
        "dataset": (*_all(Kind.DATASET, dataset), *tallies),
        "archive": (*_all(Kind.DATASET, archive), *_all(Kind.TABLE, f"{archive}.{LETTERS}")),
        "loads": _all(Kind.DATASET, f"{names.project}.{names.loads}"),
        "tables": _all(Kind.TABLE, *(f"{dataset}.{table}" for table in latest)),
        "evolving_tables": _all(Kind.TABLE, *(f"{dataset}.{table}" for table in evolving)),
        "tallies": tallies,
        "engines": _all(Kind.TABLE, f"{dataset}.{ENGINES}"),
        **{table: _all(Kind.TABLE, f"{archive}.{table}") for table in (LETTERS, FACTS, TRAIL)},
    }


def _all(kind: Kind, *names: str) -> tuple[Resource, ...]:
    return tuple(Resource(kind, name) for name in names)
