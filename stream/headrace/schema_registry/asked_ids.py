"""Schema ids that a person's command asks a registry for: what the job would be answered now. Nothing is pinned."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from headrace.schema_registry.id_rules import (
    ASKED_A_SECOND,
    ASKED_AT_ONCE,
    NOT_FOUND,
    UNASKED,
    foreign,
    id_spaces,
    unusable,
    versions_by_hash,
)
from headrace.schema_registry.registry_client import RegistryClient
from headrace.schema_registry.registry_errors import NotInRegistryError, RegistryError, UnusableSchemaError
from headrace.schema_registry.request_budget import RequestBudget
from headrace.schemas.id_space import IdSpace
from headrace.schemas.registry import Registry


class AskedIds:
    """The ids of one *subject* in one *space*; *versions* are those of the subject by the hash of their schema.

    Each id is asked for once. After a failure the registry is asked no more, so that a command ends soon.
    """

    def __init__(
        self,
        subject: str,
        space: IdSpace,
        versions: Mapping[str, int],
        client: RegistryClient,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._subject, self._space, self._versions, self._client = subject, space, versions, client
        self._budget = RequestBudget(ASKED_AT_ONCE, ASKED_A_SECOND, now)
        self._answers: dict[int, int | str] = {}
        self._failure = ""

    def learn(self, schema_ids: Iterable[int]) -> None:
        """Ask for the ids that are not known."""
        for each in schema_ids:
            if each not in self._answers:
                self._answers[each] = self._failure or self._ask(each)

    def version_of(self, schema_id: int) -> int | None:
        """Return the version of an id; None for an id that is not of the subject, or cannot be asked for."""
        self.learn((schema_id,))
        answer = self._answers[schema_id]
        return answer if isinstance(answer, int) else None

    def why_not(self, schema_id: int) -> str:
        """Return why an id has no version."""
        return str(self._answers[schema_id])

    def _ask(self, schema_id: int) -> int | str:
        """Return the version of an id, or why it has none."""
        if not self._budget.take():
            return UNASKED
        try:
            found = self._client.hash_of_id(self._space, schema_id)
        except NotInRegistryError:
            return NOT_FOUND
        except UnusableSchemaError as error:
            return unusable(error)
        except RegistryError as error:
            self._failure = f"its schema id cannot be asked for now: {error}"
            return self._failure
        return self._versions.get(found) or foreign(self._subject)


def ids_asked_of(client: RegistryClient, contracts: Registry) -> Callable[[str], AskedIds | None]:
    """Return a function that returns the ids of a subject; None if its payloads carry none."""
    ids = {
        subject: AskedIds(subject, space, versions_by_hash(contracts, subject), client)
        for subject, space in id_spaces(contracts).items()
    }
    return ids.get
