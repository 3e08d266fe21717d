"""The settings ``topics`` and ``[[subscriptions]]``: what exists already, and the subjects that it belongs to."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from headrace.core.resource_names import Names
from headrace.core.routes import Route, Routes

_ID: Final = r"[A-Za-z][A-Za-z0-9._~+%-]{2,254}"
_PROJECT: Final = r"[a-z][a-z0-9.:-]{2,100}[a-z0-9]"
_SUBSCRIPTION: Final = re.compile(rf"(projects/{_PROJECT}/subscriptions/)?{_ID}")
TOPIC: Final = rf"(projects/{_PROJECT}/topics/)?{_ID}"
MOST_VALUES: Final = 1000  # values of an attribute that one subscription maps to subjects
_ONE_WAY: Final = (
    'write subject = "order_placed", or attribute = "ce-type" and subjects = { "a value" = "a subject" }, or, if their '
    'schema decides, subjects = ["order_placed", "order_paid"]'
)


class SubscriptionSettings(BaseModel):
    """One existing subscription, with the subject of all its messages, or what decides.

    *subjects* maps the values of *attribute*; as a list, it has the subjects among which the schema decides.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str
    subject: str | None = None
    attribute: str | None = Field(None, min_length=1, max_length=256)
    subjects: dict[str, str] | tuple[str, ...] | None = Field(None, min_length=1, max_length=MOST_VALUES)

    @field_validator("name")
    @classmethod
    def _a_subscription(cls, value: str) -> str:
        if not _SUBSCRIPTION.fullmatch(value):
            raise ValueError("not a subscription; write orders-to-bq, or projects/acme-shop/subscriptions/orders-to-bq")
        return value

    @model_validator(mode="after")
    def _tells_subjects_in_one_way(self) -> Self:
        ways = [
            self.subject is not None and self.attribute is None and self.subjects is None,
            self.subject is None and self.attribute is not None and isinstance(self.subjects, dict),
            self.subject is None and self.attribute is None and isinstance(self.subjects, tuple),
        ]
        if not any(ways):
            raise ValueError(f"not one way to tell the subject; {_ONE_WAY}")
        if any(not value for value in self.subjects or ()):
            raise ValueError("an empty value in subjects; name a value of the attribute")
        return self


@dataclass(frozen=True, slots=True)
class WrongRoute:
    """A setting that does not fit the contracts, with cause and remedy."""

    setting: str
    why: str
    remedy: str


def routes_of(project: str, topics: Mapping[str, str], subscriptions: Sequence[SubscriptionSettings]) -> Routes:
    """Return what the settings name, by full names; a name without a project is of *project*."""
    return Routes(
        {subject: _full(project, "topics", name) for subject, name in topics.items()},
        tuple(
            Route(
                _full(project, "subscriptions", each.name),
                each.subject or "",
                each.attribute or "",
                dict(each.subjects) if isinstance(each.subjects, dict) else {},
                each.subjects if isinstance(each.subjects, tuple) else (),
            )
            for each in subscriptions
        ),
    )


def check_topic(name: str) -> str:
    """Return the *name* of a topic; raises ValueError for another text."""
    if not re.fullmatch(TOPIC, name):
        raise ValueError("not a topic; write orders, or projects/acme-shop/topics/orders")
    return name


def refuse_repeated(subscriptions: Sequence[SubscriptionSettings]) -> None:
    """Raise ValueError if two tables name one subscription."""
    names = [each.name for each in subscriptions]
    if len(set(names)) < len(names):
        raise ValueError("one subscription twice; write one table for each subscription, with all its subjects")


def find_wrong_route(names: Names, subjects: Collection[str]) -> WrongRoute | None:
    """Return the first setting that names a subject without contract, or a resource that Headrace creates itself."""
    return next(_wrong_routes(names, subjects), None)


def _wrong_routes(names: Names, subjects: Collection[str]) -> Iterator[WrongRoute]:
    routes = names.routes
    named = [("topics", each) for each in routes.topics]
    named += [("subscriptions", subject) for each in routes.routes for subject in each.all_subjects]
    for setting, subject in named:
        if subject not in subjects:
            known = ", ".join(sorted(subjects)) or "none"
            yield WrongRoute(setting, "a subject without contract", f"use one of {known}")
    own = {*map(names.subscription, subjects), names.dead_letter_subscription}
    if len({each.subscription for each in routes.routes}) < len(routes.routes):
        yield WrongRoute("subscriptions", "one subscription twice", "write one table for each subscription")
    if any(each.subscription in own for each in routes.routes):
        yield WrongRoute("subscriptions", "a subscription that Headrace creates and reads", "remove that table")
    if names.dead_letter_topic in routes.topics.values():
        yield WrongRoute("topics", "the topic of dead letters", "name the topic of the events")
    if len(set(routes.topics.values())) < len(routes.topics):
        yield WrongRoute(
            "topics",
            "one topic for several subjects",
            'create one subscription on it, and map its messages with [[subscriptions]] and attribute = "..."',
        )


def _full(project: str, kind: str, name: str) -> str:
    return name if name.startswith("projects/") else f"projects/{project}/{kind}/{name}"
