"""What the project's resources are called: everything follows from subjects and settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DEAD_LETTERS: Final = "headrace-dead-letters"
TALLIES: Final = "headrace_tallies"
ENGINES: Final = "headrace_engines"
COMPLETENESS: Final = "headrace_completeness"
ARCHIVE: Final = "headrace_dead_letters"  # a dataset of its own: whoever reads the tables may not read raw messages

FIRST_KEY_VERSION: Final = "1"  # of the masking key, where the settings name no other


def sql_name(table: str) -> str:
    """A table as SQL names it, from its name in the Storage Write API.

    >>> sql_name("projects/p/datasets/d/tables/t")
    '`p.d.t`'
    """
    _, project, _, dataset, _, name = table.split("/")
    return f"`{project}.{dataset}.{name}`"


@dataclass(frozen=True, slots=True)
class Names:
    """Full names of the resources in one project and dataset."""

    project: str
    dataset: str = "headrace"
    archive: str = ARCHIVE

    def topic(self, subject: str) -> str:
        """The topic producers publish *subject* to."""
        return f"projects/{self.project}/topics/{subject}"

    def subscription(self, subject: str) -> str:
        """The subscription the job reads *subject* from."""
        return f"projects/{self.project}/subscriptions/headrace-{subject}"

    @property
    def dead_letter_topic(self) -> str:
        """Where refused messages go."""
        return f"projects/{self.project}/topics/{DEAD_LETTERS}"

    @property
    def dead_letter_subscription(self) -> str:
        """Where people look at refused messages."""
        return f"projects/{self.project}/subscriptions/{DEAD_LETTERS}"

    @property
    def loads(self) -> str:
        """The dataset in which loads put their rows together, apart from tables that are read."""
        return f"{self.dataset}_loads"

    def table(self, table: str) -> str:
        """A table, as the Storage Write API names it."""
        return f"projects/{self.project}/datasets/{self.dataset}/tables/{table}"

    def sql(self, table: str) -> str:
        """A table, as SQL names it."""
        return f"`{self.project}.{self.dataset}.{table}`"
