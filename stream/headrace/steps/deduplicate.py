"""Deduplication of event ids by table: compares hashes, and keeps them in bounded state.

State has the remembered ids in chunks of entries: the event key in two words and the content hash. A chunk begins with
the rule of its hashes, in an entry whose key is zero. Chunks of earlier releases lack it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from headrace.core.dead_letter import Reason, Refusal
from headrace.core.micro_batch import PAYLOAD_RULE, MicroBatch, key_rows, rule_of_notes
from headrace.steps.id_table import SALT_BYTES, Contents, Found, Keys, PackedIds, Places, Rows

_ENTRY_WORDS: Final = 3  # the event key in two words, and the content hash
_STORED: Final = np.dtype(">i8")  # type of the hash in state
_NO_KEY: Final = bytes(16)
_CHUNKS: Final = 64  # that are unpacked at once
_NO_HASH: Final = 0  # instead of a hash that cannot be compared; a hash with this value is looked up, too
_CONFLICT: Final = "another event with this ce-id and other values was written before"
_UNKNOWN: Final = (
    "an event with this ce-id was remembered before an update, and its row is not in the table yet or any more, so "
    "their values cannot be compared; replay this one later"
)


@dataclass(frozen=True, slots=True)
class Decision:
    """Result of deduplicating a batch: new rows, exact duplicates and conflicts, by index.

    *same_batch_conflicts* are conflicts with another event of the same batch. Which of the two is stored is decided
    only when the other one is written.
    """

    new: list[int]
    duplicates: list[int]
    conflicts: list[Refusal]
    same_batch_conflicts: list[int]


class SeenIds:
    """Event keys of one (table, shard), each with its content hash; at most *budget* of them.

    There are two generations. When the recent one has half the budget, it becomes the older one, and the previous older
    one is forgotten as a whole. *version* is a hash that is chained over all entries ever remembered. A holder of a
    version's ids does not have to read them again, and a holder that missed a commit notices it.

    Hashes of other rules than the *comparable* ones prove nothing (None: all hashes have one rule). :meth:`unsettled`
    has the rows for which the table must be asked.
    """

    def __init__(
        self,
        older: Iterable[bytes] = (),
        recent: Iterable[bytes] = (),
        version: bytes = b"",
        *,
        budget: int | None = None,
        random: Callable[[int], bytes] = os.urandom,
        comparable: Collection[int] | None = None,
    ) -> None:
        self._salt = random(SALT_BYTES)
        self._comparable = comparable
        self._without_hash = 0  # generations, up to two, in which a hash cannot be compared
        self._enough = None if budget is None else max(budget // 2, 1)
        self._older, self._recent = self._loaded(older), self._loaded(recent)
        self._leaving: list[npt.NDArray[Any]] = []
        self.version = version

    def __len__(self) -> int:
        return len(self._older) + len(self._recent)

    def unsettled(self, batch: MicroBatch) -> list[int]:
        """Return the indexes of rows whose id is remembered with a hash that cannot be compared with theirs."""
        return _indexes(self._unsettled(self._find(_entries(batch)[0]))) if self._without_hash else []

    def decide(self, batch: MicroBatch, stored: Mapping[int, bool] | None = None) -> Decision:
        """Sort a batch's rows into new, duplicate and conflicting rows, without remembering them.

        *stored* maps indexes of rows whose id is in the table to whether the content is the same.
        """
        self._let_go()
        keys, contents = _entries(batch)
        known, before = self._find(keys)
        found, places = stored or {}, np.arange(len(keys))
        may_be_new = ~known
        may_be_new[list(found)] = False
        first = np.where(known, places, _first_alike(keys, may_be_new))
        follows = first < places
        before[follows] = contents[first[follows]]
        new, same = may_be_new & (first == places), before == contents
        unsettled = self._unsettled(Found(known, before))
        same &= ~unsettled
        for index, is_same in found.items():
            if unsettled[index] or not (known[index] or follows[index]):
                same[index] = is_same
        conflicts = ~(new | same)
        return Decision(
            _indexes(new),
            _indexes(same & ~new),
            [
                Refusal(index, Reason.ID_CONFLICT, _UNKNOWN if unsettled[index] and index not in found else _CONFLICT)
                for index in _indexes(conflicts)
            ],
            _indexes(conflicts & follows),
        )

    def packed(self, batch: MicroBatch) -> bytes:
        """Return the bytes that state must keep to remember the rows of a batch."""
        return _pack(rule_of_notes(batch.notes), *_entries(batch))

    def remember(self, written: MicroBatch) -> bytes:
        """Remember every row of *written*, all of which must be new; return the bytes that state must keep of them."""
        keys, contents = _entries(written)
        rule = rule_of_notes(written.notes)
        self._recent.add(keys, self._compared(rule, contents))
        chunk = _pack(rule, keys, contents)
        self.version = chained(self.version, chunk)
        return chunk

    def is_due(self) -> bool:
        """Return whether the recent generation has half of the budget."""
        return self._enough is not None and len(self._recent) >= self._enough

    def turn(self) -> None:
        """Make the recent generation the older one, and forget the previous older one."""
        self._leaving += self._older.columns()
        self._older, self._recent = self._recent, self._new()
        self._without_hash = max(self._without_hash - 1, 0)
        self.version = chained(self.version, b"")

    def _find(self, keys: Keys) -> Found:
        """Look up keys in both generations. No key is in both, and the content of an unknown key is 0."""
        recent, older = self._recent.find(keys), self._older.find(keys)
        return Found(recent.known | older.known, recent.contents | older.contents)

    def _unsettled(self, found: Found) -> npt.NDArray[np.bool_]:
        return found.known & (found.contents == _NO_HASH) if self._without_hash else np.zeros_like(found.known)

    def _let_go(self) -> None:
        """Release a part of the forgotten memory to the system: releasing all at once would take long."""
        if self._leaving:
            self._leaving.pop()

    def _new(self) -> PackedIds:
        return PackedIds(self._salt, self._enough or 0)

    def _loaded(self, chunks: Iterable[bytes]) -> PackedIds:
        ids = self._new()
        for rule, rows in _unpacked(chunks):
            ids.add(Keys.of(rows), self._compared(rule, rows[:, 2].view(_STORED).astype(np.int64)))
        return ids

    def _compared(self, rule: int, contents: Contents) -> Contents:
        """Return the hashes to compare with later ones, none of which is of a rule that cannot be compared."""
        if self._comparable is None or rule in self._comparable:
            return contents
        self._without_hash = 2
        return np.full_like(contents, _NO_HASH)


def chained(version: bytes, chunk: bytes) -> bytes:
    """Return the version that follows *version* when *chunk* is added."""
    return hashlib.blake2b(chunk, key=version, digest_size=16).digest()


def without(
    chunks: Iterable[bytes], keys: Collection[bytes], random: Callable[[int], bytes] = os.urandom
) -> list[bytes]:
    """Return the chunks that state must keep of *chunks* after the event *keys* are forgotten."""
    forgotten = PackedIds(random(SALT_BYTES), len(keys))
    forgotten.add(_keys(list(keys)), np.zeros(len(keys), np.int64))
    kept: dict[int, list[Rows]] = {}
    for rule, rows in _unpacked(chunks):
        kept.setdefault(rule, []).append(rows[~forgotten.find(Keys.of(rows)).known])
    return [_head(rule) + np.concatenate(rows).tobytes() for rule, rows in kept.items() if sum(map(len, rows))]


def _first_alike(keys: Keys, may_be: npt.NDArray[np.bool_]) -> Places:
    """Return for each place the first place with an equal key for which *may_be* is true, or the number of keys."""
    count = len(keys)
    first = np.where(may_be, np.arange(count), count)
    halves = np.sort(keys.first)
    if not (halves[1:] == halves[:-1]).any():
        return first
    order = np.lexsort((keys.second, keys.first))
    ordered = keys.take(order)
    differs = (ordered.first[1:] != ordered.first[:-1]) | (ordered.second[1:] != ordered.second[:-1])
    starts = np.concatenate(([0], np.flatnonzero(differs) + 1))
    firsts = np.minimum.reduceat(first[order], starts)
    first[order] = np.repeat(firsts, np.diff(starts, append=count))
    return first


def _indexes(mask: npt.NDArray[np.bool_]) -> list[int]:
    return np.flatnonzero(mask).tolist()


def _entries(batch: MicroBatch) -> tuple[Keys, Contents]:
    return Keys.of(key_rows(batch.notes.column("event_key"))), batch.notes.column("content_hash").to_numpy()


def _keys(keys: Iterable[bytes]) -> Keys:
    return Keys.of(np.frombuffer(b"".join(keys), np.uint64).reshape(-1, 2))


def _pack(rule: int, keys: Keys, contents: Contents) -> bytes:
    rows = np.empty((len(keys), _ENTRY_WORDS), np.uint64)
    rows[:, 0], rows[:, 1], rows[:, 2] = keys.first, keys.second, contents.astype(_STORED).view(np.uint64)
    return _head(rule) + rows.tobytes()


def _head(rule: int) -> bytes:
    return b"" if rule == PAYLOAD_RULE else _NO_KEY + rule.to_bytes(8, "big", signed=True)


def _rule_of(chunk: bytes) -> int:
    head = chunk[: len(_NO_KEY) + 8]
    return int.from_bytes(head[len(_NO_KEY) :], "big", signed=True) if head.startswith(_NO_KEY) else PAYLOAD_RULE


def _unpacked(chunks: Iterable[bytes]) -> Iterator[tuple[int, Rows]]:
    """Yield the entries of *chunks*, each as a row of three words, with their rule: thousands at a time."""
    for rule, alike in groupby(chunks, _rule_of):
        while some := list(islice(alike, _CHUNKS)):
            start = len(_head(rule))
            yield rule, np.frombuffer(b"".join(each[start:] for each in some), np.uint64).reshape(-1, _ENTRY_WORDS)
