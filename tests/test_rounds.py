"""Which messages of a round are to be given their fate: a message that comes again while it is in hand is not."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.core.message import Message
from headrace.engine.puller import Pulled
from headrace.engine.receipts import receipts_for
from headrace.engine.rounds import Round, next_round


def a_message(message_id: str, published_at: int = 7) -> Message:
    return Message("things", b"", {}, message_id, published_at)


def pulled(*messages: Message) -> list[Pulled]:
    return [Pulled(list(messages), [f"ack {index}" for index, _ in enumerate(messages)], 0.0)]


def all_of_them(messages: Sequence[Message]) -> dict[bytes, Message]:
    return dict(zip(receipts_for(messages), messages, strict=True))


def ids(taken: Round) -> list[str]:
    return [message.message_id for message in taken.messages.values()]


def test_messages_with_a_fate_get_no_other() -> None:
    taken = next_round(pulled(a_message("1"), a_message("2")), lambda messages: all_of_them(messages[1:]), None)
    assert ids(taken) == ["2"]
    assert taken.received == 2


def test_a_message_that_comes_again_while_it_is_in_hand_is_only_acknowledged() -> None:
    #  pulled 1 2|in hand|pulled 2 3: of these 3 is new, 2 has its fate before it is acknowledged here
    in_hand = next_round(pulled(a_message("1"), a_message("2")), all_of_them, None)
    taken = next_round(pulled(a_message("2"), a_message("3")), all_of_them, in_hand)
    assert ids(taken) == ["3"]
    assert [len(each.ack_ids) for each in taken.pulled] == [2]


def test_an_id_that_is_given_out_again_is_another_message() -> None:
    in_hand = next_round(pulled(a_message("1", published_at=7)), all_of_them, None)
    assert ids(next_round(pulled(a_message("1", published_at=8)), all_of_them, in_hand)) == ["1"]
