"""Pinning the ids of a subject anew, after its registry gave them to other schemas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from headrace.schema_registry.pin_file import PinKey, SubjectPins
from headrace.schema_registry.registry_client import RegistryClient
from headrace.schema_registry.registry_errors import NotInRegistryError, UnusableSchemaError


class PinChange(StrEnum):
    """Result of renewing a pin."""

    KEPT = "kept"
    CHANGED = "names another version now"
    FOREIGN = "names a schema of somebody else now: no longer pinned"
    GONE = "is not in the registry: no longer pinned"


@dataclass(frozen=True, slots=True)
class RenewedPin:
    """A pin before and after: the versions that the id meant and means; None if it means none."""

    key: PinKey
    before: int | None
    after: int | None
    change: PinChange


@dataclass(frozen=True, slots=True)
class RenewedPins:
    """All pins of a subject, and the ids with their hashes to keep."""

    pins: tuple[RenewedPin, ...]
    ids: Mapping[PinKey, str]


def renew(client: RegistryClient, pins: SubjectPins, versions: Mapping[str, int]) -> RenewedPins:
    """Ask for every pinned id again. *versions* are those of the subject by hash.

    Raises:
        RegistryError: the registry cannot be asked now.
    """
    renewed: list[RenewedPin] = []
    ids: dict[PinKey, str] = {}
    for key, pinned in sorted(pins.ids.items()):
        found, change = _answer(client, key, pinned, versions)
        if found is not None:
            ids[key] = found
        renewed.append(RenewedPin(key, versions.get(pinned), versions.get(found or ""), change))
    return RenewedPins(tuple(renewed), ids)


def _answer(
    client: RegistryClient, key: PinKey, pinned: str, versions: Mapping[str, int]
) -> tuple[str | None, PinChange]:
    try:
        found = client.hash_of_id(key.space, key.id)
    except NotInRegistryError:
        return None, PinChange.GONE
    except UnusableSchemaError:
        return None, PinChange.FOREIGN
    if found == pinned:
        return found, PinChange.KEPT
    return (found, PinChange.CHANGED) if found in versions else (None, PinChange.FOREIGN)
