"""The program when its standard streams are closed, full or left by their reader."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from headrace.errors import Exit
from headrace.schemas.samples import SAMPLES

HEADRACE = Path(sys.executable).parent / "headrace"
LOOK = f"{HEADRACE} capacity limits"
TOLD = f"--project a-project --contracts {SAMPLES}"


def shell(line: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["bash", "-c", line], capture_output=True, timeout=60)


@pytest.mark.parametrize("how", [">/dev/full", ">&-", ">&- 2>&-", ">/dev/full 2>/dev/full"])
@pytest.mark.parametrize("command", [f"{LOOK} --json", LOOK, f"{HEADRACE} --version"], ids=["json", "table", "version"])
def test_what_cannot_be_written_is_neither_done_nor_a_difference(command: str, how: str) -> None:
    ended = shell(f"{command} {how}")
    assert ended.returncode == Exit.OUTPUT
    assert "2>" in how or ended.stderr.startswith(b"headrace: stdout: cannot be written (")


@pytest.mark.parametrize("how", ["2>&-", "2>/dev/full", "<&-"])
def test_a_stderr_that_takes_nothing_and_a_closed_stdin_hinder_no_result(how: str) -> None:
    ended = shell(f"{LOOK} --json {how}")
    assert ended.returncode == Exit.DONE
    assert ended.stdout.startswith(b'{"schema_version"')


def test_a_closed_output_pipe_is_not_a_difference_and_leaves_stderr_empty() -> None:
    ended = shell(f"set -o pipefail; {LOOK} --json | true")
    assert (ended.returncode, ended.stderr) == (Exit.READER_GONE, b"")


def test_a_closed_stderr_is_not_the_number_of_the_next_file(tmp_path: Path) -> None:
    code = (
        "from headrace.runtime.standard_streams import set_up_streams; set_up_streams(); "
        f"file = open({str(tmp_path / 'journal')!r}, 'wb'); import os; os.write(2, b'a line of a log'); "
        "print(file.fileno() > 2)"
    )
    ended = shell(f'{sys.executable} -c "{code}" 2>&- 0<&-')
    assert ended.stdout == b"True\n"
    assert (tmp_path / "journal").read_bytes() == b""


def test_a_mistake_is_an_error_when_stderr_is_closed() -> None:
    assert shell(f"{HEADRACE} publish flight_departed none.ndjson {TOLD} 2>&-").returncode == 3


def test_utf_8_is_read_regardless_of_the_locale(tmp_path: Path) -> None:
    file = tmp_path / "line.ndjson"
    file.write_text('{"carrier": "é", "flight": 1}\n', "utf-8")
    plain = "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0"
    ended = shell(f"{plain} {HEADRACE} publish flight_departed {file} {TOLD}")
    assert (ended.returncode, b"line 1: " in ended.stderr) == (Exit.FOUND, True)


def test_an_argument_that_is_no_text_is_refused_and_one_that_names_a_file_is_not(tmp_path: Path) -> None:
    ended = shell(f"{HEADRACE} dead-letters list --project a-project --text $'\\xff'")
    assert (ended.returncode, ended.stderr) == (
        Exit.USAGE,
        b"headrace: argument 6: not UTF-8, and no file has that name; retype it [HR-301]\n",
    )
    shell(f"echo '{{}}' > {tmp_path}/$'\\xff'")
    ended = shell(f"{HEADRACE} publish flight_departed {tmp_path}/$'\\xff' {TOLD}")
    assert (ended.returncode, b"line 1: " in ended.stderr) == (Exit.FOUND, True)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_terminal_shows_both_in_the_order_of_their_lines(unbuffered: str) -> None:
    code = (
        "from headrace.runtime.standard_streams import set_up_streams; set_up_streams(); import sys; "
        "print(1); sys.stderr.write('2\\n'); print(3); sys.stderr.write('4\\n')"
    )
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    subprocess.run([sys.executable, "-c", code], stdout=theirs, stderr=theirs, env=environment, check=True)
    os.close(theirs)
    assert os.read(ours, 100).split() == [b"1", b"2", b"3", b"4"]
    os.close(ours)
