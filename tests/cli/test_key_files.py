"""A key file that others can read or change is refused, and everything that makes one makes it for its owner alone."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from headrace.cli.app import main
from headrace.config import key_files
from headrace.config.key_files import problem_of, read_archive_key, read_key_file, read_masking_key, write_key_file
from headrace.config.profiles import SettingsError
from headrace.config.settings import Settings
from headrace.errors import Exit
from headrace.job import held_key
from headrace.schemas.samples import SAMPLES
from tests.support.builders import PACKAGE
from tests.support.paths import ROOT

KEY: Final = bytes(range(32))
OWN, ROOTS, ANOTHER = 10001, 0, 10002
FILE: Final = stat.S_IFREG


@pytest.mark.parametrize(
    ("mode", "owner", "taken"),
    [
        (0o600, OWN, True),
        (0o400, OWN, True),
        (0o700, OWN, True),
        (0o640, OWN, False),
        (0o440, OWN, False),
        (0o620, OWN, False),
        (0o660, OWN, False),
        (0o602, OWN, False),
        (0o604, OWN, False),
        (0o644, OWN, False),
        (0o666, OWN, False),
        (0o777, OWN, False),
        (0o440, ROOTS, True),  # a secret that Kubernetes mounts for the pod's fsGroup
        (0o640, ROOTS, True),
        (0o400, ROOTS, True),
        (0o444, ROOTS, False),
        (0o644, ROOTS, False),
        (0o460, ROOTS, False),
        (0o640, ANOTHER, True),
        (0o666, ANOTHER, False),
    ],
    ids=lambda each: f"{each:o}" if isinstance(each, int) else str(each),
)
def test_mode_and_owner_decide(mode: int, owner: int, taken: bool) -> None:
    problem = problem_of(FILE | mode, owner, OWN)
    assert (problem is None) == taken
    assert problem is None or (f"mode {mode:04o}" in problem[0] and problem[1] == "run `chmod 600 {file}`")


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, stat.S_IFDIR])
def test_only_a_regular_file_is_a_key_file(kind: int) -> None:
    assert problem_of(kind | 0o600, OWN, OWN) == ("not a regular file", "name the file that holds the key")


_READ_AS: Final = """
import os, sys
from pathlib import Path
from headrace.config.key_files import read_masking_key
from headrace.config.settings import SettingsError
os.setgroups([])
os.setresgid(10001, 10001, 10001)
os.setresuid(10001, 10001, 10001)
try:
    print(len(read_masking_key(Path(sys.argv[1]))))
except SettingsError as error:
    print(error)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make files of other accounts")
@pytest.mark.parametrize(
    ("mode", "owner", "group", "expected"),
    [
        (0o600, 10001, 10001, "32"),
        (0o440, 0, 10001, "32"),
        (0o440, 10001, 10001, "its group can read the key"),
        (0o444, 0, 0, "every account of the machine can read the key"),
        (0o660, 0, 10001, "others can replace the key"),
        (0o600, 0, 0, "cannot be read (Permission denied)"),
    ],
)
def test_the_user_of_the_image_reads_what_is_mounted_for_it(mode: int, owner: int, group: int, expected: str) -> None:
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        key = write_key_file(Path(root) / "masking.key", KEY)
        os.chown(key, owner, group)
        key.chmod(mode)
        command = [sys.executable, "-P", "-c", _READ_AS, str(key)]
        shown = subprocess.run(command, capture_output=True, text=True)
    assert expected in shown.stdout, shown


@pytest.mark.parametrize("read", [read_masking_key, read_archive_key])
@pytest.mark.parametrize("mode", [0o666, 0o644, 0o640])
def test_the_error_says_what_why_and_the_remedy(read: Callable[[Path], bytes], mode: int, tmp_path: Path) -> None:
    key = write_key_file(tmp_path / "a key", KEY)
    key.chmod(mode)
    with pytest.raises(SettingsError, match=rf"_key_file: its file has mode {mode:04o}, so .*`chmod 600 '{key}'`"):
        read(key)
    key.chmod(0o600)
    assert read(key) == KEY


@pytest.mark.parametrize("read", [read_masking_key, read_archive_key])
def test_a_key_must_be_there_and_of_a_key_s_size(read: Callable[[Path | None], bytes], tmp_path: Path) -> None:
    short, long = write_key_file(tmp_path / "short", KEY[1:]), write_key_file(tmp_path / "long", bytes(65_537))
    empty = write_key_file(tmp_path / "empty", b"")
    for path, expected in {
        None: r"missing; create one with `\(umask 077; head",
        tmp_path / "missing": "cannot be read",
        short: "shorter than 32",
        empty: "shorter than 32",
        long: "longer than 65536",
        tmp_path: "cannot be read",  # a folder
    }.items():
        with pytest.raises(SettingsError, match=f"(masking|archive)_key_file: {expected}"):
            read(path)


def test_a_job_needs_a_key_only_if_a_contract_makes_tokens(tmp_path: Path) -> None:
    flights, bookings = PACKAGE.latest("flight_departed"), PACKAGE.latest("booking_created")
    key = write_key_file(tmp_path / "masking.key", KEY)
    assert held_key(Settings(project="a-project"), [flights]).read() == b""
    assert held_key(Settings(project="a-project", masking_key_file=key), [flights]).read() == KEY
    assert held_key(Settings(project="a-project", masking_key_file=key), [flights, bookings]).read() == KEY
    with pytest.raises(SettingsError, match="masking_key_file: missing; create one"):
        held_key(Settings(project="a-project"), [flights, bookings])


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(SettingsError, match="not a regular file"):
        read_key_file(tmp_path / "pipe", "masking_key_file")


@pytest.mark.usefixtures("nothing_set")
@pytest.mark.parametrize("command", [["run"], ["backfill", "flight_departed", "lines.ndjson"]], ids=" ".join)
def test_a_command_ends_with_the_exit_code_of_wrong_settings(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lines.ndjson").touch()
    write_key_file(tmp_path / "masking.key", KEY).chmod(0o666)
    monkeypatch.setenv("HEADRACE_PROJECT", "a-project")
    monkeypatch.setenv("HEADRACE_CONTRACTS", str(SAMPLES))
    monkeypatch.setenv("HEADRACE_MASKING_KEY_FILE", "masking.key")
    monkeypatch.setattr(sys, "argv", ["headrace", *command])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == Exit.CONFIGURATION
    assert "run `chmod 600 masking.key`" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_key_file_is_made_for_its_owner_alone_and_never_over_another(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        key = write_key_file(tmp_path / "masking.key", KEY)
    finally:
        os.umask(before)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert read_key_file(key, "masking_key_file") == KEY
    with pytest.raises(FileExistsError):
        write_key_file(key, KEY[::-1])


def _texts() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    kinds = (".py", ".md", ".toml", ".yaml", ".yml", ".sh", ".avsc", "Makefile", "Dockerfile")
    return [ROOT / each for each in listed if each.endswith(kinds) and (ROOT / each).is_file()]


def test_no_page_and_no_program_makes_a_key_that_others_can_read() -> None:
    texts = {path: path.read_text() for path in _texts() if path != Path(__file__)}
    makes = {
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path, text in texts.items()
        for line in text.splitlines()
        if re.search(r"/dev/urandom\s*>|key\S*\.write_bytes\(", line)
    }
    assert {each for each in makes if "umask 077" not in each} == set()
    assert any("umask 077" in each for each in makes)
    assert "key.write_bytes(" not in Path(key_files.__file__).read_text()
