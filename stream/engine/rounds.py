"""A round: what was pulled together, and which messages of it are to be given their fate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from stream.engine.prepare import Prepared
from stream.engine.puller import Pulled
from stream.message import Message

Unsettled: TypeAlias = Callable[[Sequence[Message]], Sequence[Message]]


@dataclass(frozen=True, slots=True)
class Round:
    """*pulled* is acknowledged together; *messages* of it get their fate here, the others have it or get it sooner."""

    pulled: Sequence[Pulled]
    messages: Sequence[Message] = field(repr=False)
    prepared: Prepared | None = field(default=None, repr=False)

    @property
    def received(self) -> int:
        """How many messages were pulled."""
        return sum(len(each.messages) for each in self.pulled)


def next_round(pulled: Sequence[Pulled], unsettled: Unsettled, in_hand: Round | None) -> Round:
    """The round of *pulled*; *unsettled* gives those of some messages whose fate is not durable, each once.

    A message that is *in_hand* and comes again gets its fate there. That round is written first, so the second
    delivery may be acknowledged with this one.
    """
    new = unsettled([message for each in pulled for message in each.messages])
    if in_hand is not None:
        known = {_identity(message) for message in in_hand.messages}
        new = [message for message in new if _identity(message) not in known]
    return Round(pulled, new)


def _identity(message: Message) -> tuple[str, int]:
    """The same for each delivery of a message, as its receipt is."""
    return message.message_id, message.published_at
