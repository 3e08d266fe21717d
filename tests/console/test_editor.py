"""The user's editor: where it is shown, and when it cannot be used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from headrace.console.editor import EditorError, edited, find_editor
from headrace.errors import Exit


def a_program(folder: Path, text: str) -> str:
    program = folder / "editor"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o700)
    return str(program)


def test_without_a_terminal_vi_is_not_chosen_and_the_options_are_named() -> None:
    with pytest.raises(EditorError, match=r"no terminal, nothing is changed; .*--patch.*EDITOR") as refused:
        find_editor({})
    assert refused.value.exit_code is Exit.CONFIGURATION


def test_a_program_that_needs_no_terminal_edits_without_one(tmp_path: Path) -> None:
    program = a_program(tmp_path, "sed -i 's/old/new/' \"$1\"")
    assert edited("old\n", find_editor({"EDITOR": program, "VISUAL": ""})) == "new\n"


def test_an_editor_does_not_write_into_the_pipe_of_the_result(tmp_path: Path) -> None:
    editor = a_program(tmp_path, "echo screen")
    code = f"from headrace.console.editor import edited; print(edited('text', {editor!r}))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("text\n", "screen\n")
