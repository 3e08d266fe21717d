"""Which version a held schema was that no version in the folder is: by lists, numbers and the order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.contract_comparison.schema_versions import HeldSchema, unknown_versions
from headrace.contract_publish.definitions import Definition
from headrace.contract_publish.revisions import Revision


def versions(*numbers: int) -> list[Definition]:
    return [Definition(number, "{}", f"content {number}", f"schema {number}") for number in numbers]


def held(*contents: int | str) -> list[HeldSchema]:
    """Schemas with the content of a version, or with another one."""
    return [
        HeldSchema(f"r{at}", Revision(f"r{at}", f"content {content}", is_annotated=True), "{}")
        for at, content in enumerate(contents)
    ]


def numbers(there: Sequence[HeldSchema], here: Sequence[Definition]) -> list[tuple[str, int | None]]:
    return [(each.name, number) for each, number in unknown_versions(there, here)]


@pytest.mark.parametrize(
    ("there", "here", "expected"),
    [
        ((1, 2), (1, 2, 3), []),
        ((1, "x"), (1, 2), [("r1", 2)]),
        ((1, "x"), (1,), [("r1", 2)]),  # its file is gone
        (("x", 2), (1, 2), [("r0", 1)]),
        (("x", 5), (3, 4, 5), [("r0", 4)]),  # older ones were deleted
        (("x", 1), (1, 2), [("r0", None)]),
        ((1, "x", 3), (1, 2, 3), [("r1", 2)]),
        ((1, "x", "y", 3), (1, 2, 3), [("r1", 2), ("r2", None)]),
        (("x", "y"), (1, 2), [("r0", 1), ("r1", 2)]),
        ((2, "x", 1), (1, 2, 3), [("r1", None)]),
    ],
)
def test_the_order_says_which_version_it_was(
    there: tuple[int | str, ...], here: tuple[int, ...], expected: list[tuple[str, int | None]]
) -> None:
    assert numbers(held(*there), versions(*here)) == expected


def test_the_version_that_lists_a_revision_was_it() -> None:
    first, second = versions(1, 2)
    listing = Definition(1, first.text, first.content, first.schema, ("r1",))
    assert numbers(held(1, "x"), [listing, second]) == [("r1", 1)]


def test_the_number_of_the_service_counts_unless_another_schema_has_it() -> None:
    _, unknown = held(1, "x")
    for version, expected in ((7, 7), (1, None)):
        numbered = HeldSchema(unknown.name, unknown.revision, "{}", version)
        assert numbers([*held(1), numbered], versions(1, 2)) == [("r1", expected)]


@given(st.integers(1, 5), st.lists(st.booleans(), min_size=1, max_size=8))
def test_edits_are_found_wherever_they_are(oldest: int, edited: list[bool]) -> None:
    """A service holds consecutive versions, and lacks the oldest; one that is known gives all others their numbers."""
    listed = range(oldest, oldest + len(edited))
    there = held(*("other" if is_edited else number for number, is_edited in zip(listed, edited, strict=True)))
    found = [number for _, number in numbers(there, versions(*range(1, listed[-1] + 1)))]
    if not all(edited):
        assert found == [number for number, is_edited in zip(listed, edited, strict=True) if is_edited]
    else:
        assert found == [*range(1, len(edited) + 1)]
