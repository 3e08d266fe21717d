"""The place of a new project: the folder, and what a unit of systemd and a container must know about it."""

from __future__ import annotations

import os
import platform
import pwd
import shutil
import sys
from importlib import metadata
from pathlib import Path

from headrace.dev.new_project.project_errors import ProjectFolderError
from headrace.dev.new_project.project_files import Place
from headrace.util.terminal_safe import safe


def place_of(folder: Path) -> Place:
    """Return the place of a project in *folder*, on this machine and for this account.

    Raises:
        ProjectFolderError: its path has a control character, which no unit and no workflow can name.
    """
    path = folder.resolve()
    if safe(str(path)) != str(path):
        raise ProjectFolderError(f"{safe(str(path))}: its path has a control character; name another folder")
    return Place(
        folder=path,
        repository=next((each for each in (path, *path.parents) if (each / ".git").exists()), None),
        program=_program(),
        user=_user(),
        ids=f"{os.getuid()}:{os.getgid()}",
        python=".".join(platform.python_version_tuple()[:2]),
        version=metadata.version("headrace"),
    )


def _program() -> str:
    beside = Path(sys.executable).parent / "headrace"
    return str(beside) if beside.exists() else shutil.which("headrace") or str(beside)


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
