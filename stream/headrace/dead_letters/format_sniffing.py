"""What a payload looks like when it is no Avro datum: the usual mistakes of those who send."""

from __future__ import annotations

import json
from typing import Final

_BEGINNINGS: Final = {
    b"\x1f\x8b\x08": "gzip",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"Obj\x01": "an Avro file, with its schema before the datum",
    b"\xc3\x01": "Avro's single-object encoding, with 10 bytes before the datum",
}
FRAME_BYTES: Final = 5  # a zero and a schema's number, as serializers for Kafka write them
FRAMED: Final = "a datum with 5 bytes of a schema registry before it"


def guess(data: bytes) -> str | None:
    """Name another format that *data* begins like; None when it is like none that we know.

    >>> guess(b'{"paid": true}')
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
