"""Which messages of a round are to be given their outcome: a message that comes again while it is in hand is not."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.core.message import Message
from headrace.engine.prepare import Prepared
from headrace.engine.pulled import Pulled
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
    #  pulled 1 2|in hand|pulled 2 3: of these 3 is new, 2 has its outcome before it is acknowledged here
    in_hand = next_round(pulled(a_message("1"), a_message("2")), all_of_them, None)
    taken = next_round(pulled(a_message("2"), a_message("3")), all_of_them, in_hand)
    assert ids(taken) == ["3"]
    assert [len(each.ack_ids) for each in taken.pulled] == [2]


def test_an_id_that_is_given_out_again_is_another_message() -> None:
    in_hand = next_round(pulled(a_message("1", published_at=7)), all_of_them, None)
    assert ids(next_round(pulled(a_message("1", published_at=8)), all_of_them, in_hand)) == ["1"]


def prepared(left: int) -> Prepared:
    """Rows of all messages but the last ones."""
    return Prepared(None, [], [], left=left)


def test_of_a_round_all_that_was_pulled_and_has_its_fate_is_redelivered() -> None:
    taken = next_round(pulled(*map(a_message, "1234")), lambda messages: all_of_them(messages[3:]), None)
    assert (taken.received, taken.redelivered) == (4, 3)


def test_a_round_that_was_prepared_whole_leaves_nothing() -> None:
    done, rest = next_round(pulled(*map(a_message, "12")), all_of_them, None).cut(prepared(0))
    assert (ids(done), done.prepared, rest) == (["1", "2"], prepared(0), None)
    assert done.redelivered == 0


def test_a_round_that_is_cut_is_acknowledged_with_its_last_part_which_knows_of_the_others() -> None:
    #  pulled 0 1 2 3 4|0 has its outcome|1 2 prepared|3 prepared|4 prepared
    taken = next_round(pulled(*map(a_message, "01234")), lambda messages: all_of_them(messages[1:]), None)
    parts = []
    for left in (2, 1, 0):
        part, rest = taken.cut(prepared(left))
        parts.append(part)
        taken = rest or taken
    assert [ids(part) for part in parts] == [["1", "2"], ["3"], ["4"]]
    assert [part.received for part in parts] == [0, 0, 5]
    assert [part.redelivered for part in parts] == [0, 0, 1]
    assert parts[0].prepared == prepared(2)
