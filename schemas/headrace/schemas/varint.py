"""Strict reader and writer of Avro's variable-length integers."""

from __future__ import annotations

from headrace.errors import Exit, HeadraceError


class Malformed(HeadraceError, error_code="HR-109", exit_code=Exit.BUG):  # noqa: N818
    """Bytes are not a value of their type. Callers add to *path*, and convert the error to UndecodableError."""

    def __init__(self, why: str, offset: int) -> None:
        super().__init__(why)
        self.why, self.offset = why, offset
        self.path: list[str] = []


def read_long(data: bytes, position: int) -> tuple[int, int]:
    """Read one zigzag varint of at most 64 bits.

    Raises:
        Malformed: the integer is longer than it needs to be, or has more than 64 bits.
        IndexError: the data ends in it.

    >>> read_long(bytes([0x80, 0x02]), 0)
    (128, 2)
    """
    byte = data[position]
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), position + 1
    second = data[position + 1]
    if 0 < second < 0x80:
        result = byte + (second << 7) - 0x80
        return (result >> 1) ^ -(result & 1), position + 2
    if second and 0 < (third := data[position + 2]) < 0x80:
        result = byte + (second << 7) + (third << 14) - 0x4080
        return (result >> 1) ^ -(result & 1), position + 3
    return _read_any(data, position)


def _read_any(data: bytes, position: int) -> tuple[int, int]:
    start = position
    result = shift = 0
    while True:
        byte = data[position]
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 63:
            raise Malformed("an integer of more than 64 bits", start)
        position += 1
    if byte == 0 or result >> 64:
        raise Malformed("an integer longer than it needs to be", start)
    return (result >> 1) ^ -(result & 1), position + 1


def read_length(data: bytes, position: int) -> tuple[int, int]:
    """Read a length; raises Malformed if it is negative or beyond the end of the data."""
    length, after = read_long(data, position)
    if length < 0:
        raise Malformed("a negative length", position)
    if length > len(data) - after:
        raise Malformed("ends in the middle", position)
    return length, after


def write_long(value: int) -> bytes:
    """Write one zigzag varint of at most 64 bits.

    >>> write_long(128)
    b'\\x80\\x02'
    """
    rest = (value << 1) ^ (value >> 63)
    out = bytearray()
    while rest >= 0x80:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)
