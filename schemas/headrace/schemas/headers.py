"""Headers that other systems write in front of a datum.

A payload can begin like one of them and still be a datum without a header, or it can be a datum behind that header.
Reading it the wrong way puts values into the wrong columns, and personal values into columns that are not masked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from headrace.schemas.errors import UndecodableError
from headrace.schemas.notation import OBJECT


class Header(NamedTuple):
    """One header: its first bytes, its length in bytes, and its description."""

    magic: bytes
    length: int
    name: str


# The same list is in native/columns/decode.c.
HEADERS: Final = (
    Header(b"\0", 5, "00 and an id of 4 bytes, as Confluent and Apicurio write it"),
    Header(b"\0", 9, "00 and an id of 8 bytes, as Apicurio writes it"),
    Header(b"\xc3\x01", 10, "C3 01 and a fingerprint of 8 bytes, Avro's single-object encoding"),
    Header(b"\x03\0", 18, "03 00 and an id of 16 bytes, as AWS Glue writes it"),
)
FIRST_BYTES: Final = frozenset(header.magic[0] for header in HEADERS)


def header_before(data: bytes, decode: Callable[[bytes], Any]) -> Header | None:
    """Return the header of *data*, with any id in it, behind which *decode* reads a datum; None without one."""
    for header in HEADERS:
        if data.startswith(header.magic) and len(data) > header.length:
            try:
                decode(data[header.length :])
            except UndecodableError:
                continue
            return header
    return None


def two_readings(length: int) -> UndecodableError:
    """Return the error for a payload that is a datum both as it is and behind a header of *length* bytes."""
    name = next(header.name for header in HEADERS if header.length == length)
    return UndecodableError(
        f"one datum from the first byte, and one behind a header of {length} bytes ({name})",
        setting=f'where no header is meant, write "encoding": "datum" in {OBJECT} of the newest contract',
    )
