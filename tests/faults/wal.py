"""Where the last transaction of a SQLite write-ahead log lies (sqlite.org/fileformat2.html#the_write_ahead_log)."""

from __future__ import annotations

import struct
from pathlib import Path

_HEADER, _FRAME_HEADER = 32, 24


def last_transaction(log: Path) -> tuple[int, int]:
    """The bytes from the end of the last commit but one to the end of the last one."""
    data = log.read_bytes()
    salts, (page,) = data[16:24], struct.unpack(">I", data[8:12])
    ends = [_HEADER]
    for start in range(_HEADER, len(data) - _FRAME_HEADER - page + 1, _FRAME_HEADER + page):
        if data[start + 8 : start + 16] != salts:
            break  # left over from before the log was restarted
        if struct.unpack(">I", data[start + 4 : start + 8])[0]:
            ends.append(start + _FRAME_HEADER + page)
    return ends[-2], ends[-1]
