"""Differences of two versions of a contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings

from headrace.contract_check.check_versions import compare_versions
from headrace.contract_view.diff_contracts import ContractDiff, Difference, diff_contracts
from headrace.schemas.compatibility.rules import Rule
from headrace.schemas.registry import Contract
from tests.support.builders import a_contract
from tests.support.edited_contracts import Versions, versions
from tests.support.growth import assert_linear
from tests.support.strategies import FIXED_PROFILE, contracts

N = ("n", "int")


def diff(*listed: Contract) -> ContractDiff:
    """The difference of the last two of a subject's versions."""
    return diff_contracts(listed[-2], listed[-1], listed[:-1], listed)


def changed(before: list[Any], after: list[Any], old: dict[str, Any], new: dict[str, Any]) -> ContractDiff:
    return diff(a_contract(*before, version=1, **old), a_contract(*after, version=2, **new))


def email(mask: str) -> dict[str, Any]:
    return {"name": "email", "type": "string", "pii": {"kind": "email", "mask": mask}}


@given(contract=contracts())
@settings(FIXED_PROFILE)
def test_a_contract_has_no_difference_from_itself(contract: Contract) -> None:
    found = diff_contracts(contract, contract, [contract], [contract])
    assert found.is_empty
    assert found.is_same


@given(versions=versions(edits=4))
@settings(FIXED_PROFILE)
def test_each_broken_rule_is_one_of_a_check_and_has_a_difference(versions: Versions) -> None:
    found = diff(*versions)
    places = [each.place for each in (*found.fields, *found.masks, *found.settings)]

    assert [(each.rule, each.path) for each in found.rules] == [
        (each.found.rule, each.found.where) for each in compare_versions(versions)
    ]
    of_events = [each for each in found.rules if each.rule != Rule.BIGQUERY_TYPE_CHANGED]  # it names columns
    for path in (each.path for each in of_events if each.path):
        assert any(f"{one}.".startswith(f"{path}.") or f"{path}.".startswith(f"{one}.") for one in places), path


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (N, ("n", "long"), [("n", "type", "int", "long")]),
        (N, {"name": "n", "type": "int", "default": 3}, [("n", "default", "", "3")]),
        (N, {"name": "n", "type": "int", "doc": "A number"}, [("n", "doc", "", "A number")]),
        (("n", "bytes"), {"name": "n", "type": "bytes", "default": "\u00ff"}, [("n", "default", "", '"ÿ"')]),
        (
            N,
            {"name": "m", "type": "int", "aliases": ["n"]},
            [("m", "name", "n", "m"), ("m", "aliases", "", "n"), ("m", "column", "n", "m")],
        ),
    ],
)
def test_a_field_that_changes_is_named_with_what_changes(old: Any, new: Any, expected: list[tuple[str, ...]]) -> None:
    assert changed([old], [new], {}, {}).fields == [Difference(*each) for each in expected]


def test_fields_that_come_and_go_are_whole() -> None:
    point = {"type": "record", "name": "Point", "fields": [{"name": "x", "type": "int"}]}
    new = {"name": "m", "type": ["null", "string"], "default": None}
    assert changed([N], [new, ("where", point)], {}, {}).fields == [
        Difference("m", "", "", "optional string, default null"),
        Difference("where", "", "", "record Point"),
        Difference("where.x", "", "", "int"),
        Difference("n", "", "int", ""),
    ]


def test_a_record_that_is_renamed_renames_no_field_in_it() -> None:
    point = {"type": "record", "name": "Point", "fields": [{"name": "x", "type": "int"}]}
    found = changed([("here", point)], [{"name": "there", "type": point, "aliases": ["here"]}], {}, {})
    assert {each.place for each in found.fields} == {"there"}


def test_masks_are_compared_where_they_are_declared() -> None:
    found = changed([email("tokenise")], [email("redact")], {}, {})
    assert found.masks == [Difference("email", "", "email: tokenise", "email: redact")]
    assert changed([email("omit")], [N], {}, {}).masks == [Difference("email", "", "email: omit", "")]


