"""Contracts of a folder as a commit of git has them."""

from __future__ import annotations

import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from headrace.errors import Exit, HeadraceError
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.registry import Contract, read_folder


class GitStateError(HeadraceError, RuntimeError, error_code="HR-141", exit_code=Exit.CONFIGURATION):
    """The contracts of a commit cannot be read. The text gives the problem and the remedy."""


def contracts_at(folder: Path, ref: str) -> Mapping[SchemaRef, Contract]:
    """Return the contracts that *folder* held at a commit, a branch or a tag, without those that are faulty there.

    Raises:
        GitStateError: *folder* is in no repository, or *ref* is no commit of it.
    """
    if ref.startswith("-"):
        raise GitStateError(f"--against {ref}: not a commit, a branch or a tag; name one, such as origin/main")
    if not _git(folder, "ls-tree", "--name-only", ref, "--", "."):
        return {}  # the folder was not there
    archive = _git(folder, "archive", "--format=tar", ref)  # of this folder alone
    with tempfile.TemporaryDirectory() as place, tarfile.open(fileobj=BytesIO(archive)) as files:
        for each in files:
            if each.isfile() and "/" not in each.name:
                files.extract(each, place, filter="data")
        return read_folder(Path(place)).contracts if any(Path(place).iterdir()) else {}


def _git(folder: Path, *words: str) -> bytes:
    try:
        ended = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, check=False)
    except FileNotFoundError:
        raise GitStateError("git is not installed; install it, or check without --against") from None
    if ended.returncode:
        why = ended.stderr.decode(errors="replace").strip().splitlines()
        raise GitStateError(f"{folder}: git says: {why[-1] if why else 'nothing'}; name a commit, a branch or a tag")
    return ended.stdout
