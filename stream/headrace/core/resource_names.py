"""The names of the project's resources. They follow from subjects and settings alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

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
    """The full names of the resources in one project and dataset."""

    project: str
    dataset: str = "headrace"
    archive: str = ARCHIVE

    def topic(self, subject: str) -> str:
        """Return the topic to which producers publish *subject*."""
        return f"projects/{self.project}/topics/{subject}"

    def subscription(self, subject: str) -> str:
        """Return the subscription from which the job reads *subject*."""
        return f"projects/{self.project}/subscriptions/headrace-{subject}"

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
