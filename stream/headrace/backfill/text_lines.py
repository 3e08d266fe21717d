"""Lines of text files as bytes, with limits on their length, for any line ending."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from headrace.backfill.backfill_errors import BackfillError, CutOffError

MAX_LINE_BYTES: Final = 4 * 1024 * 1024
MAX_SKIPPED_BYTES: Final = 256 * 1024 * 1024
TOO_LONG: Final = f"longer than {MAX_LINE_BYTES:,} bytes, of which the letter holds the first"
_PIECE: Final = 256 * 1024
_BOM: Final = b"\xef\xbb\xbf"
_OTHER_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")
_END: Final = re.compile(rb"\r\n|\r|\n")


def physical_lines(file: BinaryIO) -> Iterator[bytes]:
    r"""Yield lines with their ends, which are ``\n``, ``\r\n`` or ``\r``; without a byte order mark.

    Of a line that is too long, only the first MAX_LINE_BYTES + 1 bytes are returned.

    Raises:
        BackfillError: the text is UTF-16 or UTF-32.
        CutOffError: a line has no end.
    """
    rest = file.read(_PIECE)
    if rest.startswith(_OTHER_BOMS):
        raise BackfillError("text in UTF-16 or UTF-32; convert the file to UTF-8")
    rest = rest.removeprefix(_BOM)
    while piece := file.read(_PIECE):
        lines = (rest + piece).splitlines(keepends=True)
        rest = lines.pop()  # continues in the next piece, as its \r may
        yield from lines
        if len(rest) > MAX_LINE_BYTES and not rest.endswith(b"\r"):
            yield rest[: MAX_LINE_BYTES + 1]
            rest = b"" if rest.endswith(b"\n") else _after_end(file)
    yield from rest.splitlines(keepends=True)


def _after_end(file: BinaryIO) -> bytes:
    """Read until a line ends; return the bytes read of the next line."""
    skipped = 0
    while piece := file.read(_PIECE):
        if piece.endswith(b"\r"):
            piece += file.read(1)
        if end := _END.search(piece):
            return piece[end.end() :]
        skipped += len(piece)
        if skipped > MAX_SKIPPED_BYTES:
            raise CutOffError(f"a line does not end within {MAX_SKIPPED_BYTES:,} bytes; is it a text file?")
    return b""
