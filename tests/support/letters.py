"""Dead letters and their archive, for tests."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from headrace.config.settings import Settings
from headrace.console.archive_access import open_archive
from headrace.core.dead_letter import Reason
from headrace.dead_letters.letter import Letter, as_pieces
from headrace.provision import Clients, apply, plan
from headrace.runtime.google_clients import open_bigquery, open_gapic_publisher, open_subscriber
from headrace.schemas.envelope import Envelope
from headrace.schemas.registry import Contract, Registry
from headrace.schemas.samples import SAMPLES
from tests.support.builders import BOOKING, MOMENT, a_booking, encode

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)


def a_letter(name: str = "m1", contract: Contract = BOOKING, **changes: Any) -> Letter:
    """A booking that was refused three hours ago, though nothing is wrong with it."""
    letter = Letter(
        id=hashlib.blake2b(name.encode(), digest_size=10).hexdigest(),
        attempt=1,
        reason=Reason.TOO_LATE,
        stage="window",
        detail="created_at is 500 days before it was published, and late_after is 400d",
        subject=contract.subject,
        refused_at=NOW,
        pipeline="headrace",
        version="0.1.0",
        source_subscription=f"projects/p/subscriptions/headrace-{contract.subject}",
        message_id=name,
        published_at=NOW - timedelta(minutes=1),
        first_published_at=NOW - timedelta(minutes=1),
        data=encode(contract, a_booking()) if contract is BOOKING else b"",
        attributes=Envelope(name, contract.ref, MOMENT, "/shop").to_attributes(),
    )
    return replace(letter, **changes)


def with_attributes(letter: Letter, **changes: str) -> Letter:
    """*letter* with attributes changed; ``_`` in their names stands for ``-``."""
    named = {name.replace("_", "-"): value for name, value in changes.items()}
    return replace(letter, attributes={**letter.attributes, **named})


def provision_archive(settings: Settings) -> None:
    """Make everything of the project."""
    clients = Clients(open_gapic_publisher(), open_subscriber(), open_bigquery(settings.project))
    apply(plan(Registry.load(SAMPLES), settings.names, "EU", clients))


def keep(settings: Settings, letters: Sequence[Letter]) -> None:
    """Put letters into the archive."""
    open_archive(settings).append_letters([piece for letter in letters for piece in as_pieces(letter)])
