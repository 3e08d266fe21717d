"""A round: what was pulled together, and which messages of it are to be given their outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from headrace.core.message import Message
from headrace.engine.prepare import Prepared
from headrace.engine.pulled import Pulled

Unsettled: TypeAlias = Callable[[Sequence[Message]], Mapping[bytes, Message]]


@dataclass(frozen=True, slots=True)
class Round:
    """*pulled* is acknowledged together; *messages* of it, by their receipts, get their outcome here.

    The others have it, or get it sooner: *sooner* of them in rounds that this one was cut off from.
    """

    pulled: Sequence[Pulled]
    messages: Mapping[bytes, Message] = field(repr=False)
    prepared: Prepared | None = field(default=None, repr=False)
    sooner: int = 0

    @property
    def received(self) -> int:
        """How many messages were pulled."""
        return sum(len(each.messages) for each in self.pulled)

    @property
    def redelivered(self) -> int:
        """How many of those pulled need no outcome from here; 0 as long as a later round acknowledges them."""
        return self.received - len(self.messages) - self.sooner if self.pulled else 0

    def cut(self, prepared: Prepared) -> tuple[Round, Round | None]:
        """This round with what was *prepared* of it, and a round of the messages that were left, if any were.

        What was pulled is acknowledged with the last of them.
        """
        if not prepared.left:
            return replace(self, prepared=prepared), None
        each = list(self.messages.items())
        end = len(each) - prepared.left
        first = Round((), dict(each[:end]), prepared)
        return first, replace(self, messages=dict(each[end:]), sooner=self.sooner + end)


def next_round(pulled: Sequence[Pulled], unsettled: Unsettled, in_hand: Round | None) -> Round:
    """The round of *pulled*; *unsettled* gives those of some messages whose outcome is not durable, each once.

    A message that is *in_hand* and comes again gets its outcome there. That round is written first, so the second
    delivery may be acknowledged with this one.
    """
    new = unsettled([message for each in pulled for message in each.messages])
    if in_hand is not None:
        new = {key: message for key, message in new.items() if key not in in_hand.messages}
    return Round(pulled, new)
