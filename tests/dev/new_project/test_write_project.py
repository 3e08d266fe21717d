"""A project is written whole or not at all, over no other file, and whenever the process is killed."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from headrace.dev.new_project.project_errors import ProjectFolderError
from headrace.dev.new_project.write_project import check_folder, finish_interrupted, write_project
from tests.dev.new_project.projects import files_of
from tests.support.paths import ROOT

FILES: Final = files_of()
CONTENT: Final = {each.name: each.content for each in FILES}
# Writes a project again and again, and is killed at the first, the second, the third ... change of a file.
KILLED: Final = """
import json, os, signal, sys
from pathlib import Path
from headrace.dev.new_project.write_project import write_project
from tests.dev.new_project.projects import files_of

CHANGES = ("open", "os.link", "os.rename", "os.mkdir", "os.rmdir", "os.remove", "shutil.rmtree")
files, ends = files_of(), []

def one(number):
    folder = Path(sys.argv[1]) / str(number)
    folder.mkdir()
    pid = os.fork()
    if not pid:
        seen = [0]
        def hook(event, arguments):
            if event in CHANGES:
                seen[0] += 1
                if seen[0] == number:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(hook)
        write_project(folder, files)
        os._exit(0)
    return os.waitpid(pid, 0)[1]

while not ends or ends[-1]:
    ends.append(one(len(ends) + 1))
print(len(ends))
"""


def content(folder: Path) -> dict[str, bytes]:
    """The files of a folder, and every folder that begins as those of an interrupted project do."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return found | {path.name: b"" for path in folder.glob(".headrace-init*")}


def test_a_project_is_written_whole_with_keys_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "a project of ours, ünï"
    before = os.umask(0)
    try:
        write_project(folder, FILES)
    finally:
        os.umask(before)
    assert content(folder) == CONTENT
    secret = {each.name: stat.S_IMODE((folder / each.name).stat().st_mode) for each in FILES if each.secret}
    assert secret == {"masking.key": 0o600, "archive.key": 0o600}


@pytest.mark.parametrize("name", ["producer.py", "contracts/order_placed.v1.avsc", "archive.key", ".gitignore"])
def test_a_file_that_is_there_is_kept_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    for call in (partial(check_folder, tmp_path, [*CONTENT]), partial(write_project, tmp_path, FILES)):
        with pytest.raises(ProjectFolderError, match=f"has {name}, and nothing is overwritten; name an empty folder"):
            call()
    assert content(tmp_path) == {name: b"mine"}


def test_a_project_is_called_one(tmp_path: Path) -> None:
    write_project(tmp_path, FILES)
    with pytest.raises(
        ProjectFolderError, match=r"has a project already \(headrace.toml\), and nothing is overwritten"
    ):
        write_project(tmp_path, FILES)


def test_links_and_files_in_place_of_folders_are_kept_too_and_some_are_named(tmp_path: Path) -> None:
    (tmp_path / "README.md").symlink_to("nowhere")
    for name in ("contracts", "tests", "pytest.ini", "producer.py"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(
        ProjectFolderError, match=r"has README.md, contracts, producer.py and 2 more files, and nothing"
    ):
        write_project(tmp_path, FILES)
    assert (tmp_path / "README.md").is_symlink()
    assert content(tmp_path).keys() == {"contracts", "tests", "pytest.ini", "producer.py"}


def test_a_repository_and_other_files_are_left_alone(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "LICENSE").write_text("mine")
    before = content(tmp_path)
    write_project(tmp_path, FILES)
    assert content(tmp_path) == before | CONTENT
    shown = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"], cwd=tmp_path, capture_output=True, text=True
    )
    assert {line.removeprefix("?? ") for line in shown.stdout.splitlines()} == {
        "LICENSE",
        *(each.name for each in FILES if not each.secret),
    }


@pytest.mark.parametrize(
    ("name", "why"),
    [("/proc/headrace", "cannot be written"), ("/dev/null", "cannot be written"), ("x" * 300, "cannot")],
)
def test_a_folder_that_cannot_be_made_is_named_with_the_remedy(name: str, why: str) -> None:
    with pytest.raises(ProjectFolderError, match=rf"{why}.* \(.*\); name an empty folder, such as"):
        write_project(Path(name), FILES)


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_of_others_is_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    for call in (partial(check_folder, tmp_path / "a" / "b", []), partial(write_project, tmp_path, FILES)):
        with pytest.raises(ProjectFolderError, match=r"cannot be written \(permission denied\)"):
            call()


def test_a_second_init_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    opened = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        with pytest.raises(ProjectFolderError, match="another `headrace init` is writing there"):
            write_project(tmp_path, FILES)
    finally:
        os.close(opened)
    assert content(tmp_path) == {}


def test_a_kill_at_any_moment_leaves_nothing_or_what_the_next_init_finishes(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    count = json.loads(done.stdout)
    finished = {number: finish_interrupted(tmp_path / str(number)) for number in range(1, count + 1)}
    for number, was_decided in finished.items():
        folder = tmp_path / str(number)
        if not was_decided and number < count and not content(folder):
            write_project(folder, FILES)
        assert content(folder) == CONTENT
        assert stat.S_IMODE((folder / "archive.key").stat().st_mode) == 0o600
    assert count > 2 * len(FILES)
    assert {*finished.values()} == {True, False}


def test_a_file_that_somebody_else_writes_meanwhile_is_kept_and_the_rest_is_taken_back(tmp_path: Path) -> None:
    decided = tmp_path / ".headrace-init"
    (decided / "tests").mkdir(parents=True)
    for name in ("a.txt", "tests/b.txt"):
        (decided / name).write_text("ours")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "b.txt").write_text("theirs")
    with pytest.raises(ProjectFolderError, match=r"has tests/b.txt, and nothing is overwritten"):
        finish_interrupted(tmp_path)
    assert content(tmp_path) == {"tests/b.txt": b"theirs"}
