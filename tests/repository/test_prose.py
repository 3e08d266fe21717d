"""Docs, docstrings and help texts keep the rules for prose, with the exceptions of ``prose_exceptions.toml``."""

from __future__ import annotations

import tomllib

import pytest

from tests.repository import prose
from tests.support.paths import ROOT

EXCEPTIONS = tomllib.loads(prose.EXCEPTIONS.read_text()).get("exception", [])


def rules_broken(page: str) -> list[str]:
    return [finding.rule for finding in prose.check_page("page.md", page)]


@pytest.mark.parametrize(
    ("page", "rules"),
    [
        ("The engine mends its twin.\n", ["private word", "private word"]),
        ("The rows stand in a table.\n", ["stands for is stored"]),
        ("A date that is none is refused.\n", ["is none for invalid"]),
        ("The job is told to stop.\n", ["told or said"]),
        ("Who waits gets nothing. Rows are written.\n", ["clause as subject"]),
        ("* What was pulled is written.\n", ["clause as subject"]),
        (f"{'word ' * 41}end.\n", ["long sentence"]),
        ("What does it cost? Nothing.\n", []),
        ("It writes `mended` and `what`.\n\n```\nWho waits is told.\n```\n", []),
        ("# What stands here\n\nWith `wait_seconds=0` it returns nothing.\n", []),
        ("| `lost` | what is gone |\n", []),
    ],
)
def test_a_rule_finds_what_it_forbids_and_leaves_code_alone(page: str, rules: list[str]) -> None:
    assert rules_broken(page) == rules


def test_docstrings_and_help_texts_are_read_and_comments_are_not() -> None:
    source = '"""Who calls this waits."""\noption(help="What is mended.")  # what stands here\nx = "insist"\n'
    found = list(prose.check_module("module.py", source))
    assert [finding.rule for finding in found] == ["clause as subject", "private word", "clause as subject"]


def test_prose_breaks_no_rule_beyond_its_exceptions() -> None:
    beyond = prose.beyond_exceptions(prose.findings(prose.files()))
    assert beyond == [], "`python -m tests.repository.prose` lists the sentences"


def test_each_exception_has_a_place_and_a_reason() -> None:
    assert [each for each in EXCEPTIONS if not (ROOT / each["path"]).exists() or not each["reason"]] == []
