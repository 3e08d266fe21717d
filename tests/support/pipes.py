"""Commands whose stdout is a pipe that nobody reads."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence


def without_reader(
    command: Sequence[str], variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run *command* with a stdout whose reader has gone, as after ``head``, and without a stdin."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            command,
            env={**os.environ, **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120,
        )
    finally:
        os.close(writer)
