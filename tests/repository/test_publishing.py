"""What a package index shows of each distribution: its licence, its addresses, and a README whose links work there."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.support.paths import ROOT

PROJECT = "https://github.com/headrace/headrace"
RAW = "https://raw.githubusercontent.com/headrace/headrace"
FOLDERS = (".", "schemas", "producers")
LINK = re.compile(r"\]\(([^)\s]+)\)|^\[[\w-]+\]: (\S+)$", re.MULTILINE)
REFERENCE = re.compile(r"\]\[([\w-]+)\]")


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_distribution_has_a_licence_and_the_addresses_of_the_project(folder: str) -> None:
    project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    assert project["readme"] == "README.md"
    assert set(project["urls"]) == {"Homepage", "Documentation", "Repository", "Issues", "Changelog"}
    assert [url for url in project["urls"].values() if not url.startswith(PROJECT)] == []
    assert (ROOT / folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


@pytest.mark.parametrize("folder", FOLDERS)
def test_links_of_a_readme_work_on_the_page_of_a_package_index(folder: str) -> None:
    text = (ROOT / folder / "README.md").read_text()
    links = [inline or defined for inline, defined in LINK.findall(text)]
    assert links
    assert set(REFERENCE.findall(text)) == set(re.findall(r"^\[([\w-]+)\]: ", text, re.MULTILINE))
    assert [each for each in links if not each.startswith(("https://", "#"))] == []


def test_addresses_of_the_project_lead_to_files_that_exist() -> None:
    pages = [ROOT / folder / "README.md" for folder in FOLDERS] + [ROOT / "SECURITY.md", ROOT / "CODE_OF_CONDUCT.md"]
    pages += [ROOT / folder / "pyproject.toml" for folder in FOLDERS]
    pages += sorted((ROOT / ".github").rglob("*.yml"))
    named = re.compile(rf"(?:{PROJECT}/(?:blob|tree)|{RAW})/main/([^)\s\"#]+)")
    files = {file for page in pages for file in named.findall(page.read_text())}
    assert files
    assert sorted(file for file in files if not (ROOT / file).exists()) == []
