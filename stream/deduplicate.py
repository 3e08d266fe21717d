"""Each event id once per table: decided by comparing hashes, remembered in bounded state."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stream.batch import MicroBatch
from stream.deadletter import Reason, Refusal

_ENTRY: Final = struct.Struct(">16sq")  # event key, content hash
_CONFLICT: Final = "another event with this ce-id and another payload was written before"


@dataclass(frozen=True, slots=True)
class Decision:
    """What deduplication says of a batch: rows that are new, exact duplicates, and conflicts; by index.

    *rivals* are those conflicts whose other event is in the same batch: which of the two counts is not settled before
    that one is written.
    """

    fresh: list[int]
    duplicates: list[int]
    conflicts: list[Refusal]
    rivals: list[int]


class SeenIds:
    """The event keys that one (table, shard) remembers, each with the hash of its content.

    Two generations: when the recent one has grown to half the budget it becomes the older one, and what was
    older is forgotten as a whole. *version* is a hash chained over all that was ever remembered: whoever
    holds the ids of a version need not read them again, and whoever lost a commit sees that it has to.
    """

    def __init__(self, older: Iterable[bytes] = (), recent: Iterable[bytes] = (), version: bytes = b"") -> None:
        self._older = _unpack(older)
        self._recent = _unpack(recent)
        self.version = version

    def __len__(self) -> int:
        return len(self._older) + len(self._recent)

    def decide(self, batch: MicroBatch, stored: Mapping[int, bool] | None = None) -> Decision:
        """Sort a batch's rows into fresh, duplicate and conflicting; remembers nothing yet.

        *stored* are the indexes of rows whose id was found in the table itself, and whether with the same content.
        """
        here: dict[bytes, int] = {}
        found = stored or {}
        decision = Decision([], [], [], [])
        for index, (key, content) in enumerate(_entries(batch)):
            known = _first(key, here, self._recent, self._older)
            if known is None and index not in found:
                here[key] = content
                decision.fresh.append(index)
            elif found[index] if known is None else known == content:
                decision.duplicates.append(index)
            else:
                decision.conflicts.append(Refusal(index, Reason.ID_CONFLICT, _CONFLICT))
                if key in here:
                    decision.rivals.append(index)
        return decision

    def packed(self, batch: MicroBatch) -> bytes:
        """What state must keep of a batch to remember its rows."""
        return _pack(_entries(batch))

    def remember(self, written: MicroBatch) -> bytes:
        """Remember every row of *written*; the chunk is what state must keep of it."""
        entries = _entries(written)
        self._recent.update(entries)
        chunk = _pack(entries)
        self.version = chained(self.version, chunk)
        return chunk

    def is_due(self, budget: int) -> bool:
        """Say whether the recent generation has grown to half of *budget* ids."""
        return len(self._recent) >= max(budget // 2, 1)

    def turn(self, keep: Collection[bytes] = ()) -> bytes:
        """Let the recent generation be the older one. Of what was older only the event keys to *keep* stay, in the
        older one too; the chunk is what state must keep of them."""
        kept = [(key, self._older[key]) for key in sorted(keep) if key in self._older]
        self._older, self._recent = self._recent | dict(kept), {}
        chunk = _pack(kept)
        self.version = chained(self.version, chunk)
        return chunk


def chained(version: bytes, chunk: bytes) -> bytes:
    """The version after *version* when *chunk* is what changed."""
    return hashlib.blake2b(chunk, key=version, digest_size=16).digest()


def without(chunks: Iterable[bytes], keys: Collection[bytes]) -> bytes:
    """What state must keep of *chunks* once the event *keys* are forgotten."""
    return _pack([entry for entry in _unpack(chunks).items() if entry[0] not in keys])


def _first(key: bytes, *generations: Mapping[bytes, int]) -> int | None:
    for generation in generations:
        content = generation.get(key)
        if content is not None:
            return content
    return None


def _entries(batch: MicroBatch) -> list[tuple[bytes, int]]:
    keys, contents = batch.notes.column("event_key"), batch.notes.column("content_hash")
    return list(zip(keys.to_pylist(), contents.to_pylist(), strict=True))


def _pack(entries: Sequence[tuple[bytes, int]]) -> bytes:
    return b"".join(_ENTRY.pack(key, content) for key, content in entries)


def _unpack(chunks: Iterable[bytes]) -> dict[bytes, int]:
    return {key: content for chunk in chunks for key, content in _ENTRY.iter_unpack(chunk)}
