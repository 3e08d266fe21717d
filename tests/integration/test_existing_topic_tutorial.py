"""docs/existing-topic-tutorial.md is run, as a newcomer would run it."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.saved_files import parts
from tests.support.transcripts import COLUMNS, Step, Terminal, a_terminal, assert_as_printed, environment, replay

PAGE = (ROOT / "docs/existing-topic-tutorial.md").read_text()
PORT = "8081"  # of the registry


def walk(page: str, home: Path, terminal: Terminal) -> Iterator[tuple[Step, Step]]:
    """Save each file and run each command of *page* in order."""
    for saved, text in parts(page):
        if saved is not None:
            (home / "orders" / saved.name).write_text(saved.content)
        yield from replay(text, terminal)


def a_free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


@pytest.mark.emulators
@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl is installed")
def test_the_page_prints_what_it_says(tmp_path: Path) -> None:
    page = PAGE.replace(f":{PORT}", f":{(port := a_free_port())}").replace(f", {PORT})", f", {port})")
    assert PORT not in page.replace(port, "")
    with a_terminal(ROOT, environment(tmp_path)) as terminal:
        for step, done in walk(page, tmp_path, terminal):
            assert_as_printed(step, done)
            assert [line for line in done.printed if len(line) > COLUMNS and not line.startswith('"')] == []
