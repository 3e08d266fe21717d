"""Schemas that a service holds, and the versions of a contract that they are, or were before somebody edited them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from headrace.contract_publish.definitions import Definition
from headrace.contract_publish.revisions import Revision, match_revisions


@dataclass(frozen=True, slots=True)
class HeldSchema:
    """A schema that a service holds under a *name*, such as ``revision f47c8c56 of projects/p/schemas/orders``.

    *definition* is self-contained, and empty if the service holds something else than an Avro schema. *version* is the
    number that the service gives to it, if it gives any.
    """

    name: str
    revision: Revision
    definition: str = field(repr=False)
    version: int | None = None


def unknown_versions(
    held: Sequence[HeldSchema], definitions: Sequence[Definition]
) -> Iterator[tuple[HeldSchema, int | None]]:
    """Yield each held schema that is no version, with the number of the version that it was; None if nothing tells.

    *held* are the schemas of one subject, the oldest first, and *definitions* those of the versions in the folder. The
    version that lists a revision was it. Else the service's own number counts, or the place in the order.
    """
    by_version = match_revisions(definitions, [each.revision for each in held]).by_version
    known = [[version for version, names in by_version.items() if each.revision.id in names] for each in held]
    lists = {name: each.version for each in definitions for name in each.revisions}
    before = 0
    for at, each in enumerate(held):
        if known[at]:
            before = max(before, *known[at])
            continue
        number = lists.get(each.revision.id)
        if number is None:
            number = _by_order(known[at:], before) if each.version is None else each.version
            number = None if number in by_version else number
        before = max(before, number or 0)
        yield each, number


def _by_order(rest: Sequence[Sequence[int]], before: int) -> int | None:
    """Return the number of the first schema of *rest*, which has the versions of each; those of unknown ones are empty.

    Versions up to *before* are older. If none is, the schema is counted back from the next known one, because the
    oldest schemas of a service are those that somebody deletes.
    """
    distance = next((number for number, versions in enumerate(rest) if versions), None)
    if distance is None:
        return before + 1
    after = min(rest[distance])
    number = before + 1 if before else after - distance
    return number if 0 < number < after else None
