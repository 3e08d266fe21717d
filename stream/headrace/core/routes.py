"""The existing topics and subscriptions that the settings name, and the subjects that they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Route:
    """One existing *subscription*, by its full name, and the subjects of its messages.

    Every message is of *subject*; or the value of *attribute* decides, which *subjects* maps to a subject; or the
    schema that the payload names decides among *by_schema*.
    """

    subscription: str
    subject: str = ""
    attribute: str = ""
    subjects: Mapping[str, str] = field(default_factory=dict, hash=False)
    by_schema: tuple[str, ...] = ()

    @property
    def is_shared(self) -> bool:
        """Whether its messages may be of several subjects."""
        return not self.subject

    @property
    def all_subjects(self) -> tuple[str, ...]:
        """Every subject that its messages may have, sorted."""
        return (self.subject,) if self.subject else tuple(sorted({*self.subjects.values(), *self.by_schema}))

    def subject_of(self, attributes: Mapping[str, str]) -> str:
        """Return the subject of a message with these *attributes*, unless its schema decides.

        A message that belongs to none has the name of the subscription as its subject, which no subject can have.
        """
        return self.subject or self.subjects.get(attributes.get(self.attribute, ""), self.subscription)

    def refusal_of(self, attributes: Mapping[str, str]) -> str:
        """Return why a message with these *attributes* belongs to no subject, without any value."""
        if self.by_schema:
            return (
                f"no schema id of a subject of {short_name(self.subscription)}; list it in schema_ids or fingerprints "
                "in the contract of its subject, or filter the subscription"
            )
        why = "is of no subject" if self.attribute in attributes else "is missing"
        return (
            f"{self.attribute} {why}; add its value to `subjects` of {short_name(self.subscription)} in the settings, "
            "or filter the subscription"
        )


@dataclass(frozen=True, slots=True)
class Routes:
    """The topics and subscriptions that the settings name: *topics* by subject, and *routes*. All names are full."""

    topics: Mapping[str, str] = field(default_factory=dict, hash=False)
    routes: tuple[Route, ...] = ()

    def of(self, subject: str) -> tuple[Route, ...]:
        """Return the routes that bring messages of *subject*."""
        return tuple(each for each in self.routes if subject in each.all_subjects)

    def route(self, subscription: str) -> Route | None:
        """Return the route of the subscription with this full name; None if the settings do not name it."""
        return next((each for each in self.routes if each.subscription == subscription), None)

    @property
    def shared(self) -> tuple[Route, ...]:
        """The routes of several subjects."""
        return tuple(each for each in self.routes if each.is_shared)


def is_subject(name: str) -> bool:
    """Return whether *name* is that of a subject, and not that of a subscription whose message belongs to none.

    >>> is_subject("order_placed"), is_subject("projects/acme-shop/subscriptions/orders-to-bq")
    (True, False)
    """
    return "/" not in name


def short_name(full: str) -> str:
    """Return the last part of a resource's full name."""
    return full.rpartition("/")[2]
