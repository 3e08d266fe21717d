"""A round: messages that were pulled together, and those of them that get their outcome in it."""

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
    """The messages in *pulled*, which are acknowledged together. *messages*, by receipt, get their outcome here.

    All other messages in *pulled* have an outcome already, or get it in an earlier round. *sooner* is the number of
    messages in rounds that were cut off before this one.
    """

    pulled: Sequence[Pulled]
    messages: Mapping[bytes, Message] = field(repr=False)
    prepared: Prepared | None = field(default=None, repr=False)
    sooner: int = 0

    @property
    def received(self) -> int:
        """The number of messages that were pulled."""
        return sum(len(each.messages) for each in self.pulled)

    @property
    def redelivered(self) -> int:
        """The number of pulled messages that need no outcome here; 0 if a later round acknowledges them."""
        return self.received - len(self.messages) - self.sooner if self.pulled else 0

    def cut(self, prepared: Prepared) -> tuple[Round, Round | None]:
        """Return this round with its *prepared* messages, and a round of the messages that are left, or None.

        The last of these rounds acknowledges everything that was pulled.
        """
        if not prepared.left:
            return replace(self, prepared=prepared), None
        each = list(self.messages.items())
        end = len(each) - prepared.left
        first = Round((), dict(each[:end]), prepared)
        return first, replace(self, messages=dict(each[end:]), sooner=self.sooner + end)


def next_round(pulled: Sequence[Pulled], unsettled: Unsettled, in_hand: Round | None) -> Round:
    """Return the round of *pulled*; *unsettled* returns those of its messages without a durable outcome, each once.

    A message that is also in the round *in_hand* gets its outcome there. That round is written first, so the second
    delivery may be acknowledged with this one.
    """
    new = unsettled([message for each in pulled for message in each.messages])
    if in_hand is not None:
        new = {key: message for key, message in new.items() if key not in in_hand.messages}
    return Round(pulled, new)
