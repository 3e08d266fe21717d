"""The index of the documentation lists every page once."""

from __future__ import annotations

import re

from tests.support.paths import ROOT

DOCS = ROOT / "docs"
INDEX = DOCS / "index.md"


def test_every_page_is_listed_once() -> None:
    listed = re.findall(r"\]\(([^):#]+\.md)\)", INDEX.read_text())
    pages = [page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md") if page != INDEX]
    assert sorted(each for each in listed if not each.startswith("../")) == sorted(pages)
