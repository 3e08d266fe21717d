"""Marks of Arrow columns whose texts are JSON."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

_KEY: Final = "ARROW:extension:name"
_NAME: Final = "google:sqlType:json"
JSON_METADATA: Final = {_KEY: _NAME}  # as BigQuery's own Arrow columns have it


def is_json(field: pa.Field) -> bool:
    """Return whether the texts of a column are JSON."""
    return (field.metadata or {}).get(_KEY.encode()) == _NAME.encode()
