"""What becomes of messages on their way to rows: each is in one batch, or has its letter, and all of it is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from headrace.core.dead_letter import Reason, Refusal
from headrace.core.message import Message
from headrace.core.tally import add_up
from headrace.engine.prepare import Preparation, Prepared
from headrace.schemas.registry import Contract, Registry
from headrace.steps.decode.decode_messages import DecodedMessages, Decoder
from headrace.steps.mask.tokens import TokenKey
from headrace.steps.transform import Transformer
from tests.support.one_subject import NOW, SUBJECT, an_event, an_unreadable, things

MINUTE = timedelta(minutes=1)
DAY = 86_400_000_000
PLAIN = things()
DERIVED = [{"name": "share", "type": "double", "expression": "10 / LENGTH(city)"}]
TRANSFORMED = things(where="city != 'Oslo'", derived=DERIVED)
Transformer.of(TRANSFORMED)  # the parser of expressions takes long to load: not within a test


def prepared(contract: Contract, *messages: Message, decoder: Decoder | None = None) -> Prepared:
    registry = Registry({contract.ref: contract})
    return Preparation(registry, SUBJECT, MINUTE, TokenKey(bytes(32)), decoder).prepare(messages, NOW)


def late(event_id: str) -> Message:
    return replace(an_event(event_id), published_at=NOW + 400 * DAY)


def early(event_id: str) -> Message:
    return replace(an_event(event_id), published_at=NOW - DAY)


def ids(done: Prepared) -> list[str]:
    return [] if done.batch is None else done.batch.rows.column("_event_id").to_pylist()


def letters(done: Prepared) -> list[tuple[str, Reason]]:
    return [(each.message.message_id, each.reason) for each in done.letters]


def counts(done: Prepared) -> Counter[str]:
    found: Counter[str] = Counter()
    for line in add_up(done.tallies).counts.to_pylist() if done.tallies else []:
        found[line["reason"] or line["outcome"]] += line["events"]
    return found


def test_readable_messages_become_rows_without_tallies_or_letters() -> None:
    done = prepared(PLAIN, an_event("a"), an_event("b"))
    assert ids(done) == ["a", "b"]
    assert (done.letters, done.tallies, done.dropped, done.left) == ([], [], 0, 0)


def test_what_cannot_be_read_and_what_is_out_of_bounds_are_letters_side_by_side() -> None:
    done = prepared(PLAIN, an_event("a"), late("b"), an_unreadable("c"), early("d"), an_event("e"))
    assert ids(done) == ["a", "e"]
    assert letters(done) == [
        ("c", Reason.MALFORMED_ENVELOPE),
        ("b", Reason.TOO_LATE),
        ("d", Reason.IN_THE_FUTURE),
    ]
    assert counts(done) == Counter(received=3, malformed_envelope=1, too_late=1, in_the_future=1)


def test_messages_none_of_which_can_be_read_give_letters_alone() -> None:
    done = prepared(PLAIN, an_unreadable("a"), an_unreadable("b"))
    assert (ids(done), len(done.letters)) == ([], 2)
    assert counts(done) == Counter(received=2, malformed_envelope=2)


def test_messages_all_of_which_are_out_of_bounds_are_not_transformed() -> None:
    for contract in (PLAIN, TRANSFORMED):
        done = prepared(contract, late("a"), an_unreadable("b"))
        assert (ids(done), len(done.letters)) == ([], 2)
        assert counts(done) == Counter(received=2, too_late=1, malformed_envelope=1)


def test_what_a_filter_drops_and_what_an_expression_fails_on_is_counted_beside_all_else() -> None:
    each = [
        an_event("a"),
        an_event("b", "Oslo"),
        an_event("c", ""),
        late("d"),
        an_unreadable("e"),
        an_event("f", "Ulm"),
    ]
    done = prepared(TRANSFORMED, *each)
    assert ids(done) == ["a", "f"]
    assert letters(done) == [
        ("e", Reason.MALFORMED_ENVELOPE),
        ("d", Reason.TOO_LATE),
        ("c", Reason.TRANSFORM_FAILED),
    ]
    assert done.dropped == 1
    assert counts(done) == Counter(received=4, dropped=1, transform_failed=1, too_late=1, malformed_envelope=1)


def test_where_a_filter_drops_nothing_rows_are_as_they_were() -> None:
    done = prepared(TRANSFORMED, an_event("a"), an_unreadable("b"))
    assert (ids(done), done.dropped) == (["a"], 0)
    assert counts(done) == Counter(received=1, malformed_envelope=1)


class Refusing(Decoder):
    """Reads nothing."""

    def read(self, messages: Sequence[Message], now: int) -> DecodedMessages:
        return DecodedMessages(None, [Refusal(0, Reason.INVALID_LINE, "no object")], len(messages) - 1)


def test_messages_are_read_by_the_given_decoder_and_the_number_left_is_reported() -> None:
    decoder = Refusing(Registry({PLAIN.ref: PLAIN}), SUBJECT)
    done = prepared(PLAIN, an_event("a"), an_event("b"), an_event("c"), decoder=decoder)
    assert letters(done) == [("a", Reason.INVALID_LINE)]
    assert done.left == 2
