"""Recognise payloads that are not Avro datums, by the usual mistakes of publishers."""

from __future__ import annotations

import json
from typing import Final

GZIP: Final = b"\x1f\x8b\x08"
ZSTANDARD: Final = b"\x28\xb5\x2f\xfd"
_BEGINNINGS: Final = {
    GZIP: "gzip",
    ZSTANDARD: "Zstandard",
    b"Obj\x01": "an Avro file, with its schema before the datum",
    b"\xc3\x01": "Avro's single-object encoding, with 10 bytes before the datum",
}


def sniff_format(data: bytes) -> str | None:
    """Return the name of the format that the beginning of *data* has, or None.

    >>> sniff_format(b'{"paid": true}')
    'JSON text'
    """
    for beginning, name in _BEGINNINGS.items():
        if data.startswith(beginning):
            return name
    return "JSON text" if data[:1] in (b"{", b"[") and _is_json(data) else None


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True
