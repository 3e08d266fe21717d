"""`headrace contracts catalog`, as a person and a pipeline call it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from headrace.cli.app import app
from headrace.config.settings import SettingsError
from headrace.errors import Exit
from tests.support.contract_folders import write_version

pytestmark = pytest.mark.usefixtures("nothing_set")
N = ("n", "int")
PAGES = ["site/index.html", "site/asyncapi.json", "site/subjects/other_thing.html", "site/subjects/thing_happened.html"]


@pytest.fixture
def folder() -> Path:
    """Two contracts."""
    place = Path("contracts")
    write_version(place, 1, N)
    write_version(place, 1, N, subject="other_thing")
    return place


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["contracts", "catalog", *words])


def states(*words: str) -> dict[str, str]:
    files: list[dict[str, Any]] = json.loads(run(*words, "--json").stdout)["files"]
    return {each["file"]: each["state"] for each in files}


def test_the_pages_are_written_once(folder: Path) -> None:
    assert states("contracts", "--output", "site") == dict.fromkeys(PAGES, "new")
    assert states("contracts", "--output", "site") == dict.fromkeys(PAGES, "unchanged")
    assert json.loads(Path("site/asyncapi.json").read_text())["asyncapi"] == "3.0.0"


def test_the_title_is_on_every_page_and_in_the_document(folder: Path) -> None:
    run("contracts", "--output", "site", "--title", "Events of the shop")
    assert all("Events of the shop" in Path(each).read_text() for each in PAGES)


def test_a_check_finds_a_catalogue_that_is_out_of_date(folder: Path) -> None:
    run("contracts", "--output", "site")
    assert run("contracts", "--output", "site", "--check").exit_code == Exit.DONE
    (folder / "other_thing.v1.avsc").unlink()
    assert run("contracts", "--output", "site", "--check").exit_code == Exit.FOUND
    assert Path("site/subjects/other_thing.html").exists()
    Path("site/subjects/own.html").write_text("<p>Own</p>")
    assert states("contracts", "--output", "site")["site/subjects/other_thing.html"] == "left over"
    assert sorted(each.name for each in Path("site/subjects").iterdir()) == ["own.html", "thing_happened.html"]


def test_the_folder_comes_from_the_settings(folder: Path) -> None:
    assert isinstance(run("--output", "site").exception, SettingsError)
    Path("headrace.toml").write_text('contracts = "contracts"\n')
    assert run("--output", "site").exit_code == Exit.DONE
