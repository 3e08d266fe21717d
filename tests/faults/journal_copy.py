"""Copies of an engine's journal, as a backup has them."""

from __future__ import annotations

import shutil
from pathlib import Path


def copy_journal(journal: Path, copy: Path) -> None:
    """Copy the folder of a *journal* without the socket that a killed engine leaves behind, which nobody can copy."""

    def sockets(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if (Path(folder) / name).is_socket()]

    shutil.copytree(journal, copy, ignore=sockets)
