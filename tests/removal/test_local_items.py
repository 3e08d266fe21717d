"""Files of this machine: which are Headrace's, which stay, and what shows that something still runs."""

from __future__ import annotations

import fcntl
import socket
import subprocess
import sys
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest

from headrace.config.key_files import write_key_file
from headrace.config.settings import Settings
from headrace.core.engine_report import SOCKET
from headrace.dev.local_folder import LOCK, UpRunsError, folder_in_use, is_folder_in_use
from headrace.engine.journal import Journal
from headrace.removal.items import Fate, Item, remove_all
from headrace.removal.local_items import local_items
from headrace.removal.still_running import StillRunningError, check_local


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache folder, with the environment of an emulator in it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    environment = tmp_path / "cache" / "headrace" / "bigquery-emulator-0123456789ab"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "library").write_bytes(bytes(1000))
    return environment


def a_journal(folder: Path) -> Path:
    Journal.open(folder).close()
    return folder


def items_of(tmp_path: Path, *, with_keys: bool = False, **settings: Any) -> list[Item]:
    used = Settings(project="a-project", **({"journal": tmp_path / "journal"} | settings))
    return local_items(used, tmp_path / ".headrace", with_keys=with_keys)


def remove(items: list[Item]) -> list[Item]:
    return list(remove_all(items, lambda item: None))


@pytest.mark.usefixtures("cache")
def test_the_journal_goes_with_its_folder(tmp_path: Path) -> None:
    folder = a_journal(tmp_path / "journal")
    with socket.socket(socket.AF_UNIX) as left_by_a_killed_engine, chdir(folder):
        left_by_a_killed_engine.bind(SOCKET)

    journal = items_of(tmp_path)[0]
    assert (journal.kind, journal.name) == ("journal", str(tmp_path / "journal"))
    assert journal.size
    assert remove([journal])[0].fate is Fate.REMOVED

    assert not (tmp_path / "journal").exists()
    assert [each.kind for each in items_of(tmp_path)] == ["cache"]


def test_a_damaged_journal_goes_too(tmp_path: Path, cache: Path) -> None:
    folder = a_journal(tmp_path / "journal")
    (folder / "journal.db").write_bytes(b"no database")

    remove(items_of(tmp_path))

    assert not folder.exists()


@pytest.mark.usefixtures("cache")
def test_a_file_of_somebody_else_stays_and_its_folder_with_it(tmp_path: Path) -> None:
    folder = a_journal(tmp_path / "journal")
    local = tmp_path / ".headrace"
    local.mkdir()
    for path in (folder / "notes.txt", local / "notes.txt", local / "broker.db", local / "emulators.env"):
        path.write_text("x")

    remove(items_of(tmp_path))

    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    assert [path.name for path in local.iterdir()] == ["notes.txt"]


def test_a_folder_that_is_a_link_is_not_followed(tmp_path: Path, cache: Path) -> None:
    elsewhere = a_journal(tmp_path / "elsewhere")
    (tmp_path / "journal").symlink_to(elsewhere)

    remove(items_of(tmp_path))

    assert (elsewhere / "journal.db").exists()


def test_the_environment_of_the_emulator_goes_and_the_rest_of_the_cache_stays(tmp_path: Path, cache: Path) -> None:
    other = cache.parent / "something-else"
    other.mkdir()

    (item,) = items_of(tmp_path)
    assert (item.kind, item.size) == ("cache", 1000)
    remove([item])

    assert not cache.exists()
    assert other.exists()


def test_an_environment_that_a_process_uses_stays(tmp_path: Path, cache: Path) -> None:
    python = cache / "bin" / "python"
    python.symlink_to(sys.executable)
    with subprocess.Popen([python, "-c", "input()"], stdin=subprocess.PIPE) as user:
        try:
            (item,) = items_of(tmp_path)
            assert item.fate is Fate.KEEP
            assert f"process {user.pid} uses it" in item.why
        finally:
            user.kill()


def test_an_environment_that_is_being_installed_stays(tmp_path: Path, cache: Path) -> None:
    with cache.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (item,) = items_of(tmp_path)
    assert (item.fate, item.why) == (Fate.KEEP, "another process installs it now")
    assert items_of(tmp_path)[0].fate is Fate.REMOVE, "once it is done"


def test_a_key_stays_unless_it_is_asked_for(tmp_path: Path, cache: Path) -> None:
    key = write_key_file(tmp_path / "masking.key", bytes(32))

    kept = items_of(tmp_path, masking_key_file=key)[-1]
    assert (kept.kind, kept.fate) == ("key", Fate.KEEP)
    remove([kept])
    assert key.exists()

    remove(items_of(tmp_path, with_keys=True, masking_key_file=key))
    assert not key.exists()


def test_a_journal_of_a_running_engine_is_noticed(tmp_path: Path) -> None:
    folder, local = tmp_path / "journal", tmp_path / ".headrace"
    journal = Journal.open(folder)
    check_local(folder, local)

    journal.claim("host:1", 1, 30.0)
    with pytest.raises(StillRunningError, match="an engine runs on this journal; stop it"):
        check_local(folder, local)

    journal.close()
    check_local(folder, local)


def test_a_running_headrace_up_is_noticed_and_a_second_one_is_refused(tmp_path: Path) -> None:
    journal, local = tmp_path / "journal", tmp_path / ".headrace"
    with folder_in_use(local):
        assert is_folder_in_use(local)
        with pytest.raises(StillRunningError, match="`headrace up` runs in this folder"):
            check_local(journal, local)
        with pytest.raises(UpRunsError, match="runs here already"), folder_in_use(local):
            pass
    assert (local / LOCK).exists()
    check_local(journal, local)
