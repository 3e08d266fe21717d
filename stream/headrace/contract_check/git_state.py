"""Contracts of a folder as a commit of git has them."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from headrace.errors import Exit, HeadraceError
from headrace.schemas.folder import SUFFIX
from headrace.schemas.registry import FolderContents, read_folder
from headrace.schemas.sidecar import SIDECARS
from headrace.util.terminal_safe import safe

_REMEDY: Final = "name a commit, a branch or a tag that is fetched, such as origin/main"
_FILE: Final = "100"  # how the mode of a file begins; links and submodules have another one


class GitStateError(HeadraceError, RuntimeError, error_code="HR-141", exit_code=Exit.CONFIGURATION):
    """The contracts of a commit cannot be read. The text gives the problem and the remedy."""


def contracts_at(folder: Path, ref: str) -> FolderContents:
    """Return the contracts that *folder* held at a commit, a branch or a tag; none if it was not there.

    Raises:
        GitStateError: *folder* is in no repository, or *ref* is no commit of it.
    """
    if not ref or ref.startswith("-") or ":" in ref:
        raise GitStateError(f"--against {ref or '(empty)'}: not a commit, a branch or a tag; {_REMEDY}")
    words = ("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    commit = _git(folder, *words, unsaid=f"there is no commit, branch or tag {safe(ref)!r}").decode().strip()
    names = _files(_git(folder, "ls-tree", "-z", commit))
    if not names:
        return FolderContents({}, {}, {})
    contents = _contents(_git(folder, "cat-file", "--batch", given="\n".join(blob for _, blob in names)))
    with tempfile.TemporaryDirectory() as place:
        for (name, _), content in zip(names, contents, strict=True):
            (Path(place) / name).write_bytes(content)
        return read_folder(Path(place))


def _files(listed: bytes) -> list[tuple[str, str]]:
    """Return the names of the files of contracts, and the ids of their contents, that ``git ls-tree -z`` lists."""
    found = []
    for line in listed.split(b"\0"):
        kind, _, name = line.decode(errors="surrogateescape").partition("\t")
        if kind.startswith(_FILE) and name.endswith((SUFFIX, *SIDECARS)):
            found.append((name, kind.split(" ")[2]))
    return found


def _contents(batch: bytes) -> Iterator[bytes]:
    """Yield the contents of files, as ``git cat-file --batch`` writes them."""
    at = 0
    while at < len(batch):
        begin = batch.index(b"\n", at) + 1
        end = begin + int(batch[at:begin].split()[2])
        yield batch[begin:end]
        at = end + 1


def _git(folder: Path, *words: str, given: str = "", unsaid: str = "git fails without a reason") -> bytes:
    """Return what a command of git prints; *unsaid* is what is wrong if it fails without a word."""
    try:
        ended = subprocess.run(
            ["git", "-C", str(folder), *words], input=given.encode(), capture_output=True, check=False
        )
    except FileNotFoundError:
        raise GitStateError("git is not installed; install it, or check without --against") from None
    if ended.returncode:
        why = ended.stderr.decode(errors="replace").strip().splitlines()
        said = f"git says: {safe(why[-1])}" if why else unsaid
        raise GitStateError(f"{folder}: {said}; {_REMEDY}")
    return ended.stdout
