"""Rows of the store about one subscription: acknowledgements, deliveries of each message, counts."""

from __future__ import annotations

from collections.abc import Iterable

from headrace.dev.broker.store import Store


class SubscriptionRows:
    """Rows of the subscription with *number*."""

    def __init__(self, store: Store, number: int) -> None:
        self._store = store
        self._number = number

    def settled(self) -> list[int]:
        """Return the settled messages beyond the floor."""
        rows = self._store.rows("SELECT first, last FROM settled WHERE subscription = ?", (self._number,))
        return [each for first, last in rows for each in range(first, last + 1)]

    def attempts(self) -> dict[int, int]:
        """Return the number of deliveries of each message that is counted."""
        return dict(self._store.rows("SELECT message, count FROM attempts WHERE subscription = ?", (self._number,)))

    def settle(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Write ranges of settled messages."""
        self._store.change_many(
            "REPLACE INTO settled VALUES (?, ?, ?)", [(self._number, first, last) for first, last in ranges]
        )

    def write_floor(self, floor: int) -> None:
        """Write the id up to which all messages are settled, and forget the ranges below."""
        self._store.change("UPDATE subscriptions SET floor = ? WHERE number = ?", (floor, self._number))
        self._store.change("DELETE FROM settled WHERE subscription = ? AND last <= ?", (self._number, floor))

    def write_attempt(self, message: int, attempt: int) -> None:
        """Write the number of deliveries of a message."""
        self._store.change("REPLACE INTO attempts VALUES (?, ?, ?)", (self._number, message, attempt))

    def forget_attempts(self, messages: Iterable[int]) -> None:
        """Forget the deliveries of settled messages."""
        self._store.change_many(
            "DELETE FROM attempts WHERE (subscription, message) = (?, ?)", [(self._number, each) for each in messages]
        )

    def write_counts(self, delivered: int, acknowledged: int) -> None:
        """Write how many messages were ever delivered and acknowledged."""
        self._store.change(
            "UPDATE subscriptions SET delivered = ?, acknowledged = ? WHERE number = ?",
            (delivered, acknowledged, self._number),
        )

    def replace(self, floor: int, epoch: int, settled: Iterable[int]) -> None:
        """Write another state, after a seek."""
        self._store.change(
            "UPDATE subscriptions SET floor = ?, epoch = ? WHERE number = ?", (floor, epoch, self._number)
        )
        self._store.change("DELETE FROM settled WHERE subscription = ?", (self._number,))
        self._store.change("DELETE FROM attempts WHERE subscription = ?", (self._number,))
        self.settle((each, each) for each in settled)
