"""The schema ids of a subject over a server of the tests, with a clock that the test moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from headrace.schema_registry.bounded_http import BoundedHttp, TimeLimits
from headrace.schema_registry.pin_file import PinFile
from headrace.schema_registry.pins import Pins
from headrace.schema_registry.registry_client import RegistryClient
from headrace.schema_registry.registry_ids import RegistryIds
from headrace.schema_registry.registry_watch import RegistryWatch
from headrace.schemas.id_space import IdSpace
from headrace.schemas.schema_equality import read_schema, schema_hash
from tests.support.registry_answers import schema_text
from tests.support.registry_server import RegistryServer

SUBJECT = "order_placed"
V1, V2 = (schema_hash(read_schema(schema_text(f"order_placed.v{number}.avsc"))) for number in (1, 2))
QUICK = TimeLimits(connect=0.5, read=0.5, whole=0.8)


@dataclass
class IdsUnderTest:
    """What an engine has of a registry: client, pins on disk, the watch, and a clock."""

    server: RegistryServer
    folder: Path
    time: float = 1000.0
    pauses: list[float] = field(default_factory=list)
    stops: bool = False

    def __post_init__(self) -> None:
        self.client = RegistryClient(self.server.access, BoundedHttp(self.server.access, QUICK))
        self.pins = Pins(PinFile(self.folder, self.server.url))
        self.watch = RegistryWatch(self.client, self.pins, [SUBJECT, "other_subject"], lambda: self.time)

    def ids(self, space: IdSpace = IdSpace.CONTENT, subject: str = SUBJECT) -> RegistryIds:
        """The ids of a subject with the two versions of ``order_placed``."""
        return RegistryIds(
            subject,
            space,
            {V1: 1, V2: 2},
            client=self.client,
            pins=self.pins,
            watch=self.watch,
            pause=self._pause,
            now=lambda: self.time,
        )

    def _pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        self.time += seconds
        return self.stops
