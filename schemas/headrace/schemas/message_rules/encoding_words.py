"""Words for encodings: what is around a value, and how a contract states it."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from headrace.schemas.headers import HEADERS, Header
from headrace.schemas.message_rules.encoding import Compression, Encoding, Frame

_FRAMES: Final = dict(
    zip(
        HEADERS,
        (
            Encoding(Frame.CONFLUENT, is_stated=True),
            Encoding(Frame.APICURIO, is_stated=True, id_bytes=8),
            Encoding(Frame.SINGLE_OBJECT, is_stated=True),
            Encoding(Frame.GLUE, is_stated=True),
        ),
        strict=True,
    )
)
COMPRESSIBLE: Final = Encoding(is_stated=True, compression=Compression.CONTENT_ENCODING)
_UUID_BYTES: Final = 16
_NAMED_BY_IDS: Final = (Frame.CONFLUENT, Frame.APICURIO, Frame.GLUE)


def encoding_of(header: Header) -> Encoding:
    """Return the encoding that a contract states for payloads behind *header*."""
    return _FRAMES[header]


def around(encoding: Encoding) -> str:
    """Return what is around a datum in *encoding*.

    >>> around(Encoding(Frame.GLUE))
    'a datum behind a header of 18 bytes (03 00 and an id of 16 bytes, as AWS Glue writes it)'
    """
    header = next((each for each, its in _FRAMES.items() if its.header_bytes == encoding.header_bytes), None)
    text = "a datum without a header"
    if header is not None:
        text = f"a datum behind a header of {header.length} bytes ({header.name})"
    if encoding.compression is not None:
        text += f", compressed with {encoding.compression}"
    return f"{text}, in base64" if encoding.base64 else text


def setting(encoding: Encoding) -> str:
    """Return how a contract states *encoding*, in JSON.

    >>> setting(Encoding(Frame.CONFLUENT))
    '"encoding": "confluent", and schema_ids in each version'
    """
    ids = ", and schema_ids in each version" if encoding.frame in _NAMED_BY_IDS else ""
    return f'"encoding": {_value(encoding)}{ids}'


def listed(schema_id: int | bytes) -> str:
    """Return how a contract lists the id or the fingerprint that a header has, in JSON.

    >>> listed(7)
    '"schema_ids": [7]'
    """
    if isinstance(schema_id, int):
        return f'"schema_ids": [{schema_id}]'
    if len(schema_id) == _UUID_BYTES:
        return f'"schema_ids": ["{UUID(bytes=schema_id)}"]'
    return f'"fingerprints": ["{schema_id.hex()}"]'


def _value(encoding: Encoding) -> str:
    kind = encoding.body if encoding.frame is Frame.NONE else encoding.frame
    members = {"kind": f'"{kind}"'}
    if encoding.frame is Frame.APICURIO:  # the bytes do not tell which ids these are
        members |= {"id_bytes": str(encoding.id_bytes), "ids": '"content" or "global"'}
    if encoding.compression is not None:
        members["compression"] = f'"{encoding.compression}"'
    if encoding.base64:
        members["base64"] = "true"
    if len(members) == 1:
        return members["kind"]
    return "{" + ", ".join(f'"{name}": {value}' for name, value in members.items()) + "}"
