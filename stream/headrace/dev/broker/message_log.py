"""Messages of one topic, in the order of their ids.

An id is an integer: the topic's number and a position within the topic. Positions begin at one and have no gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from headrace.dev.broker.store import Store

_POSITION_BITS: Final = 40
_DELETED: Final = 5_000
Row = tuple[int, bytes]  # id, and the serialized PubsubMessage


class MessageLog:
    """Messages of the topic with *number*. *messages* and *bytes* count all that were ever published."""

    def __init__(self, store: Store, number: int) -> None:
        self._store = store
        self.number = number
        self.start = number << _POSITION_BITS  # before the first message
        self._end = (number + 1) << _POSITION_BITS
        ((self.messages, self.bytes),) = store.rows("SELECT messages, bytes FROM topics WHERE number = ?", (number,))

    @property
    def newest(self) -> int:
        """The id of the last message."""
        return self.start + int(self.messages)

    def append(self, published: int, bodies: Sequence[bytes]) -> None:
        """Store messages with the ids after :attr:`newest`; *published* is in microseconds."""
        first = self.newest + 1
        self._store.change_many(
            "INSERT INTO messages VALUES (?, ?, ?)", [(first + n, published, body) for n, body in enumerate(bodies)]
        )
        self.messages += len(bodies)
        self.bytes += sum(map(len, bodies))
        self._store.change(
            "UPDATE topics SET messages = ?, bytes = ? WHERE number = ?", (self.messages, self.bytes, self.number)
        )

    def after(self, last: int, at_most: int) -> list[Row]:
        """Return at most *at_most* messages after the id *last*."""
        return self._store.rows(
            "SELECT id, body FROM messages WHERE id > ? AND id < ? ORDER BY id LIMIT ?", (last, self._end, at_most)
        )

    def body(self, message: int) -> bytes | None:
        """Return one message; None if it is no longer retained."""
        found = self._store.rows("SELECT body FROM messages WHERE id = ?", (message,))
        return found[0][0] if found else None

    def before(self, published: int, begin: int) -> int:
        """Return the last id after *begin* of the messages published before a time, or *begin*."""
        found = self._store.rows(
            "SELECT id FROM messages WHERE id > ? AND id < ? AND published >= ? ORDER BY id LIMIT 1",
            (begin, self._end, published),
        )
        return max(begin, found[0][0] - 1 if found else self.newest)

    def published(self, after: int) -> int | None:
        """Return the publish time of the first message after an id, in microseconds."""
        found = self._store.rows(
            "SELECT published FROM messages WHERE id > ? AND id < ? ORDER BY id LIMIT 1", (after, self._end)
        )
        return found[0][0] if found else None

    def delete_some(self, through: int) -> bool:
        """Delete the oldest messages up to an id, as many as take a moment. Return whether there were any."""
        ((oldest,),) = self._store.rows("SELECT min(id) FROM messages WHERE id > ? AND id <= ?", (self.start, through))
        if oldest is None:
            return False
        last = min(through, oldest + _DELETED)
        self._store.change("DELETE FROM messages WHERE id > ? AND id <= ?", (self.start, last))
        return True
