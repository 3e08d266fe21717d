"""Events as files of each format, for backfills."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq

from headrace.schemas.envelope import to_rfc3339
from headrace.schemas.registry import Contract

Events = Sequence[Mapping[str, Any]]


def as_csv(path: Path, contract: Contract, events: Events) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [each.name for each in contract.record.fields])
        writer.writeheader()
        writer.writerows({name: _plain(value) for name, value in event.items()} for event in events)
    return path


def as_ndjson(path: Path, contract: Contract, events: Events) -> Path:
    path.write_text("".join(json.dumps({n: _plain(v) for n, v in event.items()}) + "\n" for event in events))
    return path


def as_avro(path: Path, contract: Contract, events: Events) -> Path:
    with path.open("wb") as file:
        fastavro.writer(file, contract.avro, events)
    return path


def as_parquet(path: Path, contract: Contract, events: Events) -> Path:
    pq.write_table(pa.Table.from_pylist([dict(event) for event in events]), path)
    return path


WRITERS = {"csv": as_csv, "ndjson": as_ndjson, "avro": as_avro, "parquet": as_parquet}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat() if value.tzinfo is None else to_rfc3339(value)
    return value
