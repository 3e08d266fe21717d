"""A plan in a file: `headrace provision --plan` makes its changes, and no others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.cli.commands.saved_plan import PlanFileError, check_plan, plan_json
from headrace.core.plan_changes import Change, PropertyChange
from headrace.core.plan_refusals import Refusal
from headrace.core.resource_names import Names
from headrace.schemas.compatibility.rules import Rule
from headrace.schemas.registry import Contract
from tests.support.builders import a_contract

NAMES = Names("a-project", "events")
ADDED = PropertyChange("column city", None, "STRING NULLABLE")


def a_change(name: str = "a-project.events.things", **more: Any) -> Change:
    return Change("update", "table", name, lambda: None, **{"diff": (ADDED,), **more})


CONTRACT = a_contract(("city", "string"))


def saved(tmp_path: Path, *changes: Change, names: Names = NAMES) -> Path:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan_json([CONTRACT], changes, (), names, dry_run=True)))
    return file


def check(file: Path, changes: Sequence[Change], names: Names = NAMES) -> None:
    check_plan(file, [CONTRACT], changes, names)


def test_a_plan_is_the_same_plan_after_a_file(tmp_path: Path) -> None:
    check(saved(tmp_path, a_change(), a_change("other")), [a_change(), a_change("other")])
    check(saved(tmp_path), [])


@pytest.mark.parametrize(
    ("before", "today", "told"),
    [
        ([a_change("a")], [], "table a needs no change any longer"),
        ([], [a_change("a")], "table a needs a change too"),
        ([a_change("a")], [a_change("a", diff=(ADDED._replace(after="INT64"),))], "table a changes otherwise"),
        ([a_change("a")], [replace(a_change("a"), action="create")], "table a changes otherwise"),
        (
            [a_change(each) for each in "abcde"],
            [],
            "table a needs no change any longer, table b needs no change any longer, "
            "table c needs no change any longer, and 2 more;",
        ),
    ],
)
def test_a_plan_that_has_changed_is_refused_with_what_differs(
    tmp_path: Path, before: list[Change], today: list[Change], told: str
) -> None:
    with pytest.raises(PlanFileError, match=f"plan.json: the plan has changed: {told}"):
        check(saved(tmp_path, *before), today)


@pytest.mark.parametrize("names", [Names("other-project", "events"), Names("a-project", "other")])
def test_a_plan_of_another_place_is_refused(tmp_path: Path, names: Names) -> None:
    with pytest.raises(PlanFileError, match=r"the plan is for (project other-project|dataset other), and the settings"):
        check(saved(tmp_path, names=names), [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "\xff",
        '{"schema_version": 2, "project": "a-project", "dataset": "events", "contracts": {}, "changes": []}',
        '{"schema_version": 1, "project": "a-project", "dataset": "events", "contracts": {}, "changes": {}}',
        '{"schema_version": 1, "project": "a-project", "dataset": "events", "contracts": {}, "changes": [{}]}',
        '{"schema_version": 1, "project": "a-project", "dataset": "events", "contracts": {}, "changes": [1]}',
    ],
)
def test_a_file_that_is_no_plan_is_refused_with_the_remedy(tmp_path: Path, text: str) -> None:
    file = tmp_path / "plan.json"
    file.write_bytes(text.encode("latin-1"))

    with pytest.raises(PlanFileError, match=r"plan.json: no .*; write it with `headrace provision --dry-run"):
        check(file, [])


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanFileError, match=r"plan\.json: cannot be read: No such file"):
        check(tmp_path / "plan.json", [])


def test_refusals_are_in_the_plan_with_their_remedies() -> None:
    refusal = Refusal("table", "a.b.c", "it is partitioned", "name another", Rule.PARTITIONING_CHANGED)

    assert plan_json([], (), [refusal], NAMES, dry_run=True)["refusals"] == [
        {
            "what": "table",
            "name": "a.b.c",
            "why": "it is partitioned",
            "remedy": "name another",
            "rule": "PARTITIONING_CHANGED",
        }
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["what", "name", "diff"]), inner),
)


@given(changes=JSON)
def test_any_json_is_read_as_a_plan_or_refused(tmp_path_factory: pytest.TempPathFactory, changes: Any) -> None:
    file = tmp_path_factory.mktemp("plan") / "plan.json"
    place = {"schema_version": 1, "project": NAMES.project, "dataset": NAMES.dataset, "contracts": {}}
    file.write_text(json.dumps({**place, "changes": changes}))

    if changes == []:
        check_plan(file, [], [], NAMES)
    else:
        with pytest.raises(PlanFileError):
            check_plan(file, [], [], NAMES)


@pytest.mark.parametrize(
    ("today", "told"),
    [
        ([a_contract(("city", "int"))], "contract thing_happened.v1 is another one"),
        ([], "contract thing_happened.v1 is gone"),
        ([CONTRACT, a_contract(("city", "string"), version=2)], "contract thing_happened.v2 is new"),
        ([a_contract(("city", "string", {"pii": {"kind": "city", "mask": "tokenise"}}))], "v1 is another one"),
    ],
    ids=["a type", "none", "one more", "a mask, with the same column"],
)
def test_a_contract_that_was_not_reviewed_is_refused(tmp_path: Path, today: list[Contract], told: str) -> None:
    with pytest.raises(PlanFileError, match=told):
        check_plan(saved(tmp_path), today, [], NAMES)
