from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.message import Message
from headrace.core.sealed_messages import seal, sealing_key, unseal

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
MESSAGES = st.builds(
    Message, TEXT, st.binary(max_size=50), st.dictionaries(TEXT, TEXT, max_size=4), TEXT, st.integers(0, 2**60), TEXT
)
KEY = sealing_key(b"s" * 40)


@given(st.lists(MESSAGES, max_size=5))
def test_what_was_sealed_is_opened_unchanged(messages: list[Message]) -> None:
    assert unseal(seal(messages, KEY), KEY) == messages


def test_nothing_can_be_read_or_changed_without_the_key() -> None:
    sealed = seal([Message("s", b"a secret payload", {"a": "secret"}, "1", 0)], KEY)
    assert b"secret" not in sealed
    with pytest.raises(InvalidTag):
        unseal(sealed, sealing_key(b"t" * 40))
    with pytest.raises(InvalidTag):
        unseal(sealed[:-1] + bytes([sealed[-1] ^ 1]), KEY)


def test_a_message_does_not_show_what_it_holds() -> None:
    assert "secret" not in repr(Message("s", b"secret", {"a": "secret"}, "1", 0, "secret"))


def test_every_worker_and_every_update_has_the_same_key_of_256_bits() -> None:
    assert sealing_key(b"s" * 40) == KEY
    assert len(KEY) == 32
