"""What of a published version may change: its names in other systems, which are known only then."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.schemas.compatibility.published_content import is_edited
from tests.support.builders import a_contract

N = ("n", "int")


@pytest.mark.parametrize(
    ("before", "after", "edited"),
    [
        ({}, {}, False),
        ({}, {"revisions": ["a1"]}, False),
        ({"revisions": ["a1"]}, {"revisions": ["b2", "a1"]}, False),
        ({"revisions": ["a1"]}, {"revisions": ["b2"]}, True),
        ({"schema_ids": [1]}, {}, True),
        ({}, {"schema_ids": [1], "fingerprints": ["0123456789abcdef"]}, False),
        ({}, {"table": "others"}, True),
        ({"revisions": ["a1"]}, {"revisions": ["a1"], "table": "others"}, True),
    ],
)
def test_names_may_be_added_and_nothing_else(before: dict[str, Any], after: dict[str, Any], edited: bool) -> None:
    assert is_edited(a_contract(N, **before), a_contract(N, **after)) is edited


def test_a_field_may_not_change() -> None:
    assert is_edited(a_contract(N), a_contract(("n", "long")))
