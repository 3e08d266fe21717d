"""The schema ids of every subject of a job whose payloads carry ids of a registry."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from headrace.schema_registry.id_rules import versions_by_hash
from headrace.schema_registry.pin_file import PinFile
from headrace.schema_registry.pins import Pins
from headrace.schema_registry.registry_access import RegistryAccess
from headrace.schema_registry.registry_client import RegistryClient
from headrace.schema_registry.registry_ids import RegistryIds
from headrace.schema_registry.registry_watch import RegistryWatch
from headrace.schemas.id_space import IdSpace
from headrace.schemas.registry import Registry


class ServedIds:
    """The registry of one job. *folder* keeps the pins; *stop* ends every wait."""

    def __init__(
        self,
        access: RegistryAccess,
        folder: Path,
        spaces: Mapping[str, IdSpace],
        stop: threading.Event,
    ) -> None:
        client, pins = RegistryClient(access), Pins(PinFile(folder, access.url))
        self.watch = RegistryWatch(client, pins, spaces)
        self._ids = {
            subject: RegistryIds(
                subject, space, versions={}, client=client, pins=pins, watch=self.watch, pause=stop.wait
            )
            for subject, space in spaces.items()
        }

    def of(self, subject: str, contracts: Registry) -> RegistryIds | None:
        """Return the ids of a subject with its versions of now; None if its payloads carry none."""
        ids = self._ids.get(subject)
        if ids is not None:
            ids.serve(versions_by_hash(contracts, subject))
        return ids
