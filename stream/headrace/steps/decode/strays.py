"""Refusals of messages that belong to no subject of their shared subscription."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.core.dead_letter import Reason, Refusal
from headrace.core.message import Message
from headrace.core.routes import Route
from headrace.steps.decode.decode_messages import DecodedMessages


def refuse_strays(messages: Sequence[Message], route: Route) -> DecodedMessages:
    """Refuse *messages* that *route* maps to no subject, without reading their payloads."""
    reason = Reason.UNKNOWN_SCHEMA
    refusals = [Refusal(index, reason, route.refusal_of(each.attributes)) for index, each in enumerate(messages)]
    return DecodedMessages(None, refusals)
