"""Cases that expect letters and warnings of rules on values."""

from __future__ import annotations

import pytest

from headrace.dev.contract_tests.case_file import CaseFileError
from headrace.dev.contract_tests.memory_table import MemoryTable
from headrace.schemas.registry import Registry
from tests.support.builders import MOMENT
from tests.support.cases import failures_of
from tests.support.transformed_rows import things

CONTRACT = things(
    rules=[
        {"name": "has_size", "expression": "size > 0", "else": "dead_letter"},
        {"name": "has_city", "expression": "city != ''", "else": "dead_letter"},
        {"name": "is_small", "expression": "size < 5", "else": "warn"},
        {"name": "is_even", "expression": "MOD(size, 2) = 0", "else": "warn"},
    ]
)
REGISTRY = Registry({CONTRACT.ref: CONTRACT})
FILE = """
subject: thing_happened
now: 2026-03-14T15:10:00Z
cases:
- name: a case
  given:
  - event: {{size: {size}, city: "{city}", at: 2026-03-14T15:09:26Z}}
  expect: {expect}
"""


def failures(size: int, city: str, expect: str) -> list[str]:
    return failures_of(FILE.format(size=size, city=city, expect=expect), REGISTRY)


@pytest.mark.parametrize(
    ("size", "city", "expect", "wanted"),
    [
        (2, "Rome", "{rows: 1}", []),
        (0, "Rome", "{letters: [{reason: rule_broken}]}", []),
        (0, "Rome", "{letters: [{reason: rule_broken, rule: has_size}]}", []),
        (0, "", "{letters: [{reason: rule_broken, rule: has_size, message: has_size is broken}]}", []),
        (
            0,
            "",
            "{letters: [{reason: rule_broken, rule: has_city}]}",
            ["letters[0].rule: expected has_city, got rule_broken: rule has_size is broken"],
        ),
        (
            0,
            "Rome",
            "{rows: 1}",
            ["letters: expected 0, got 1 (rule_broken: rule has_size is broken)", "rows: expected 1, got 0"],
        ),
        (
            2,
            "Rome",
            "{letters: [{reason: rule_broken, rule: has_size}]}",
            ["letters: expected 1 (rule_broken), got 0", "rows: expected 0, got 1"],
        ),
        (7, "Rome", "{rows: 1, warnings: {is_small: 1, is_even: 1}}", []),
        (7, "Rome", "{rows: 1, warnings: {is_small: 1}}", ["warnings.is_even: expected 0, got 1"]),
        (7, "Rome", "{rows: 1}", ["warnings.is_even: expected 0, got 1", "warnings.is_small: expected 0, got 1"]),
        (8, "Rome", "{rows: 1, warnings: {is_small: 2}}", ["warnings.is_small: expected 2, got 1"]),
        (2, "Rome", "{rows: 1, warnings: {is_small: 1}}", ["warnings.is_small: expected 1, got 0"]),
    ],
)
def test_a_case_accounts_for_broken_rules_and_warnings(size: int, city: str, expect: str, wanted: list[str]) -> None:
    assert failures(size, city, expect) == wanted


@pytest.mark.parametrize(
    ("expect", "says"),
    [
        ("{letters: [{reason: rule_broken, rule: has_sise}]}", "no such rule; did you mean has_size?"),
        ("{letters: [{reason: rule_broken, rule: is_small}]}", "this rule only warns; write it under warnings"),
        (
            "{letters: [{reason: too_late, rule: has_size}]}",
            "the reason is too_late; remove it, or write reason: rule_",
        ),
        ("{rows: 1, warnings: {is_smal: 1}}", "the contract has no such rule; did you mean is_small?"),
        ("{rows: 1, warnings: {has_size: 1}}", "this rule does not only warn; write it under letters"),
        ("{rows: 1, warnings: {is_small: 0}}", "must be greater than or equal to 1"),
        ("{rows: 1, warnings: [is_small]}", "must be a valid dictionary; write warnings: with rules that only warn"),
    ],
)
def test_rules_that_do_not_fit_the_contract_are_named_with_the_line(expect: str, says: str) -> None:
    with pytest.raises(CaseFileError, match=r"c\.yaml, line 8: cases\[0\]\.expect\.") as raised:
        failures(1, "Rome", expect)

    assert says in str(raised.value)


def test_a_contract_without_rules_has_none_to_name() -> None:
    plain = things()
    with pytest.raises(CaseFileError, match="no such rule; remove it: the contract has no rules"):
        failures_of(FILE.format(size=1, city="x", expect="{warnings: {a: 1}}"), Registry({plain.ref: plain}))


def test_a_table_in_memory_counts_warnings() -> None:
    table = MemoryTable(REGISTRY, "thing_happened", now=MOMENT)
    table.publish({"size": 7, "city": "Rome", "at": MOMENT}, {"size": 6, "city": "Oslo", "at": MOMENT})
    table.publish({"size": 9, "city": "Ulm", "at": MOMENT}, {"size": 0, "city": "Ulm", "at": MOMENT})

    assert table.warnings == {"is_small": 3, "is_even": 2}
    assert [letter.detail for letter in table.letters] == ["rule has_size is broken"]
    assert len(table.rows) == 3
