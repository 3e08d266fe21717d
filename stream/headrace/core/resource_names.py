"""The names of the project's resources. They follow from subjects and settings alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from headrace.core.routes import Routes

DEAD_LETTERS: Final = "headrace-dead-letters"
TALLIES: Final = "headrace_tallies"
ENGINES: Final = "headrace_engines"
COMPLETENESS: Final = "headrace_completeness"
ARCHIVE: Final = "headrace_dead_letters"  # a separate dataset, because readers of the tables may not read raw messages

FIRST_KEY_VERSION: Final = "1"  # of the masking key, unless the settings name another
# The label of what `headrace provision` creates. `headrace down` removes nothing without it.
PROVISIONED: Final = {"headrace-provisioned": "true"}


def is_provisioned(labels: Mapping[str, str]) -> bool:
    """Return whether a resource with these *labels* was created by ``headrace provision``."""
    return all(labels.get(name) == value for name, value in PROVISIONED.items())


def sql_name(table: str) -> str:
    """Return a table's name in SQL, given its name in the Storage Write API.

    >>> sql_name("projects/p/datasets/d/tables/t")
    '`p.d.t`'
    """
    _, project, _, dataset, _, name = table.split("/")
    return f"`{project}.{dataset}.{name}`"


@dataclass(frozen=True, slots=True)
class Names:
    """The full names of the resources in one project and dataset.

    *routes* has the topics and subscriptions that exist already. Headrace never creates, changes or removes these.
    """

    project: str
    dataset: str = "headrace"
    archive: str = ARCHIVE
    routes: Routes = field(default_factory=Routes)

    def topic(self, subject: str) -> str:
        """Return the topic to which producers, and replays, publish *subject*."""
        return self.routes.topics.get(subject) or self.own_topic(subject)

    def own_topic(self, subject: str) -> str:
        """Return the name of the topic that Headrace creates for *subject*, unless the settings name another one."""
        return f"projects/{self.project}/topics/{subject}"

    def has_own_topic(self, subject: str) -> bool:
        """Return whether Headrace creates the topic of *subject*."""
        return subject not in self.routes.topics

    def subscription(self, subject: str) -> str:
        """Return the name of the subscription that Headrace creates for *subject* on its topic."""
        return f"projects/{self.project}/subscriptions/headrace-{subject}"

    def has_own_subscription(self, subject: str) -> bool:
        """Return whether Headrace creates a subscription for *subject*.

        It does not if the settings name both the topic and a subscription: then each event would arrive twice.
        """
        return self.has_own_topic(subject) or not self.routes.of(subject)

    def subscriptions(self, subject: str) -> tuple[str, ...]:
        """Return every subscription from which the job reads *subject*: its own, and those that the settings name."""
        own = (self.subscription(subject),) if self.has_own_subscription(subject) else ()
        return (*own, *(each.subscription for each in self.routes.of(subject)))

    @property
    def dead_letter_topic(self) -> str:
        """The topic of dead letters."""
        return f"projects/{self.project}/topics/{DEAD_LETTERS}"

    @property
    def dead_letter_subscription(self) -> str:
        """The subscription from which dead letters are read."""
        return f"projects/{self.project}/subscriptions/{DEAD_LETTERS}"

    @property
    def loads(self) -> str:
        """The dataset in which load jobs assemble rows, apart from the tables that people read."""
        return f"{self.dataset}_loads"

    def table(self, table: str) -> str:
        """Return the name of *table* in the Storage Write API."""
        return f"projects/{self.project}/datasets/{self.dataset}/tables/{table}"

    def sql(self, table: str) -> str:
        """Return the name of *table* in SQL."""
        return f"`{self.project}.{self.dataset}.{table}`"
