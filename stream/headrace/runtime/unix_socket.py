"""Unix sockets in a folder that only one account may enter.

The address of a Unix socket has room for 107 bytes, and names of folders may be longer. So a socket is reached through
the folder's own file descriptor.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

_BACKLOG: Final = 16


@contextmanager
def listening_at(path: Path) -> Iterator[socket.socket]:
    """Listen at *path* while the block runs, in place of a socket that an ended process has left there.

    Raises:
        OSError: another process listens there (EADDRINUSE), or the folder takes no socket.
    """
    with _address(path) as address, closing(socket.socket(socket.AF_UNIX)) as listener:
        if _is_answered(address):
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE), str(path))
        path.unlink(missing_ok=True)
        listener.bind(address)
        listener.listen(_BACKLOG)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


def connected_to(path: Path, seconds: float) -> socket.socket:
    """Return a connection to the process that listens at *path*; a call on it takes at most *seconds*.

    Raises:
        OSError: no process listens there, or the folder cannot be entered.
    """
    with _address(path) as address:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(seconds)
            connection.connect(address)
        except OSError:
            connection.close()
            raise
    return connection


@contextmanager
def _address(path: Path) -> Iterator[str]:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _is_answered(address: str) -> bool:
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        return connection.connect_ex(address) == 0
