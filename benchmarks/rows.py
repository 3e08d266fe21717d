"""A flight as the JSON row that ``insertAll`` takes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def row_of(fields: dict[str, Any], attributes: dict[str, str]) -> dict[str, Any]:
    """The same columns that Headrace writes."""
    row = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in fields.items()}
    return row | {
        "_event_id": attributes["ce-id"],
        "_event_time": attributes["ce-time"],
        "_ingested_at": datetime.now(UTC).isoformat(),
        "_schema_version": 1,
        "_source": attributes["ce-source"],
    }
