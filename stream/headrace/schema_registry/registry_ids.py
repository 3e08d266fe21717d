"""The schema ids of one subject: which version of its contract each id names."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from headrace.schema_registry.id_rules import ASKED_A_SECOND, ASKED_AT_ONCE, NOT_FOUND, UNASKED, foreign, unusable
from headrace.schema_registry.pin_file import PinKey
from headrace.schema_registry.pins import Pins
from headrace.schema_registry.registry_client import RegistryClient
from headrace.schema_registry.registry_errors import (
    NotInRegistryError,
    RegistryAwayError,
    RegistryError,
    UnusableSchemaError,
)
from headrace.schema_registry.registry_watch import RegistryWatch
from headrace.schema_registry.request_budget import RequestBudget
from headrace.schema_registry.unknown_ids import FOREIGN_SECONDS, NOT_FOUND_SECONDS, UNASKED_SECONDS, UnknownIds
from headrace.schemas.id_space import IdSpace

RETRY_SECONDS: Final = (0.3, 1.0)  # before the second and the third request for an id that is not found


class RegistryIds:
    """The ids of one *subject* in one *space*, by their pins and by the registry's answers.

    That an id exists proves nothing: its schema must equal one of the subject's *versions*, given by hash. *pause*
    waits for some seconds, and returns whether to give up. One thread at a time uses it.
    """

    def __init__(
        self,
        subject: str,
        space: IdSpace,
        versions: Mapping[str, int],
        *,
        client: RegistryClient,
        pins: Pins,
        watch: RegistryWatch,
        pause: Callable[[float], bool],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.subject = subject
        self._space = space
        self._versions = versions
        self._client = client
        self._pins = pins
        self.watch = watch
        self._pause = pause
        self._now = now
        self._unknown = UnknownIds(now)
        self._budget = RequestBudget(ASKED_AT_ONCE, ASKED_A_SECOND, now)

    def serve(self, versions: Mapping[str, int]) -> None:
        """Serve *versions* from now on. An id that named none of the former ones may name one of these."""
        self._versions, self._unknown = versions, UnknownIds(self._now)

    def check(self) -> None:
        """Raise PinBrokenError if a pinned id of the subject names another schema now."""
        self.watch.check(self.subject)

    def version_of(self, schema_id: int) -> int | None:
        """Return the version whose schema has this id; None if the id is known not to be one of the subject's.

        Call it once for each id of a batch, not for each message, after :meth:`learn` with all of them.

        Raises:
            RegistryError: the id is unknown, and the registry cannot be asked now.
            PinBrokenError: a pinned id of the subject names another schema now.
            PinFileError: the answer cannot be pinned.
        """
        self.learn((schema_id,))
        found = self._hash_of(schema_id)
        return None if found is None else self._versions.get(found)

    def why_not(self, schema_id: int) -> str:
        """Return why an id has no version, for a dead letter."""
        return self._unknown.why(schema_id) or foreign(self.subject)

    def learn(self, schema_ids: Iterable[int]) -> None:
        """Ask the registry for those ids that are unknown: together, so that retries of all of them take one pause.

        Raises:
            RegistryError, PinBrokenError, PinFileError: as in :meth:`version_of`.
        """
        self.check()
        waiting = [each for each in dict.fromkeys(schema_ids) if not self._is_known(each)]
        if not waiting:
            return
        self.watch.check_answers()
        waiting = self._ask_all(waiting)
        for seconds in RETRY_SECONDS:
            if waiting and self._pause(seconds):
                raise RegistryAwayError("the job stops while ids are asked for; start it again")
            waiting = self._ask_all(waiting)
        for each in waiting:
            self._unknown.note(each, NOT_FOUND, NOT_FOUND_SECONDS)

    def _is_known(self, schema_id: int) -> bool:
        return self._hash_of(schema_id) is not None or self._unknown.why(schema_id) is not None

    def _hash_of(self, schema_id: int) -> str | None:
        return self._pins.of(self.subject).ids.get(PinKey(self._space, schema_id))

    def _ask_all(self, schema_ids: Iterable[int]) -> list[int]:
        """Ask for each id, and return those that are not found."""
        try:
            return [each for each in schema_ids if not self._ask(each)]
        except RegistryError as error:
            self.watch.note(error)
            raise

    def _ask(self, schema_id: int) -> bool:
        """Ask for one id, and note the answer; return False if the registry does not have it."""
        if not self._budget.take():
            self._unknown.note(schema_id, UNASKED, UNASKED_SECONDS)
            return True
        try:
            found = self._client.hash_of_id(self._space, schema_id)
        except NotInRegistryError:
            return False
        except UnusableSchemaError as error:
            self._unknown.note(schema_id, unusable(error), FOREIGN_SECONDS)
            return True
        if found in self._versions:
            self._pins.pin(self.subject, PinKey(self._space, schema_id), found)
        else:
            self._unknown.note(schema_id, foreign(self.subject), FOREIGN_SECONDS)
        return True
