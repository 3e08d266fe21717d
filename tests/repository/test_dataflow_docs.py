"""docs/dataflow.md is run: what it says a command prints is what it prints.

    python -m tests.repository.test_dataflow_docs

writes into the page what its commands print today.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
from contextlib import redirect_stdout, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from headrace.cli.app import main
from headrace.deploy.dataflow_flags import EXAMPLES
from headrace.schemas.samples import SAMPLES
from tests.support.paths import ROOT
from tests.support.transcripts import Step, rewritten, steps

PAGE = ROOT / "docs" / "dataflow.md"
TOML = re.search(r"(?<=^```toml\n).*?(?=^```$)", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def run(commands: list[Step], folder: Path) -> list[Step]:
    """The commands in a folder with the page's settings and contracts; files of headrace as a clone names them."""
    assert TOML is not None
    (folder / "contracts").symlink_to(SAMPLES)
    (folder / "headrace.toml").write_text(TOML[0])
    with pytest.MonkeyPatch.context() as world:
        world.chdir(folder)
        for name in [each for each in os.environ if each.startswith(("HEADRACE_", "PUBSUB_", "BIGQ"))]:
            world.delenv(name)
        printed = [printed_by(step.command, world) for step in commands]
    return [
        Step(step.command, text.replace(f"{ROOT}/", "").splitlines())
        for step, text in zip(commands, printed, strict=True)
    ]


def printed_by(command: str, world: pytest.MonkeyPatch) -> str:
    """Our own commands run here: each would import Beam again."""
    arguments, _, file = command.partition(" > ")
    if not command.startswith("headrace "):
        return subprocess.run(["/bin/sh", "-c", command], stdout=subprocess.PIPE, text=True, check=True).stdout
    printed = io.StringIO()
    world.setattr("sys.argv", shlex.split(arguments))
    with redirect_stdout(printed), suppress(SystemExit):
        main()
    if not file:
        return printed.getvalue()
    Path(file).write_text(printed.getvalue())
    return ""


def test_the_page_shows_what_its_commands_print(tmp_path: Path) -> None:
    shown = steps(PAGE.read_text())
    assert len(shown) >= 6
    assert run(shown, tmp_path) == shown


def test_the_page_sets_all_that_dataflow_needs() -> None:
    assert TOML is not None
    assert [name for name in EXAMPLES if not re.search(rf"^{name} = ", TOML[0], re.MULTILINE)] == []


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        PAGE.write_text(rewritten(PAGE.read_text(), run(steps(PAGE.read_text()), Path(folder))))
