"""The schema ids of every subject of a job whose payloads carry ids of a registry."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import assert_never

from headrace.schema_registry.pin_file import PinFile
from headrace.schema_registry.pins import Pins
from headrace.schema_registry.registry_access import RegistryAccess
from headrace.schema_registry.registry_client import RegistryClient
from headrace.schema_registry.registry_ids import RegistryIds, versions_by_hash
from headrace.schema_registry.registry_watch import RegistryWatch
from headrace.schemas.id_space import IdSpace
from headrace.schemas.message_rules.encoding import Encoding, Frame
from headrace.schemas.registry import Contract, Registry


def id_space_of(contract: Contract) -> IdSpace | None:
    """Return the space of the ids that a subject's payloads carry; None if they carry none that a registry gives."""
    spaces = (_id_space(encoding) for encoding in contract.options.encodings)
    return next((space for space in spaces if space is not None), None)


def _id_space(encoding: Encoding) -> IdSpace | None:
    match encoding.frame:
        case Frame.CONFLUENT | Frame.APICURIO:
            return encoding.id_space
        case Frame.NONE | Frame.SINGLE_OBJECT | Frame.GLUE:
            return None
        case _:
            assert_never(encoding.frame)


def id_spaces(contracts: Registry) -> dict[str, IdSpace]:
    """Return the space of each subject whose payloads carry ids."""
    found = ((subject, id_space_of(contracts.latest(subject))) for subject in contracts.subjects)
    return {subject: space for subject, space in found if space is not None}


class ServedIds:
    """The registry of one job. *folder* keeps the pins; *stop* ends every wait."""

    def __init__(
        self,
        access: RegistryAccess,
        folder: Path,
        contracts: Registry,
        spaces: Mapping[str, IdSpace],
        stop: threading.Event,
    ) -> None:
        client, pins = RegistryClient(access), Pins(PinFile(folder, access.url))
        self.watch = RegistryWatch(client, pins, spaces)
        self._ids = {
            subject: RegistryIds(
                subject,
                space,
                versions_by_hash(contracts, subject),
                client=client,
                pins=pins,
                watch=self.watch,
                pause=stop.wait,
            )
            for subject, space in spaces.items()
        }

    def of(self, subject: str) -> RegistryIds | None:
        """Return the ids of a subject; None if its payloads carry none."""
        return self._ids.get(subject)
