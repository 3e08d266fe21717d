"""The program's answers to a shell that completes a command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_PROGRAM = [
    sys.executable,
    "-P",
    "-c",
    "import sys; sys.argv[0] = 'headrace'; import headrace.__main__ as m; m.program()",
]
_OURS = ("HEADRACE_", "BIGQUERY_")


def complete(words: str, folder: Path, shell: str = "bash", **variables: str) -> list[str]:
    """What the program offers in *folder* for the last of *words*, as the script of *shell* asks for it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    asked = {
        "_HEADRACE_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "_TYPER_COMPLETE_ARGS": words,
    }
    environment = {**clean, **asked, **variables}
    done = subprocess.run(
        _PROGRAM, env=environment, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()
