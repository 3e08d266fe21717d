"""One message as a row of an outbox: its subject, a body with everything else, and a digest of both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_LENGTH_BYTES: Final = 4
DIGEST_BYTES: Final = 8
_to_json: Final = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """Message for the topic of *subject*, as a publisher takes it."""

    subject: str
    data: bytes = field(repr=False)
    attributes: Mapping[str, str] = field(repr=False)
    ordering_key: str = field(default="", repr=False)

    def packed(self) -> bytes:
        """Return everything except the subject: the length of a JSON header, the header, the payload."""
        header = _to_json([self.ordering_key, self.attributes]).encode()
        return b"".join((len(header).to_bytes(_LENGTH_BYTES, "big"), header, self.data))

    @classmethod
    def unpacked(cls, subject: str, body: bytes) -> OutboxMessage:
        """Return the message whose :meth:`packed` gave *body*."""
        start = _LENGTH_BYTES + int.from_bytes(body[:_LENGTH_BYTES], "big")
        ordering_key, attributes = json.loads(body[_LENGTH_BYTES:start])
        return cls(subject, body[start:], attributes, ordering_key)


def digest(subject: str, stored: bytes) -> bytes:
    """Return the checksum of a row: of its subject and its body as it is stored."""
    hashed = hashlib.blake2b(subject.encode(), digest_size=DIGEST_BYTES)
    hashed.update(b"\0")
    hashed.update(stored)
    return hashed.digest()


def key_number(ordering_key: str) -> int | None:
    """Return a number that events of one ordering key share, or None for no ordering key.

    Two keys may share a number. Then their events are sent by one process, each key in its order.
    """
    if not ordering_key:
        return None
    return int.from_bytes(hashlib.blake2b(ordering_key.encode(), digest_size=8).digest(), "big", signed=True)
