"""Receipts: a message whose fate is durable is known again, within two generations."""

from __future__ import annotations

import pytest

from stream.engine import receipts
from stream.engine.receipts import Receipts, receipt
from stream.message import Message


def of(message_id: str, published_at: int = 0) -> bytes:
    return receipt(Message("things", b"", {}, message_id, published_at))


def packed(*message_ids: str) -> bytes:
    return b"".join(of(message_id) for message_id in message_ids)


def test_an_id_that_is_given_out_again_is_another_message() -> None:
    assert of("1", published_at=1) != of("1", published_at=2)


def test_a_message_is_known_once_its_receipt_is_there() -> None:
    known = Receipts()
    assert of("1") not in known
    known.add(packed("1", "2"))
    assert of("1") in known
    assert of("3") not in known


def test_the_oldest_generation_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "GENERATION_MESSAGES", 2)
    known = Receipts()
    for pair in (("1", "2"), ("3", "4"), ("5", "6")):
        known.add(packed(*pair))
    assert known.generation == 3
    assert [of(str(number)) in known for number in range(1, 7)] == [False, False, False, False, True, True]


def test_it_is_as_it_was_when_loaded_again() -> None:
    known = Receipts([(4, packed("old")), (5, packed("a")), (5, packed("b")), (6, packed("c"))])
    assert known.generation == 6
    assert [of(name) in known for name in ("old", "a", "b", "c")] == [False, True, True, True]
