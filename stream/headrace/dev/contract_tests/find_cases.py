"""Find files of cases, and the folder of contracts that each belongs to; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

SUFFIXES: Final = (".test.yaml", ".test.yml")
_CONTRACTS: Final = "*.avsc"


def is_case_file(path: Path) -> bool:
    """Return whether the name of *path* is one of a file of cases.

    >>> is_case_file(Path("order_placed.test.yaml")), is_case_file(Path("compose.yaml"))
    (True, False)
    """
    return path.name.endswith(SUFFIXES)


def case_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files of cases among *paths* and below their folders, sorted, each once.

    A path that is not a folder is returned whatever its name is.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        below = sorted(filter(is_case_file, path.rglob("*"))) if path.is_dir() else [path]
        for each in below:
            found.setdefault(each.resolve(), each)
    return list(found.values())


def contracts_beside(path: Path) -> Path | None:
    """Return the nearest folder, from that of *path* upwards, that holds a contract; None without one."""
    return next((each for each in path.resolve().parents if next(each.glob(_CONTRACTS), None)), None)
