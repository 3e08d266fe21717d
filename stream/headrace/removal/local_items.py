"""The files on this machine: the journal, the data of `headrace up`, caches and keys.

Only files with the names that Headrace gives are removed. A folder goes with them if nothing else is in it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import psutil

from headrace.config.settings import Settings
from headrace.core.engine_report import SOCKET
from headrace.dev.bigquery_environment import environments, is_being_installed
from headrace.dev.emulators import FILES as LOCAL_FILES
from headrace.engine.journal_files import is_journal_file
from headrace.removal.items import Item
from headrace.schema_registry.pin_file import is_pin_file

_KEYS: Final = ("masking_key_file", "archive_key_file")
_KEEP_KEY: Final = "a lost key cannot be made again; --keys removes it too"


def local_items(settings: Settings, local: Path, *, with_keys: bool) -> list[Item]:
    """Return the existing ones; *local* is the folder of `headrace up`."""
    journal = settings.journal
    return [
        *_files("journal", journal, (each for each in _entries(journal) if _is_of_engine(each.name))),
        *_files("data of `headrace up`", local, (each for each in _entries(local) if each.name in LOCAL_FILES)),
        *(item for each in environments() for item in _cache(each)),
        *(item for name in _KEYS for item in _key(getattr(settings, name), with_keys=with_keys)),
    ]


def _files(kind: str, folder: Path, files: Iterable[Path]) -> Iterator[Item]:
    ours = sorted(files)
    if ours:
        size = sum(each.stat().st_size for each in ours)
        yield Item(kind=kind, name=str(folder), size=size, remove=partial(_remove_files, folder, ours))


def _is_of_engine(name: str) -> bool:
    return is_journal_file(name) or is_pin_file(name) or name == SOCKET


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []


def _remove_files(folder: Path, files: Iterable[Path]) -> None:
    for each in files:
        each.unlink(missing_ok=True)
    if not _entries(folder):
        folder.rmdir()


def _cache(folder: Path) -> Iterator[Item]:
    size = sum(each.lstat().st_size for each in folder.rglob("*") if not each.is_dir())
    item = Item(kind="cache", name=str(folder), size=size, remove=partial(shutil.rmtree, folder))
    user = _process_using(folder)
    if user is not None:
        yield item.kept(f"process {user} uses it; stop that `headrace up` or `headrace demo`")
    elif is_being_installed(folder):
        yield item.kept("another process installs it now")
    else:
        yield item


def _process_using(folder: Path) -> int | None:
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or [""]
        if Path(command[0]).is_relative_to(folder):
            return int(process.pid)
    return None


def _key(path: Path | None, *, with_keys: bool) -> Iterator[Item]:
    if path is not None and path.is_file():
        item = Item(kind="key", name=str(path), size=path.stat().st_size, remove=path.unlink)
        yield item if with_keys else item.kept(_KEEP_KEY)
