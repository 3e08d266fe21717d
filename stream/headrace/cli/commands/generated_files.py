"""Files that a command makes of contracts: written where they changed, or compared with those that are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

from headrace.errors import Exit
from headrace.util.output import say, show
from headrace.util.terminal_columns import counted

_HEAD: Final = 1000  # characters in which a generated file says that it is one


class FileState(StrEnum):
    """The state of a file before the command wrote it."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "unchanged"
    LEFT = "left over"


def write_files(texts: Mapping[Path, str], left_over: Iterable[Path], check: bool, format_: str) -> Exit:
    """Write each text into its file, remove the files *left_over*, and print the state of each file.

    With *check*, write and remove nothing. The exit code then says whether some file is out of date.
    """
    states = {path: _state(path, text) for path, text in texts.items()}
    states |= dict.fromkeys(left_over, FileState.LEFT)
    stale = {path: state for path, state in states.items() if state is not FileState.SAME}
    if not check:
        for path in stale:
            _renew(path, texts.get(path))
    show("files", [{"file": str(path), "state": state.value} for path, state in states.items()], format_)
    if not check:
        say(f"{counted(len(texts), 'file')}, {len(stale):,} changed")
    elif stale:
        say(f"{counted(len(stale), 'file')} out of date; run the command without --check")
    return Exit.FOUND if check and stale else Exit.DONE


def generated_files(folder: Path, ending: str, mark: str) -> list[Path]:
    """Return the files of a folder that a command has made, which say so by *mark* near their beginning."""
    found = sorted(folder.glob(f"*{ending}")) if folder.is_dir() else []
    return [each for each in found if each.is_file() and mark in _read(each)[:_HEAD]]


def _state(path: Path, text: str) -> FileState:
    if not path.exists():
        return FileState.NEW
    return FileState.SAME if _read(path) == text else FileState.CHANGED


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")


def _renew(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
