"""The answers from which a project is made: given by options, asked for, or the documented defaults."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from headrace.config.settings import PROJECT
from headrace.dev.new_project.field_option import EXAMPLES
from headrace.dev.new_project.project_errors import ProjectOptionError

_RULE: Final = "use 4 to 63 lower-case letters, digits and -, beginning with a letter, such as my-project"


@dataclass(frozen=True, slots=True)
class Answers:
    """The name of the event, its fields, and the Google Cloud project; None or nothing where there is no answer."""

    subject: str | None = None
    fields: tuple[str, ...] = ()
    project: str | None = None

    def or_defaults(self) -> CompleteAnswers:
        """Return the answers, with defaults for those that are missing."""
        return CompleteAnswers(
            DEFAULTS.subject if self.subject is None else self.subject,
            self.fields or DEFAULTS.fields,
            DEFAULTS.project if self.project is None else check_project(self.project),
        )


@dataclass(frozen=True, slots=True)
class CompleteAnswers:
    """An answer to each question."""

    subject: str
    fields: tuple[str, ...]
    project: str


DEFAULTS: Final = CompleteAnswers("order_placed", EXAMPLES, "my-project")


def check_project(name: str) -> str:
    """Return *name*. Raises ProjectOptionError if no Google Cloud project can be called so."""
    if not re.fullmatch(PROJECT, name):
        raise ProjectOptionError(f"--project {name[:60]}", "not the id of a project", _RULE)
    return name
