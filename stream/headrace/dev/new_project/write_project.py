"""Write the files of a project: all of them or none, over no other file, whenever the process is killed.

The files are first written into a folder ``.headrace-init-...`` within the project's. Its rename to ``.headrace-init``
decides: before it, nothing of the project is there. After it, the next ``headrace init`` in this folder puts in place
what is still missing. Files are put in place by links, because a link, unlike a rename, never replaces a file.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from headrace.config.key_files import write_key_file
from headrace.dev.new_project.project_errors import ProjectFolderError
from headrace.dev.new_project.project_files import ProjectFile
from headrace.util.terminal_columns import counted

DECIDED: Final = ".headrace-init"
_STAGING: Final = f"{DECIDED}-"
_SETTINGS: Final = "headrace.toml"
_MOST_NAMED: Final = 3
_ANOTHER: Final = "name an empty folder, such as `headrace init my-events`"


def check_folder(folder: Path, names: Sequence[str]) -> None:
    """Check that files of these *names* can be written into *folder*, before anybody is asked anything.

    Raises:
        ProjectFolderError: one of them is there already, or the folder cannot be written.
    """
    try:
        place = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
        if not place.is_dir():
            raise NotADirectoryError(0, "not a folder", str(place))
        if not os.access(place, os.W_OK | os.X_OK):
            raise PermissionError(0, "permission denied", str(place))
    except OSError as error:
        raise _unwritable(folder, error) from None
    _refuse_existing(folder, names)


def write_project(folder: Path, files: Sequence[ProjectFile]) -> None:
    """Write all *files* into *folder*, which is created if it is missing.

    Raises:
        ProjectFolderError: a file is there already, or the folder cannot be written; then nothing was written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            _refuse_existing(folder, [each.name for each in files])
            staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=folder))
            try:
                _stage(staging, files)
                staging.rename(folder / DECIDED)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
            _put_in_place(folder)
    except OSError as error:
        raise _unwritable(folder, error) from None


def finish_interrupted(folder: Path) -> bool:
    """Finish a project that was decided when its process was killed; remove what was not decided.

    Returns:
        Whether there was such a project.

    Raises:
        ProjectFolderError: a file that it would write is there, or the folder cannot be written.
    """
    if not any(folder.glob(f"{DECIDED}*")):
        return False
    try:
        with _alone(folder):
            for each in folder.glob(f"{_STAGING}*"):
                shutil.rmtree(each)
            if not (folder / DECIDED).is_dir():
                return False
            _put_in_place(folder)
            return True
    except OSError as error:
        raise _unwritable(folder, error) from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a lock on *folder*, which ends with this process."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise ProjectFolderError(
            f"{folder}: another `headrace init` is writing there; wait until it has ended"
        ) from None
    finally:
        os.close(opened)


def _refuse_existing(folder: Path, names: Sequence[str]) -> None:
    found = sorted({each for name in names for each in _in_the_way(folder, name)})
    if _SETTINGS in found:
        raise ProjectFolderError(
            f"{folder}: has a project already ({_SETTINGS}), and nothing is overwritten; {_ANOTHER}"
        )
    if found:
        more = f" and {counted(len(found) - _MOST_NAMED, 'more file')}" if len(found) > _MOST_NAMED else ""
        named = ", ".join(found[:_MOST_NAMED])
        raise ProjectFolderError(f"{folder}: has {named}{more}, and nothing is overwritten; {_ANOTHER}")


def _in_the_way(folder: Path, name: str) -> Iterator[str]:
    if os.path.lexists(folder / name):
        yield name
    for parent in Path(name).parents:
        if parent != Path() and os.path.lexists(folder / parent) and not (folder / parent).is_dir():
            yield str(parent)


def _stage(staging: Path, files: Sequence[ProjectFile]) -> None:
    for each in files:
        path = staging / each.name
        path.parent.mkdir(parents=True, exist_ok=True)
        if each.secret:
            write_key_file(path, each.content)
        else:
            path.write_bytes(each.content)


def _put_in_place(folder: Path) -> None:
    decided = folder / DECIDED
    staged = {each: folder / each.relative_to(decided) for each in sorted(decided.rglob("*")) if not each.is_dir()}
    try:
        for file, path in staged.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if not _is_same(file, path):
                os.link(file, path)
    except OSError as error:
        for file, path in staged.items():
            if _is_same(file, path):
                path.unlink()
        shutil.rmtree(decided)
        if isinstance(error, FileExistsError):  # somebody else has written it in this moment
            _refuse_existing(folder, [str(path.relative_to(folder)) for path in staged.values()])
        raise
    shutil.rmtree(decided)


def _is_same(file: Path, path: Path) -> bool:
    try:
        return path.samefile(file)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _unwritable(folder: Path, error: OSError) -> ProjectFolderError:
    return ProjectFolderError(f"{folder}: cannot be written ({(error.strerror or 'no reason').lower()}); {_ANOTHER}")
