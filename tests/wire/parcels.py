"""The rows of ``examples/producers/README.md``: what event *k* must become, in the form of ``docs/wire.md``."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import uuid5

from tests.wire.messages import NAMESPACE
from tests.wire.row_json import in_json

SUBJECT: Final = "parcel_scanned"
TABLE: Final = "parcel_scans"
# Each suffix of a parcel, and how the name of an id has it.
_SUFFIXES: Final = (
    ("", ""),
    (" & Söhne <1>", " & Söhne <1>"),
    (' "fragile"', ' \\"fragile\\"'),
    ("\t\\", "\\t\\\\"),
    ("\u2028漢字 😀", "\u2028漢字 😀"),
)
_DEPOTS: Final = ("NORTH", "SOUTH", "EAST")
_BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)


def expected_row(k: int, source: str) -> dict[str, Any]:
    """The row of event *k*; entries of its map are in the order of their keys."""
    at, depot, fee = _scanned_at(k), _DEPOTS[k % 3], Decimal((k - 100) * 12_345).scaleb(-3)
    suffix, escaped = _SUFFIXES[k % 5]
    opens_at = datetime.min + timedelta(microseconds=k * 17_000_003 % 86_400_000_000)
    name = f'["{SUBJECT}","parcel-{k}{escaped}","{in_json(at)}","{depot}","{in_json(fee)}"]'
    return {
        "parcel": f"parcel-{k}{suffix}",
        "scanned_at": in_json(at),
        "depot": depot,
        "fee": in_json(fee),
        "barcode": str((k - 2_500) * 3_000_000_000_000_007),
        "attempts": str(k % 7 - 3),
        "express": k % 2 == 1,
        "celsius": None if k % 4 == 0 else k / 8 - 20,
        "courier": f"00000000-0000-4000-8000-{k:012x}",
        "delivery_day": in_json(date(1970, 1, 1) + timedelta(days=20_454 + k % 400)),
        "opens_at": in_json(opens_at.time()),
        "scanned_local": in_json((at + timedelta(hours=1)).replace(tzinfo=None)),
        "label": "" if k % 10 == 0 else f"{k:08x}",
        "seal": f"{0xFFFFFFFF - k:08x}",
        "tags": [f"tag-{each}" for each in range(k % 4)],
        "stops": [{"city": f"Zürich{each}", "minutes": str(k * each)} for each in range(k % 3)],
        "counts": _counts(k),
        "gate": None,
        "priority": "5",
        "_event_id": str(uuid5(NAMESPACE, name)),
        "_event_time": in_json(at),
        "_schema_version": "1",
        "_source": source,
    }


def _scanned_at(k: int) -> datetime:
    return _BEGIN + timedelta(microseconds=k * 1_500_000 + k % 3)


def _counts(k: int) -> list[dict[str, str]]:
    if k % 5 == 0:
        return []
    return [{"key": key, "value": str(k * times)} for key, times in (("a", 1), ("b", -1), ("ç", 1_000_000_007))]
