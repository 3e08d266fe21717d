"""Payload of a message in Headrace's own envelope: a datum, compressed where an attribute says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from headrace.schemas.data_reference import DATAREF, DATAREF_SHA256
from headrace.schemas.envelope import CONTENT_ENCODING
from headrace.schemas.errors import UndecodableError
from headrace.schemas.message_rules.encoding_words import COMPRESSIBLE, setting
from headrace.steps.decode.payload_layers import unpack

_AROUND: Final = frozenset({CONTENT_ENCODING, DATAREF, DATAREF_SHA256})


def native_datum(data: bytes, attributes: Mapping[str, str], may_be_compressed: bool) -> bytes:
    """Return the datum of a payload. *may_be_compressed* is whether the newest contract allows compression.

    Raises:
        UndecodableError: the payload is not compressed as its attribute says, may not be compressed, or is too large.
    """
    named = attributes.get(CONTENT_ENCODING)
    if named is None:
        return data
    if not may_be_compressed and named != "identity":
        raise UndecodableError(
            f"the attribute {CONTENT_ENCODING} says that it is compressed, and the contract does not allow that",
            remedy="send it uncompressed and without the attribute, or write ",
            setting=f"{setting(COMPRESSIBLE)} in the newest contract",
        )
    return unpack(data, COMPRESSIBLE, {CONTENT_ENCODING: named})


def of_bare_datum(attributes: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes of the same message with the datum as its data: uncompressed, and in no bucket."""
    return {name: value for name, value in attributes.items() if name not in _AROUND}
