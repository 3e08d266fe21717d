"""docs/first-project.md is run, as a newcomer would run it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from headrace.cli.init_group import init
from headrace.dev.new_project.field_option import TYPES
from headrace.runtime.google_clients import open_gapic_publisher
from tests.dev.new_project.projects import files_of, text_of
from tests.support.paths import ROOT
from tests.support.transcripts import COLUMNS, a_terminal, assert_as_printed, environment, replay

PAGE = (ROOT / "docs/first-project.md").read_text()


@pytest.mark.emulators
@pytest.mark.timeout(600)
def test_the_page_prints_what_it_says(tmp_path: Path) -> None:
    with a_terminal(ROOT, environment(tmp_path)) as terminal:
        for step, done in replay(PAGE, terminal):
            assert_as_printed(step, done)
            assert [line for line in done.printed if len(line) > COLUMNS and not line.startswith("    {")] == []


@pytest.mark.emulators
def test_the_lines_of_the_producer_run(monkeypatch: pytest.MonkeyPatch, project: str, tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    for name in ("headrace.toml", "contracts/order_placed.v1.avsc"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text_of(files_of(), name))
    monkeypatch.setenv("HEADRACE_PROJECT", project)
    open_gapic_publisher().create_topic(name=f"projects/{project}/topics/order_placed")
    exec(compile(code, "first-project.md", "exec"), {})


def test_every_option_every_type_and_every_file_is_on_the_page() -> None:
    options = {name.removesuffix("_output").replace("_", "-") for name in init.__annotations__} - {"return", "folder"}
    assert [name for name in options if f"`--{name}`" not in PAGE] == []
    assert [each for each in TYPES if f"`{each.partition('(')[0]}" not in PAGE] == []
    assert [each.name for each in files_of() if f"`{each.name}`" not in PAGE] == []
