"""docs/contract-catalog.md: its commands, and the files and parts of the document that it names."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from typer.testing import CliRunner

from headrace.cli.app import app
from headrace.errors import Exit
from headrace.schemas.samples import SAMPLES
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "contract-catalog.md").read_text()


def test_the_commands_write_the_files_of_the_page(nothing_set: None) -> None:
    shutil.copytree(SAMPLES, "contracts")
    for command in re.findall(r"^```sh\n(headrace .*?)\n```$", PAGE, re.MULTILINE):
        words = re.findall(r'"[^"]*"|\S+', command)[1:]
        assert CliRunner().invoke(app, [each.strip('"') for each in words]).exit_code == Exit.DONE
    for name in re.findall(r"^\| `(site/[^`]+)` \|", PAGE, re.MULTILINE):
        assert Path(name.replace("<subject>", "booking_created")).is_file()
    document = Path("site/asyncapi.json").read_text()
    for name in re.findall(r"^\| .*?`(payload|headers|bindings|info)", PAGE, re.MULTILINE):
        assert f'"{name}": ' in document
    assert json.loads(document)["info"]["title"] == "Events of the shop"
