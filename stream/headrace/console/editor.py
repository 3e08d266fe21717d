"""A text in the person's own editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from headrace.errors import Exit, HeadraceError


class EditorError(HeadraceError, RuntimeError, error_code="HR-709", exit_code=Exit.CONFIGURATION):
    """No editor can be used. The text says which one was tried and the remedy."""


def edited(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """What a person makes of *text*, in ``VISUAL``, ``EDITOR`` or vi; nobody else may read the file, and it is removed.

    Raises:
        EditorError: it cannot be started, ended with an error, or left no text.
    """
    command = environment.get("VISUAL") or environment.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="headrace-") as folder:  # for its owner alone
        file = Path(folder) / "event.json"
        file.write_text(text, "utf-8")
        try:
            code = subprocess.run([*shlex.split(command), str(file)], check=False).returncode
            result = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError, ValueError) as error:
            raise EditorError(f"{command}: cannot be used ({type(error).__name__}); set EDITOR") from None
    if code != 0:
        raise EditorError(f"{command}: ended with code {code}; nothing is changed")
    return result
