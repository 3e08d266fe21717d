"""Receipts: a message whose outcome is durable is known again, within two generations."""

from __future__ import annotations

import pytest

from headrace.core.message import Message
from headrace.engine import receipts
from headrace.engine.receipts import Receipts, receipts_for


def of(message_id: str, published_at: int = 0) -> bytes:
    return receipts_for([Message("things", b"", {}, message_id, published_at)])[0]


def packed(*message_ids: str) -> bytes:
    return b"".join(of(message_id) for message_id in message_ids)


def test_an_id_that_is_given_out_again_is_another_message() -> None:
    assert of("1", published_at=1) != of("1", published_at=2)


def known(receipts: Receipts, *message_ids: str) -> list[bool]:
    return receipts.known([of(message_id) for message_id in message_ids])


def test_a_message_is_known_once_its_receipt_is_there() -> None:
    receipts = Receipts()
    assert known(receipts, "1") == [False]
    receipts.add(packed("1", "2"))
    assert known(receipts, "1", "3") == [True, False]


def test_the_oldest_generation_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "GENERATION_MESSAGES", 2)
    last = Receipts()
    for pair in (("1", "2"), ("3", "4"), ("5", "6")):
        last.add(packed(*pair))
    assert last.generation == 3
    assert known(last, *"123456") == [False, False, False, False, True, True]


def test_it_is_as_it_was_when_loaded_again() -> None:
    loaded = Receipts([(4, packed("old")), (5, packed("a")), (5, packed("b")), (6, packed("c"))])
    assert loaded.generation == 6
    assert known(loaded, "old", "a", "b", "c") == [False, True, True, True]
