"""Edit a text in the user's editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from headrace.errors import Exit, HeadraceError

_DEFAULT: Final = "vi"
_STDERR: Final = 2


class EditorError(HeadraceError, RuntimeError, error_code="HR-709", exit_code=Exit.CONFIGURATION):
    """The editor cannot be used. The message names it and the remedy."""


def find_editor(environment: Mapping[str, str] = os.environ) -> str:
    """Return the command in ``VISUAL`` or ``EDITOR``, or vi. Raises EditorError for vi without a terminal."""
    named = environment.get("VISUAL") or environment.get("EDITOR")
    if named:
        return named
    if not (sys.stdin.isatty() and (sys.stdout.isatty() or sys.stderr.isatty())):
        raise EditorError(
            f"{_DEFAULT}: there is no terminal, nothing is changed; give the change as --patch, --payload, "
            "--set-attribute or --as, or set EDITOR to a program that needs none"
        )
    return _DEFAULT


def edited(text: str, command: str) -> str:
    """Open *text* in an editor, and return the saved text. Only the owner may read the file.

    It is shown on stderr if stdout is not a terminal, as in ``headrace dead-letters edit ... | head``.

    Raises:
        EditorError: the editor cannot be started, ended with an error, or saved no text.
    """
    screen = None if sys.stdout.isatty() else _STDERR
    with tempfile.TemporaryDirectory(prefix="headrace-") as folder:  # only its owner may read it
        file = Path(folder) / "event.json"
        file.write_text(text, "utf-8")
        try:
            code = subprocess.run([*shlex.split(command), str(file)], check=False, stdout=screen).returncode
            result = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError, ValueError) as error:
            raise EditorError(f"{command}: cannot be used ({type(error).__name__}); set EDITOR") from None
    if code != 0:
        raise EditorError(f"{command}: exited with code {code}, nothing is changed; set EDITOR to another editor")
    return result
