"""Read the key of an encrypted outbox from a file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from headrace.producers.outbox.errors import OutboxKeyError


def read_key_file(path: Path) -> bytes:
    """Return the key in the file at *path*.

    Raises:
        OutboxKeyError: the file cannot be read, or other accounts can read or write it.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
                raise OutboxKeyError(f"{path}: other accounts may read or write the key; run chmod 600 on it")
            return file.read()
    except OSError as error:
        raise OutboxKeyError(f"{path}: cannot be read ({error.strerror}); name the file with the key") from error
