"""Print or run a command of gcloud."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Sequence

from headrace.errors import Exit, HeadraceError


class GcloudError(HeadraceError, RuntimeError, error_code="HR-402", exit_code=Exit.CONFIGURATION):
    """gcloud is not installed, or a command of it failed."""


def as_shell(command: Sequence[str]) -> str:
    r"""Format the command for a shell, one flag a line.

    >>> print(as_shell(["gcloud", "do", "it", "--filter=a b", "--quick"]))
    gcloud do it \
      --filter='a b' \
      --quick
    """
    words = [_quoted(word) for word in command]
    first = next((place for place, word in enumerate(words) if word.startswith("--")), len(words))
    return " \\\n  ".join([" ".join(words[:first]), *words[first:]])


def run(command: Sequence[str]) -> None:
    """Run the command; it inherits stdout and stderr.

    Raises:
        GcloudError: gcloud is not installed, or it failed.
    """
    if shutil.which(command[0]) is None:
        raise GcloudError(f"{command[0]}: not found; install it, or copy the command that --print-only prints")
    code = subprocess.run(command, check=False).returncode
    if code:
        raise GcloudError(f"{command[0]}: exited with {code}; see its output above")


def _quoted(word: str) -> str:
    name, equals, value = word.partition("=")
    return f"{name}={shlex.quote(value)}" if equals and name.startswith("--") else shlex.quote(word)
