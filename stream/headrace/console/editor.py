"""Edit a text in the user's editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from headrace.errors import Exit, HeadraceError


class EditorError(HeadraceError, RuntimeError, error_code="HR-709", exit_code=Exit.CONFIGURATION):
    """The editor cannot be used. The message names it and the remedy."""


def edited(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Open *text* in ``VISUAL``, ``EDITOR`` or vi, and return the saved text. Only the owner may read the file.

    Raises:
        EditorError: the editor cannot be started, ended with an error, or saved no text.
    """
    command = environment.get("VISUAL") or environment.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="headrace-") as folder:  # only its owner may read it
        file = Path(folder) / "event.json"
        file.write_text(text, "utf-8")
        try:
            code = subprocess.run([*shlex.split(command), str(file)], check=False).returncode
            result = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError, ValueError) as error:
            raise EditorError(f"{command}: cannot be used ({type(error).__name__}); set EDITOR") from None
    if code != 0:
        raise EditorError(f"{command}: exited with code {code}, nothing is changed; set EDITOR to another editor")
    return result
