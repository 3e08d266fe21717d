"""What the documentation shows to type exists, and what it links to is there."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from headrace.cli.app import app
from tests.support.paths import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CODE = re.compile(r"^```\w*\n(.*?)^```$|`(headrace [^`]+)`", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"""(?:^|[ $(/])headrace ([a-z](?:"[^"]*"|'[^']*'|[^|;&>#<"'\n])*)""", re.MULTILINE)
SHELL = re.compile(r"^```(?:console|sh)\n(.*?)^```$|`((?:kill|wait) [^`]+)`", re.DOTALL | re.MULTILINE)
JOB = re.compile(r"(?:kill|wait|fg|bg|disown)\b[^\n]*%\w")
STOPPED = re.compile(r"\b(?:kill|wait)((?: -\w+)?(?: \$\w+)+)")
STARTED = re.compile(r"& (\w+)=\$!$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#: ]*)(?:#([^) ]*))?\)")
HOSTED = re.compile(
    r"(?:\]\(|^\[[\w-]+\]: )https://github\.com/headrace/headrace/(?:blob|tree)/main/([^)\s]*)\)?", re.MULTILINE
)
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def commands(page: str) -> Iterator[list[str]]:
    """The arguments of each ``headrace`` in the page's code; what a shell does with the rest is left out."""
    for block, inline in CODE.findall(page.replace("\\\n", " ")):
        for arguments in COMMAND.findall(block or inline.replace("\n", " ")):
            yield shlex.split(arguments.replace("`", ""))


def test_commands_are_found_in_blocks_and_in_sentences() -> None:
    page = "Say `headrace audit --json`, or\n```sh\nA=b headrace replay --yes | less\n$ headrace run &\n```\n"
    assert list(commands(page)) == [["audit", "--json"], ["replay", "--yes"], ["run"]]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_of_a_page_and_its_options_exist(name: str) -> None:
    found = {tuple(each) for each in commands((ROOT / name).read_text())}
    refused = [each for each in found if CliRunner().invoke(app, [*each, "--help"]).exit_code]
    assert refused == []


@pytest.mark.parametrize("name", NAMES)
def test_no_program_is_stopped_by_the_number_of_its_job(name: str) -> None:
    """A reader who leaves out a command, or who has other jobs, has other numbers."""
    page = (ROOT / name).read_text()
    code = "\n".join(block or inline for block, inline in SHELL.findall(page))
    assert JOB.findall(code) == []
    stopped = {variable for line in STOPPED.findall(code) for variable in re.findall(r"\$(\w+)", line)}
    assert stopped <= set(STARTED.findall(code))


@pytest.mark.parametrize("name", NAMES)
def test_every_file_and_section_that_a_page_links_to_is_there(name: str) -> None:
    page = ROOT / name
    text = HOSTED.sub(rf"]({os.path.relpath(ROOT, page.parent)}/\1)", page.read_text())
    links = {(page.parent / link if link else page, section) for link, section in LINK.findall(text)}
    assert [(str(file), section) for file, section in links if not there(file, section)] == []


def there(file: Path, section: str) -> bool:
    if not section or not file.is_file():
        return file.exists()
    headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
    return section in [re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings]
