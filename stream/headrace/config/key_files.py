"""Read and write files with keys and other secrets, and check who can read them."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path
from typing import Final

from headrace.config.profiles import SettingsError
from headrace.config.secrets import KEY_BYTES

_MOST_BYTES: Final = 65_536  # a longer file is not a key
_OWNER_ALONE: Final = 0o600


def read_masking_key(path: Path | None) -> bytes:
    """Read the masking key.

    Raises:
        SettingsError: no file is named, it has fewer than 32 bytes, or others can read or change it.
    """
    return _read_key(path, "masking_key_file", "masking.key")


def read_archive_key(path: Path | None) -> bytes:
    """Read the secret of the archive's key. Raises SettingsError in the same cases."""
    return _read_key(path, "archive_key_file", "archive.key")


def read_key_file(path: Path, setting: str) -> bytes:
    """Read a key that no other account can read or change.

    Raises:
        SettingsError: the file has a problem; the text names *setting*, the problem and the remedy.
    """
    key = _read_private(path, setting)
    if len(key) < KEY_BYTES:
        raise SettingsError(f"{setting}: shorter than {KEY_BYTES} bytes; use at least {KEY_BYTES} random bytes")
    return key


def read_secret_file(path: Path, setting: str) -> str:
    """Read a password or a token, without the end of its line. Raises SettingsError as :func:`read_key_file` does."""
    try:
        secret = _read_private(path, setting).decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        secret = ""
    if not secret or "\n" in secret:
        raise SettingsError(f"{setting}: not one line of text; write the secret alone into the file")
    return secret


def _read_private(path: Path, setting: str) -> bytes:
    try:
        with open(path, "rb", opener=_open_nonblocking) as file:
            found = os.fstat(file.fileno())
            problem = problem_of(found.st_mode, found.st_uid, os.geteuid())
            if problem:
                raise SettingsError(f"{setting}: {problem[0]}; {problem[1].format(file=shlex.quote(str(path)))}")
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{setting}: cannot be read ({error.strerror}); name a file that you can read") from error
    if len(content) > _MOST_BYTES:
        raise SettingsError(f"{setting}: longer than {_MOST_BYTES} bytes; name the file that holds the key")
    return content


def problem_of(mode: int, owner: int, process: int) -> tuple[str, str] | None:
    """Return the problem of a file with this mode and owner, and the remedy; None when *process* may use it.

    A file of another account may be readable by its group, because Kubernetes mounts secrets as files of root for a
    process that is not root.
    """
    if not stat.S_ISREG(mode):
        return "not a regular file", "name the file that holds the key"
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        return _open_to(mode, "others can replace the key")
    if mode & stat.S_IROTH:
        return _open_to(mode, "every account of the machine can read the key")
    if mode & stat.S_IRGRP and owner == process:
        return _open_to(mode, "its group can read the key")
    return None


def write_key_file(path: Path, key: bytes) -> Path:
    """Write a key file that only its owner can read. Raises FileExistsError, because a lost key cannot be restored."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _OWNER_ALONE), "wb") as file:
        file.write(key)
    return path


def _open_nonblocking(path: str, flags: int) -> int:
    """Open a file without blocking on a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def _open_to(mode: int, why: str) -> tuple[str, str]:
    return f"its file has mode {stat.S_IMODE(mode):04o}, so {why}", "run `chmod 600 {file}`"


def _read_key(path: Path | None, name: str, file: str) -> bytes:
    if path is None:
        raise SettingsError(f"{name}: missing; create one with `(umask 077; head -c 32 /dev/urandom > {file})`")
    return read_key_file(path, name)
