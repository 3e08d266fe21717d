"""Receipts: a message whose fate is durable is known again, within two generations."""

from __future__ import annotations

import pytest

from stream.engine import receipts
from stream.engine.receipts import Receipts, receipt


def packed(*message_ids: str) -> bytes:
    return b"".join(receipt(message_id) for message_id in message_ids)


def test_a_message_is_known_once_its_receipt_is_there() -> None:
    known = Receipts()
    assert receipt("1") not in known
    known.add(packed("1", "2"))
    assert receipt("1") in known
    assert receipt("3") not in known


def test_the_oldest_generation_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "GENERATION_MESSAGES", 2)
    known = Receipts()
    for pair in (("1", "2"), ("3", "4"), ("5", "6")):
        known.add(packed(*pair))
    assert known.generation == 3
    assert [receipt(str(number)) in known for number in range(1, 7)] == [False, False, False, False, True, True]


def test_it_is_as_it_was_when_loaded_again() -> None:
    known = Receipts([(4, packed("old")), (5, packed("a")), (5, packed("b")), (6, packed("c"))])
    assert known.generation == 6
    assert [receipt(name) in known for name in ("old", "a", "b", "c")] == [False, True, True, True]
