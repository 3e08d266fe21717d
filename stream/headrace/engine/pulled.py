"""The messages that one Pull brought."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from headrace.core.message import Message


@dataclass(eq=False, slots=True)
class Pulled:
    """The messages of one Pull, what acknowledges them, and until when they are leased (monotonic seconds)."""

    messages: list[Message] = field(repr=False)
    ack_ids: list[str] = field(repr=False)
    leased_until: float
    bytes: int = 0


def read_pulled(subject: str, received: Iterable[Any], leased_until: float, subscription: str = "") -> Pulled:
    """Return what Pub/Sub's protobuf answer holds: its *received* messages, as messages of *subject*.

    *subscription* is the full name of an existing one; it is empty for the one that Headrace creates for the subject.
    """
    messages = [_message(subject, one.message, subscription) for one in received]
    return Pulled(messages, [one.ack_id for one in received], leased_until, sum(len(each.data) for each in messages))


def _message(subject: str, message: Any, subscription: str) -> Message:
    published = message.publish_time
    return Message(
        subject=subject,
        data=message.data,
        attributes=message.attributes,  # a mapping already: a copy would take longer than the rest
        message_id=message.message_id,
        published_at=published.seconds * 1_000_000 + published.nanos // 1000,
        ordering_key=message.ordering_key,
        subscription=subscription,
    )
