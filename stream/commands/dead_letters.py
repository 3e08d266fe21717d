"""``headrace dead-letters list``: look at dead letters and put each back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from google.api_core.exceptions import DeadlineExceeded
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.types import PullResponse

from stream.clients import open_subscriber
from stream.deadletter import PREFIX
from stream.names import Names
from stream.output import say, show
from stream.settings import Settings

PULL_SECONDS: Final = 2.0


def list_dead_letters(settings: Settings, reason: str | None, limit: int, format_: str) -> None:
    """Print one line for each dead letter, newest last; never a payload."""
    subscription = Names(settings.project).dead_letter_subscription
    letters = [letter for letter in peek(open_subscriber(), subscription, limit) if reason in (None, letter["reason"])]
    letters.sort(key=lambda letter: letter["refused_at"])
    show("dead_letters", letters, format_, count=len(letters))
    if format_ == "table" and letters:
        counts = {each["reason"]: sum(1 for one in letters if one["reason"] == each["reason"]) for each in letters}
        say(", ".join(f"{count:,} {name}" for name, count in sorted(counts.items())))


def peek(subscriber: SubscriberClient, subscription: str, limit: int) -> Iterator[dict[str, Any]]:
    """Pull dead letters, describe each, and give all of them back to the subscription at the end."""
    held: list[str] = []
    try:
        while len(held) < limit:
            try:
                response = subscriber.pull(
                    subscription=subscription, max_messages=min(1000, limit - len(held)), timeout=PULL_SECONDS
                )
            except DeadlineExceeded:
                return
            received = PullResponse.pb(response).received_messages
            if not received:
                return
            held += [one.ack_id for one in received]
            yield from (_describe(one.message) for one in received)
    finally:
        for start in range(0, len(held), 1000):
            subscriber.modify_ack_deadline(
                subscription=subscription, ack_ids=held[start : start + 1000], ack_deadline_seconds=0
            )


def _describe(message: Any) -> dict[str, Any]:
    attributes = dict(message.attributes)
    return {
        "refused_at": attributes.get(f"{PREFIX}time", ""),
        "reason": attributes.get(f"{PREFIX}reason", "unknown"),
        "subject": attributes.get(f"{PREFIX}subject", ""),
        "stage": attributes.get(f"{PREFIX}stage", ""),
        "event_id": attributes.get("ce-id", ""),
        "bytes": len(message.data),
        "error": attributes.get(f"{PREFIX}error", ""),
    }
