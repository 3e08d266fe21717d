"""The attribute ``ce-sequence``, as producers write it and the job reads it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.schemas.sequence import MAX_NUMBER, SequenceNumber, new_epoch

EPOCHS = st.builds(new_epoch, st.integers(0, 2**48 - 1), st.integers(0, 2**32 - 1))
NUMBERS = st.integers(1, MAX_NUMBER)


@given(EPOCHS, NUMBERS)
def test_what_is_written_is_read_back(epoch: str, number: int) -> None:
    assert SequenceNumber.parse(str(SequenceNumber(epoch, number))) == (epoch, number)


@given(EPOCHS, st.integers(1, 10**16 - 1), st.integers(1, 10**16 - 1))
def test_texts_of_an_epoch_sort_like_their_numbers(epoch: str, one: int, other: int) -> None:
    assert (str(SequenceNumber(epoch, one)) < str(SequenceNumber(epoch, other))) == (one < other)


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**48 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_epochs_sort_by_their_begin(one: int, other: int, chance: int, another: int) -> None:
    if one != other:
        assert (new_epoch(one, chance) < new_epoch(other, another)) == (one < other)


BROKEN = ["", "-", "7", "a1-", "-7", "a1-0", "a1-7 ", " a1-7", "a1--7", "a1-+7", "a1-7\n", "a1-\u0667", "ä-7", "a b-7"]
LONG = ["a1-1234567890123456789", f"{'a' * 65}-7"]


@pytest.mark.parametrize("text", [*BROKEN, *LONG, "a1-7.0", "a1-1_0", "a1_7", "a1-0x7"])
def test_anything_else_is_no_number(text: str) -> None:
    assert SequenceNumber.parse(text) is None


@pytest.mark.parametrize("text", ["a1-7", "a1-0000007", f"a1-{MAX_NUMBER}", f"{'Z' * 64}-1"])
def test_other_languages_may_pad_less(text: str) -> None:
    assert SequenceNumber.parse(text) is not None


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    found = SequenceNumber.parse(text)
    assert found is None or 1 <= found.number <= MAX_NUMBER
