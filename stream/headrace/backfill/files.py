"""Files to read, with their state when they were examined; each file is opened when it is read."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, NamedTuple, cast

from headrace.backfill.backfill_errors import BackfillError, CutOffError
from headrace.backfill.file_places import checked_address, is_object
from headrace.backfill.mapping import Mapping
from headrace.backfill.readers import KINDS, WHOLE
from headrace.schemas.registry import Contract
from headrace.util.terminal_safe import safe

GZIP: Final = ".gz"
MAX_UNPACKED_BYTES: Final = 256 * 1024 * 1024
MAX_RATIO: Final = 500  # of unpacked to packed size, for files that unpack to more than MAX_UNPACKED_BYTES
_STARS: Final = frozenset("*?[{")


@dataclass(frozen=True, slots=True)
class File:
    """One file.

    *place* is its path or address; *name* is the last part of it, safe to print; *key* differs for each version of the
    file. *modified_at* is in microseconds.
    """

    place: str
    name: str
    kind: str
    packed: bool
    key: str
    modified_at: int
    size: int
    project: str = ""


class Opened(NamedTuple):
    """An open file: *file* has its content; the position of *raw* is the number of stored bytes read so far."""

    file: BinaryIO
    raw: BinaryIO


def look_at(places: Sequence[str | Path], contract: Contract, mapping: Mapping, project: str = "") -> list[File]:
    """Check that each file exists and has a known format; opens none.

    Wildcards in an object's name work as in a shell; ``**`` matches folders too.

    Raises:
        BackfillError: a file does not exist, or its format is unknown.
    """
    reading = f"{contract.fingerprint} {mapping.digest}"
    named = [each for place in map(str, places) for each in _named_by(place, project)]
    return [_look_at(place, reading, project) for place in dict.fromkeys(named)]


@contextmanager
def opened(file: File) -> Iterator[Opened]:
    """Open *file*; raises the errors of reading it."""
    with _raw(file) as raw:
        if not file.packed:
            yield Opened(raw, raw)
            return
        with gzip.GzipFile(fileobj=raw, mode="rb") as unpacked:
            yield Opened(cast(BinaryIO, _Unpacked(unpacked, raw)), raw)


class _Unpacked:
    """Content of a compressed file, piece by piece; raises CutOffError if it unpacks to far too many bytes."""

    def __init__(self, unpacked: gzip.GzipFile, raw: BinaryIO) -> None:
        self._unpacked = unpacked
        self._raw = raw
        self._bytes = 0

    def read(self, size: int) -> bytes:
        data = self._unpacked.read(size)
        self._bytes += len(data)
        if self._bytes > MAX_UNPACKED_BYTES and self._bytes > MAX_RATIO * self._raw.tell():
            raise CutOffError(f"it unpacks to more than {MAX_RATIO} times what it holds")
        return data


def _raw(file: File) -> BinaryIO:
    if is_object(file.place):
        from headrace.backfill.buckets import open_object  # its client takes a while to import

        return open_object(file.place, file.project)
    return open(file.place, "rb")


def _named_by(place: str, project: str) -> list[str]:
    """Return the files of *place*; wildcards of an object's address are expanded here, because no shell does it."""
    if is_object(place):
        checked_address(place)
    if not is_object(place) or not _STARS.intersection(place):
        return [place]
    from headrace.backfill.buckets import matching

    return matching(place, project)


def _look_at(place: str, reading: str, project: str) -> File:
    name = PurePosixPath(place).name
    packed = name.lower().endswith(GZIP)
    kind = PurePosixPath(name[: -len(GZIP)] if packed else name).suffix.lower()
    if kind not in KINDS:
        raise BackfillError(f"{place}: not a format that is known by its ending; use {', '.join(KINDS)}")
    if packed and kind in WHOLE:
        raise BackfillError(f"{place}: such a file cannot be read from the middle; unpack it, it is compressed within")
    if is_object(place):
        from headrace.backfill.buckets import look_at_object

        seen = look_at_object(place, project)
        version, modified_at, size = f"{place} {seen.version}", seen.modified_at, seen.size
    else:
        place, version, modified_at, size = _look_at_path(place)
    key = hashlib.blake2b(f"{version} {reading}".encode(errors="surrogateescape"), digest_size=10).hexdigest()
    return File(place, safe(name), kind, packed, key, modified_at, size, project)


def _look_at_path(place: str) -> tuple[str, str, int, int]:
    try:
        path = Path(place).resolve(strict=True)
        status = path.stat()
    except OSError as error:
        raise BackfillError(f"{place}: cannot be read ({error.strerror}); name files that exist") from error
    if not path.is_file():
        raise BackfillError(f"{place}: not a file; name the files themselves")
    version = f"{path} {status.st_size} {status.st_mtime_ns}"
    return str(path), version, status.st_mtime_ns // 1000, status.st_size
