"""Each word of the glossary is defined once, and used."""

from __future__ import annotations

import re

import pytest

from tests.support.paths import ROOT

DOCS = ROOT / "docs"
PAGE = DOCS / "glossary.md"
TERMS = re.findall(r"^\| (?!Term|---)([^|]+?) \|", PAGE.read_text(), re.MULTILINE)
PROSE = " ".join(
    " ".join(page.read_text().lower().split()) for page in [ROOT / "README.md", *DOCS.rglob("*.md")] if page != PAGE
)


def test_terms_are_in_order_and_defined_once() -> None:
    assert sorted(set(TERMS)) == TERMS


@pytest.mark.parametrize("term", TERMS)
def test_a_term_is_used(term: str) -> None:
    plural = re.sub("y$", "ie", term) + "s"
    assert re.search(rf"\b(?:{re.escape(term)}|{re.escape(plural)})\b", PROSE), f"no page uses {term}"
