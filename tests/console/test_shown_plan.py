"""A plan that nobody reads to its end: the command goes on only if the user has agreed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from headrace.errors import Exit
from tests.support.pipes import without_reader

CODE = """
from headrace.runtime.standard_streams import set_up_streams
from headrace.runtime.exit_codes import explain
set_up_streams()
import sys
from headrace.console.shown_plan import showing_plan
try:
    with showing_plan({agreed}):
        sys.stdout.write("a plan\\n" * {lines})
        sys.stdout.flush()
    open({file!r}, "w").write("done")
    sys.stdout.write("more\\n")
    sys.stdout.flush()
except Exception as error:
    code, sentence = explain(error)
    sys.stderr.write(sentence)
    sys.exit(code)
"""


def run(agreed: bool, file: Path, lines: int = 1) -> subprocess.CompletedProcess[str]:
    code = CODE.format(agreed=agreed, lines=lines, file=str(file))
    return without_reader([sys.executable, "-c", code])


def test_what_is_agreed_to_is_done_without_a_reader(tmp_path: Path) -> None:
    for lines in (1, 10_000):  # less and more than stdout's buffer
        file = tmp_path / str(lines)
        ended = run(True, file, lines)
        assert (ended.returncode, file.read_text()) == (Exit.DONE, "done")
        assert ended.stderr == "nobody reads the output any more; the command goes on\n"


def test_what_could_not_be_seen_is_not_done_and_the_remedy_is_named(tmp_path: Path) -> None:
    ended = run(False, tmp_path / "file")
    assert ended.returncode == Exit.USAGE
    assert "nothing was changed" in ended.stderr
    assert "--yes" in ended.stderr
    assert not (tmp_path / "file").exists()
