"""Receipts of messages whose outcome is durable. A redelivered message is only acknowledged, and not counted again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np

from headrace.core.message import Message
from headrace.steps.id_table import SALT_BYTES, Keys, PackedIds
from headrace.util.hashing import digests

_BYTES: Final = 16
GENERATION_MESSAGES: Final = 300_000  # one minute at 5,000 a second, the longest time that an acknowledgement may take


def receipts_for(messages: Iterable[Message]) -> list[bytes]:
    """Return the 128 bits by which each Pub/Sub message is recognised.

    They depend on the publish time too, because the emulator counts its ids from 1 again after a restart. Ids are
    unique within a topic alone, so messages of an existing subscription are recognised by its name too.
    """
    return digests([_named(each).encode() for each in messages], _BYTES)


def _named(message: Message) -> str:
    name = f"{message.message_id} {message.published_at}"
    return f"{message.subscription} {name}" if message.subscription else name


class Receipts:
    """The receipts of one subject's last messages, in two generations; when the newer is full, the older is removed."""

    def __init__(self, chunks: Iterable[tuple[int, bytes]] = (), random: Callable[[int], bytes] = os.urandom) -> None:
        self._salt = random(SALT_BYTES)
        by_generation: dict[int, list[bytes]] = {}
        for generation, packed in chunks:
            by_generation.setdefault(generation, []).append(packed)
        self.generation = max(by_generation, default=0)
        self._recent, self._older = (
            self._loaded(by_generation.get(generation, [])) for generation in (self.generation, self.generation - 1)
        )

    def known(self, receipts: Sequence[bytes]) -> list[bool]:
        """Return for each receipt whether its message is known."""
        keys = _keys(b"".join(receipts))
        known: list[bool] = (self._recent.find(keys).known | self._older.find(keys).known).tolist()
        return known

    def add(self, packed: bytes) -> None:
        """Remember packed receipts, which the journal has under the current generation."""
        _add(self._recent, packed)
        if len(self._recent) >= GENERATION_MESSAGES:
            self.generation += 1
            self._older, self._recent = self._recent, self._loaded([])

    def _loaded(self, chunks: Iterable[bytes]) -> PackedIds:
        ids = PackedIds(self._salt, GENERATION_MESSAGES)
        _add(ids, b"".join(chunks))
        return ids


def _add(ids: PackedIds, packed: bytes) -> None:
    keys = _keys(packed)
    ids.add(keys, np.zeros(len(keys), np.int64))


def _keys(packed: bytes) -> Keys:
    return Keys.of(np.frombuffer(packed, np.uint64).reshape(-1, 2))
