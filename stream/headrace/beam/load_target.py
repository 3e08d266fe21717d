"""The options that the steps of a load share, and the files that they pass to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from headrace.config.secrets import Key
from headrace.core.resource_names import Names
from headrace.schemas.registry import Contract


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """The target of a load. *name* identifies the load, *folder* is the ``gs://`` address of its files."""

    name: str
    folder: str
    contract: Contract = field(repr=False)
    names: Names
    shards: int
    window: timedelta
    sealing: Key


class Part(NamedTuple):
    """A Parquet file of rows, with the times of its first and last event."""

    address: str
    first: datetime
    last: datetime
