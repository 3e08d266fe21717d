"""Every reason has a sentence that says what to do, and a page."""

from __future__ import annotations

import re

import pytest

from headrace.core.dead_letter import Reason
from headrace.dead_letters.remedies import REMEDIES, page, remedy
from tests.support.paths import ROOT


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_sentence_and_a_page_that_is_linked(reason: Reason) -> None:
    assert REMEDIES[reason]
    assert "{" not in remedy(reason, "0" * 20)
    text = (ROOT / page(reason)).read_text()
    for part in (f"# {reason}", "## Usual causes", "## What to do", "## Can replaying help?"):
        assert part in text
    assert f"[{reason}]({reason}.md)" in (ROOT / "docs/dead-letters/README.md").read_text()


def test_a_foreign_reason_has_the_page_of_unexplained_letters() -> None:
    assert page("no_such_reason") == "docs/dead-letters/unexplained.md"


def test_there_is_no_page_of_a_reason_that_there_is_not() -> None:
    others = {"README", "circuit-breaker", "replay", "story"}
    pages = {each.stem for each in (ROOT / "docs/dead-letters").glob("*.md")} - others
    assert pages == {reason.value for reason in Reason}


def test_no_line_of_the_pages_is_too_long_to_read() -> None:
    for each in (ROOT / "docs/dead-letters").glob("*_*.md"):
        assert [line for line in each.read_text().splitlines() if len(line) > 125] == []


def test_the_pages_name_commands_that_there_are() -> None:
    from headrace.cli.dead_letters_group import dead_letters_app

    commands = dead_letters_app.registered_commands
    known = {each.name or each.callback.__name__.rstrip("_") for each in commands if each.callback is not None}
    named: set[str] = set()
    for each in (ROOT / "docs/dead-letters").glob("*.md"):
        named |= set(re.findall(r"headrace\s+dead-letters ([a-z]+)", each.read_text())) - {"headrace"}
    assert named <= known
