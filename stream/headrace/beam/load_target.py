"""What the steps of a load have in common: where it goes, and the files between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from headrace.config.secrets import Key
from headrace.core.resource_names import Names
from headrace.schemas.registry import Contract


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Where a load goes. *name* tells it from all others, *folder* is the ``gs://`` address of its files."""

    name: str
    folder: str
    contract: Contract = field(repr=False)
    names: Names
    shards: int
    window: timedelta
    sealing: Key


class Part(NamedTuple):
    """A Parquet file of rows, with the first and the last moment of its events."""

    address: str
    first: datetime
    last: datetime
