"""``python -m headrace.dev.demo.mishap``: publish the bookings of docs/dead-letters/story.md from three applications.

The shop publishes valid events. The app was deployed with version 2 before the job knew it. A campaign's page sells one
journey for 49.00, and writes that price as text, although the contract has a decimal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from headrace.config.settings import load_settings
from headrace.dev.demo.bookings import SUBJECT, bookings
from headrace.dev.demo.demo_service import publish
from headrace.dev.demo.planting import Planted, event_of
from headrace.runtime.google_clients import open_gapic_publisher
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES
from headrace.util.output import say

BOOKINGS: Final = 5_000
PRICE: Final = Decimal("49.00")
_VERSIONS: Final = (1,) * 12 + (2,) + (1,) * 11 + (2,)  # 400 of 5,000 are of version 2
_CAMPAIGNS: Final = frozenset([number for number in range(BOOKINGS) if _VERSIONS[number % 25] == 1][40::76])  # 60
_AS_TEXT: Final = f"{PRICE:.18f}".encode()  # 21 bytes; read as a decimal, a number of 50 digits
_MARK: Final = Decimal("31415926535.897932384")


def mishap(now: datetime, seed: int = 7) -> Iterator[Planted]:
    """Yield the messages in order; *outcome* is the first outcome of each."""
    registry = Registry.load(SAMPLES)
    for number, (version, fields) in enumerate(bookings(BOOKINGS, now, seed, _VERSIONS)):
        contract = registry[SchemaRef(SUBJECT, version)]
        name = f"booking-{fields['booking_id']}"
        if version == 2:
            yield replace(event_of(contract, fields, name, "created_at", "/app"), outcome="unknown_schema")
        elif number in _CAMPAIGNS:
            marked = event_of(contract, {**fields, "total": _MARK}, name, "created_at", "/promo")
            yield replace(marked, data=_priced_as_text(marked.data), outcome="undecodable_payload")
        else:
            yield event_of(contract, fields, name, "created_at", "/shop")


def _priced_as_text(data: bytes) -> bytes:
    """Return *data* with the price as text in place of the mark: a length and a decimal's bytes."""
    mark = int(_MARK.scaleb(9)).to_bytes(9)
    before, _, after = data.partition(bytes([2 * len(mark)]) + mark)
    return before + bytes([2 * len(_AS_TEXT)]) + _AS_TEXT + after


def main() -> None:
    """Publish the messages to the project of the settings."""
    planted = list(mishap(datetime.now(UTC)))
    sent = publish(planted, load_settings().names, open_gapic_publisher(), lambda sent: None)
    sources = Counter(each.attributes["ce-source"] for each in planted)
    by_source = ", ".join(f"{count:,} by {source}" for source, count in sources.most_common())
    say(f"{sent:,} bookings are published: {by_source}")


if __name__ == "__main__":
    main()
