"""Take over the messages of processes that have ended, or that give no sign of life."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from headrace.producers.outbox import tables
from headrace.producers.outbox.file_locks import is_locked
from headrace.producers.outbox.opening import transaction
from headrace.producers.outbox.session import Session, owner_lock
from headrace.producers.outbox.tables import Owner

LEASE_SECONDS: Final = 60.0  # without a heartbeat, as this process measures it: no clock is compared with another's


class Adoption:
    """View of one process on the other owners of a file."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._seen: dict[int, tuple[int, float]] = {}  # owner -> its beats, and when they were first seen

    def adopt(self, now: float) -> int:
        """Take over what owners left that are gone; return how many messages that is. *now* is a monotonic time.

        A process that is alive and frozen loses its messages after the lease. When it goes on, it may send some again.
        """
        session = self._session
        with session.reader() as reader:
            owners = {each.id: each for each in tables.owners(reader)}
            having = tables.owners_of_messages(reader)
        gone = [id_ for id_ in (having | owners.keys()) - {session.owner} if self._is_gone(id_, owners.get(id_), now)]
        return sum(self._take(each) for each in gone)

    def _is_gone(self, id_: int, owner: Owner | None, now: float) -> bool:
        if owner is None:
            return True
        if is_locked(owner_lock(self._session.path, id_)) is False:
            return True
        beats, since = self._seen.get(id_, (-1, now))
        if beats != owner.beats:
            self._seen[id_] = owner.beats, now
            return False
        return now - since > LEASE_SECONDS

    def _take(self, id_: int) -> int:
        with self._session.writer() as writer, transaction(writer):
            taken = tables.take_over(writer, id_, self._session.owner)
        self._seen.pop(id_, None)
        with suppress(FileNotFoundError):
            owner_lock(self._session.path, id_).unlink()
        return taken
