"""A publisher for the task of ``examples/producers``, with ``google-cloud-pubsub`` and ``fastavro`` alone."""

from __future__ import annotations

import io
import json
import os
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

import fastavro
from google.cloud import pubsub_v1

NAMESPACE: Final = UUID("6f0f5a0e-3c58-5b6e-9a55-0d8a3d0c7a11")
DEPOTS: Final = ("NORTH", "SOUTH", "EAST")
SUFFIXES: Final = ("", " & Söhne <1>", ' "fragile"', "\t\\", "\u2028漢字 😀")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
BEGIN: Final = 1_767_225_600_000_000


def event(k: int, reverse: bool) -> dict[str, Any]:
    """The fields of event *k*; *reverse* turns the order of the map's entries."""
    scanned_at = EPOCH + timedelta(microseconds=BEGIN + k * 1_500_000 + k % 3)
    counts = [("a", k), ("b", -k), ("ç", k * 1_000_000_007)] if k % 5 else []
    return {
        "parcel": f"parcel-{k}{SUFFIXES[k % 5]}",
        "scanned_at": scanned_at,
        "depot": DEPOTS[k % 3],
        "fee": Decimal((k - 100) * 12_345) / 1000,
        "barcode": (k - 2_500) * 3_000_000_000_000_007,
        "attempts": k % 7 - 3,
        "express": k % 2 == 1,
        "celsius": None if k % 4 == 0 else k / 8 - 20,
        "courier": UUID(f"00000000-0000-4000-8000-{k:012x}"),
        "delivery_day": date.fromordinal(EPOCH.toordinal() + 20_454 + k % 400),
        "opens_at": _time(k * 17_000_003 % 86_400_000_000),
        "scanned_local": scanned_at.replace(tzinfo=None) + timedelta(microseconds=3_600_000_000),
        "label": b"" if k % 10 == 0 else k.to_bytes(4, "big"),
        "seal": (4_294_967_295 - k).to_bytes(4, "big"),
        "tags": ["tag-0", "tag-1", "tag-2"][: k % 4],
        "stops": [{"city": f"Zürich{number}", "minutes": k * number} for number in range(k % 3)],
        "counts": dict(reversed(counts) if reverse else counts),
    }


def _time(micros: int) -> time:
    seconds, fraction = divmod(micros, 1_000_000)
    return time(seconds // 3600, seconds // 60 % 60, seconds % 60, fraction)


def rfc3339(moment: datetime) -> str:
    """A time as an id has it, and as ``ce-time`` may have it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if moment.microsecond else "%Y-%m-%dT%H:%M:%SZ")


def event_id(subject: str, fields: dict[str, Any]) -> str:
    """The derived id: of parcel, time, depot and fee."""
    fee = format(fields["fee"], "f")
    fee = fee.rstrip("0").rstrip(".") if "." in fee else fee
    named = [subject, fields["parcel"], rfc3339(fields["scanned_at"]), fields["depot"], fee]
    return str(uuid5(NAMESPACE, json.dumps(named, ensure_ascii=False, separators=(",", ":"))))


def main() -> None:
    """Publish the events, and wait until all are confirmed."""
    contract = Path(os.environ["CONTRACT"])
    subject, version = contract.stem.split(".v")
    described = {name: value for name, value in json.loads(contract.read_text()).items() if name != "headrace"}
    schema = fastavro.parse_schema(described)
    client = pubsub_v1.PublisherClient()
    topic = client.topic_path(os.environ["PUBSUB_PROJECT_ID"], os.environ["TOPIC"])
    confirmed = []
    for k in range(int(os.environ["EVENTS"])):
        fields = event(k, reverse=version == "2")
        data = io.BytesIO()
        fastavro.schemaless_writer(data, schema, fields)
        attributes: dict[str, Any] = {
            "ce-specversion": "1.0",
            "ce-id": event_id(subject, fields),
            "ce-type": subject,
            "ce-source": "/examples/python",
            "ce-time": rfc3339(fields["scanned_at"]),
            "ce-dataschema": f"headrace:{subject}:{version}",
            "content-type": "application/avro",
        }
        confirmed.append(client.publish(topic, data.getvalue(), **attributes))
    for each in confirmed:
        each.result()


if __name__ == "__main__":
    main()
