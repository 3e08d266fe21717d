"""The one datum in an Avro container that is the payload of a message."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from itertools import islice
from typing import Final, NamedTuple

from headrace.schemas.decoder import MAX_PAYLOAD_BYTES
from headrace.schemas.errors import UndecodableError
from headrace.schemas.schema_equality import UnreadableSchemaError, read_schema, schema_hash
from headrace.util.avro_container import ContainerError, blocks, read_header

MAX_SCHEMA_BYTES: Final = 256 * 1024
_CACHED_SCHEMAS: Final = 64


class EnclosedDatum(NamedTuple):
    """*schema* is the hash of the parsed form of the container's schema."""

    schema: bytes
    datum: bytes


def read_container(payload: bytes) -> EnclosedDatum:
    """Read a container with one datum.

    Raises:
        UndecodableError: the payload is no container, or has no event or several.
    """
    file = BytesIO(payload)
    try:
        header = read_header(file)
        found = [*islice(blocks(file, header, MAX_PAYLOAD_BYTES), 2)]
    except ContainerError as error:
        raise UndecodableError(f"not an Avro container that can be read: {error}", offset=file.tell()) from None
    if len(found) != 1 or found[0].records != 1:
        raise UndecodableError("an Avro container with none or several events; publish each event in its own message")
    return EnclosedDatum(_known_hash(header.schema), found[0].data)


def _known_hash(schema: bytes) -> bytes:
    if len(schema) > MAX_SCHEMA_BYTES:
        raise UndecodableError(f"an Avro container with a schema of more than {MAX_SCHEMA_BYTES:,} bytes")
    try:
        return _hash_of(schema)
    except (UnreadableSchemaError, UnicodeDecodeError):
        raise UndecodableError("an Avro container whose header has no Avro schema that can be read") from None


@lru_cache(_CACHED_SCHEMAS)
def _hash_of(schema: bytes) -> bytes:
    return bytes.fromhex(schema_hash(read_schema(schema.decode())))
