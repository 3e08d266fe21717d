"""Messages whose fate is durable: one that comes again has only its acknowledgement missing, and is not counted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from stream.message import Message

_BYTES: Final = 16
GENERATION_MESSAGES: Final = 300_000  # a minute at 5,000 a second: as long as an acknowledgement may be under way


def receipt(message: Message) -> bytes:
    """The 128 bits by which a Pub/Sub message is recognised.

    Its publish time is among them: the emulator counts its ids from 1 again when it is started anew.
    """
    name = f"{message.message_id} {message.published_at}"
    return hashlib.blake2b(name.encode(), digest_size=_BYTES).digest()


class Receipts:
    """The last messages of one subject, in two generations: when the recent one is full, the older is forgotten."""

    def __init__(self, chunks: Iterable[tuple[int, bytes]] = ()) -> None:
        by_generation: dict[int, set[bytes]] = {}
        for generation, packed in chunks:
            by_generation.setdefault(generation, set()).update(_unpack(packed))
        self.generation = max(by_generation, default=0)
        self._recent = by_generation.get(self.generation, set())
        self._older = by_generation.get(self.generation - 1, set())

    def __contains__(self, key: bytes) -> bool:
        return key in self._recent or key in self._older

    def add(self, packed: bytes) -> None:
        """Remember packed receipts, which stand in the journal under the present generation."""
        self._recent.update(_unpack(packed))
        if len(self._recent) >= GENERATION_MESSAGES:
            self.generation += 1
            self._older, self._recent = self._recent, set()


def _unpack(packed: bytes) -> Iterable[bytes]:
    return (packed[start : start + _BYTES] for start in range(0, len(packed), _BYTES))
