"""One Pub/Sub message, as it came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Message:
    """Bytes and attributes, unchanged, and where and when they came from.

    *subject* is the one whose subscription brought the message, whatever its attributes say;
    *published_at* is Pub/Sub's time, in microseconds since 1970.
    """

    subject: str
    data: bytes = field(repr=False)
    attributes: Mapping[str, str] = field(repr=False)
    message_id: str
    published_at: int
    ordering_key: str = field(default="", repr=False)
