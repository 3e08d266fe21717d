"""Commands in a terminal of their own, in control of it, without a fork of this process, which has threads of gRPC."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pexpect import fdpexpect

from tests.support.transcripts import IN_CONTROL


@contextmanager
def in_terminal(
    command: Sequence[str], environment: Mapping[str, str], columns: int = 80, lines: int = 24, **options: Any
) -> Iterator[tuple[Any, subprocess.Popen[bytes]]]:
    """Yield pexpect's view of the terminal, and the process, which is killed at the end. *options* are for Popen."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", IN_CONTROL, *command],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env=dict(environment),
        **options,
    )
    os.close(theirs)
    child = fdpexpect.fdspawn(ours, encoding="utf-8", timeout=90)
    try:
        yield child, process
    finally:
        process.kill()
        process.wait()
        child.close()
