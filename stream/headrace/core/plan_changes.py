"""The changes of a provision plan, property by property, and the comparisons that find them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from headrace.core.plan_refusals import Refusal


class PropertyChange(NamedTuple):
    """A property of a resource before and after a change, for people to read; None where it has none."""

    name: str
    before: str | None
    after: str | None


def changed_texts(*compared: PropertyChange) -> tuple[PropertyChange, ...]:
    """Return those of *compared* whose texts differ. An empty text counts as no text."""
    return tuple(each for each in compared if (each.before or None) != (each.after or None))


@dataclass(frozen=True, slots=True)
class Change:
    """A change to make: *action* is create or update, *what* the kind of resource, *why* the properties to update.

    *diff* has these properties with their values. A job works as well without a change that *can_wait*.
    """

    action: str
    what: str
    name: str
    apply: Callable[[], Any] = field(repr=False, compare=False)
    why: str = ""
    can_wait: bool = field(default=False, compare=False)
    diff: tuple[PropertyChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """The meaning for the job of a property of an existing resource, which nobody changes here.

    If it *matters*, somebody should read *remedy*.
    """

    what: str
    name: str
    why: str
    remedy: str = ""
    matters: bool = False

    def __str__(self) -> str:
        return f"{self.name}: {self.why}" + (f"; {self.remedy}" if self.remedy else "")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One resource, its kind (*what*) and full name, and a function that compares it with the wanted one.

    The function raises the client's errors.
    """

    what: str
    name: str
    find: Callable[[], Iterable[Change | Refusal | Note]] = field(repr=False, compare=False)