def test_masks_of_the_columns_of_messages_are_compared_too() -> None:
    def keyed(mask: str) -> dict[str, Any]:
        return {"metadata": {"key": {"attribute": "kafka.key", "pii": {"kind": "key", "mask": mask}}}}

    found = changed([email("redact")], [email("redact")], keyed("redact"), keyed("tokenise"))
    assert found.masks == [Difference("headrace.metadata.key", "", "key: redact", "key: tokenise")]
    assert Difference("metadata.key.pii.mask", "", "redact", "tokenise") in found.settings
    assert "MASK_WEAKENED" in {each.rule for each in found.rules}


def test_settings_count_with_their_defaults() -> None:
    assert changed([N], [N], {}, {"partition": "day", "compatibility": "backward"}).is_empty
    assert changed([N], [N], {"late_after": "30d"}, {"late_after": "7d"}).settings == [
        Difference("late_after", "", "30d", "7d")
    ]
    envelope = {"kind": "attributes", "id": {"attribute": "event-id"}, "version": 1}
    assert Difference("envelope.id.attribute", "", "", "event-id") in (
        changed([N], [N], {}, {"envelope": envelope}).settings
    )


def test_a_waiver_is_a_difference_and_is_told_at_its_rule() -> None:
    waivers = [{"rule": "FIELD_REMOVED", "field": "m", "reason": "nobody reads it"}]
    found = changed([N, ("m", "int")], [N], {}, {"waivers": waivers})
    assert found.settings == [Difference("waivers FIELD_REMOVED m", "", "", "nobody reads it")]
    assert [(each.rule, each.waived) for each in found.rules] == [("FIELD_REMOVED", "nobody reads it")]


def test_the_graph_is_compared_piece_by_piece() -> None:
    derived = {"name": "twice", "type": "long", "expression": "n * 2", "doc": "Doubled"}
    rollup = {"name": "daily", "by": {"day": "DATE(_event_time)"}, "measures": {"events": "COUNT(*)"}}
    other = rollup | {"where": "n > 0", "measures": {"most": "MAX(n)"}}
    old = {"where": "n > 1", "rollups": [rollup]}
    new = {"where": "n > 2", "rollups": [other], "derived": [derived], "function": "tidy"}
    assert changed([N], [N], old, new).graph == [
        Difference("where", "", "n > 1", "n > 2"),
        Difference("rollups.daily.measures.events", "", "COUNT(*)", ""),
        Difference("derived.twice", "", "", "optional long = n * 2"),
        Difference("derived.twice.doc", "", "", "Doubled"),
        Difference("function", "", "", "tidy"),
        Difference("rollups.daily.where", "", "", "n > 0"),
        Difference("rollups.daily.measures.most", "", "", "MAX(n)"),
    ]


def test_rules_on_values_are_compared_by_their_names() -> None:
    few = {"name": "few", "expression": "n < 9", "else": "warn"}
    old = {"rules": [few, {"name": "some", "expression": "n > 0", "else": "warn"}]}
    new = {"rules": [few | {"expression": "n < 8", "else": "dead_letter"}]}
    assert changed([N], [N], old, new).graph == [
        Difference("rules.few", "", "n < 9", "n < 8"),
        Difference("rules.few.else", "", "warn", "dead_letter"),
        Difference("rules.some", "", "n > 0", ""),
        Difference("rules.some.else", "", "warn", ""),
    ]


def test_an_edited_version_is_a_broken_rule() -> None:
    found = diff(a_contract(N), a_contract(("n", "long")))
    assert [each.rule for each in found.rules] == ["PUBLISHED_VERSION_EDITED"]


def test_many_changes_take_no_quadratic_time() -> None:
    def work_on(count: int) -> Callable[[], object]:
        old = a_contract(*((f"f{number}", "int") for number in range(count)))
        new = a_contract(*({"name": f"f{number}", "type": "long", "doc": "n"} for number in range(count)), version=2)
        return lambda: diff(old, new)

    assert_linear(work_on, 200)
