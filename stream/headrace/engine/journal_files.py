"""The detection of damage in the files of a journal.

Each page of the database ends in a checksum, which SQLite's checksum VFS writes and verifies
(sqlite.org/cksumvfs.html). The frames of the write-ahead log have checksums of their own, and SQLite ignores the log
from the first wrong one on. This is correct for the last transaction, which a power cut may tear. If it is an earlier
one, synced transactions were lost.
"""

from __future__ import annotations

import re
import struct
import threading
from pathlib import Path
from typing import Final, NamedTuple

import apsw
from apsw import sqlite_extra

VFS: Final = "cksmvfs"
RESERVED: Final = 8  # bytes of each page for its checksum
_LOADING: Final = threading.Lock()
_LOG_HEADER: Final = struct.Struct(">IIIIIIII")  # magic, version, page size, number, two salts, two checksums
_MAGIC: Final = {0x377F0682: "<6I", 0x377F0683: ">6I"}  # sqlite.org/fileformat2.html#walformat
_FRAME_HEADER: Final = struct.Struct(">IIII8x")  # page, pages after a commit, two salts


_NAMES: Final = re.compile(r"journal\.db(?:-wal|-shm)?|epoch-[0-9]+\.lock")


def is_journal_file(name: str) -> bool:
    """Return whether a file of this *name* belongs to a journal."""
    return _NAMES.fullmatch(name) is not None


class Log(NamedTuple):
    """A write-ahead log on disk: its salts, and for each frame whether it has these salts and whether it commits.

    *whole* is True if the checksum of the header is correct. The header is one sector, which a disk writes completely
    or not at all.
    """

    salts: tuple[int, int]
    frames: list[tuple[bool, bool]]
    whole: bool


def load_checksums() -> None:
    """Register the VFS with SQLite, once in a process. Raises LookupError if this apsw lacks it."""
    with _LOADING:
        if VFS not in apsw.vfs_names():
            connection = apsw.Connection(":memory:")
            try:
                sqlite_extra.load(connection, "cksumvfs")
            except sqlite_extra.NotAvailable as error:
                raise LookupError("cksumvfs") from error
            finally:
                connection.close()


def read_log(path: Path) -> Log | None:
    """Read the log at *path*; return None if there is no log, or only part of its header."""
    try:
        with path.open("rb") as file:
            header = file.read(_LOG_HEADER.size)
            if len(header) < _LOG_HEADER.size:
                return None
            _, _, page_bytes, _, *salts, _, _ = _LOG_HEADER.unpack(header)
            frames: list[tuple[bool, bool]] = []
            if not _is_whole(header):
                return Log((salts[0], salts[1]), frames, whole=False)
            size = path.stat().st_size
            place = _LOG_HEADER.size
            while place + _FRAME_HEADER.size + page_bytes <= size:
                file.seek(place)
                _, pages, *of = _FRAME_HEADER.unpack(file.read(_FRAME_HEADER.size))
                frames.append((of == salts, pages > 0))
                place += _FRAME_HEADER.size + page_bytes
    except FileNotFoundError:
        return None
    return Log((salts[0], salts[1]), frames, whole=True)


def _is_whole(header: bytes) -> bool:
    magic, *_, first, second = _LOG_HEADER.unpack(header)
    if magic not in _MAGIC:
        return False
    one = other = 0
    words = iter(struct.unpack(_MAGIC[magic], header[:24]))
    for word in words:
        one = (one + word + other) & 0xFFFFFFFF
        other = (other + next(words) + one) & 0xFFFFFFFF
    return (one, other) == (first, second)


def lost_transactions(before: Log | None, after: Log | None, read: int) -> bool:
    """Return whether the log had more than one torn transaction after the *read* frames that SQLite has read.

    *before* and *after* are the log before and after SQLite read it, because another process may have restarted the log
    in between.
    """
    if before is None or after is None or before.salts != after.salts:
        return False
    if not before.whole:
        return True
    behind = [commits for belongs, commits in before.frames[max(read, 0) :] if belongs]
    return True in behind[:-1]
