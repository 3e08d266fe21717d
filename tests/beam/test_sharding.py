"""Messages that ride along sealed."""

from __future__ import annotations

from headrace.beam.sealed_dead_letters import unseal_dead_letters
from headrace.beam.sharding import split_sealed
from headrace.core.dead_letter import Reason, Refusal
from tests.support.shard_state import SEALING_KEY, a_batch, a_message


def test_each_shard_carries_the_messages_of_its_own_rows_and_no_others() -> None:
    batch = a_batch([a_message(f"e{number}", f"content {number}") for number in range(40)])

    parts = list(split_sealed(batch, 4, SEALING_KEY))

    assert sorted(shard for (_, shard), _ in parts) == [0, 1, 2, 3]
    assert sum(len(part) for _, part in parts) == 40
    assert sum(len(part.sealed) for _, part in parts) < 2 * len(batch.sealed)
    for _, part in parts:
        refusals = [Refusal(index, Reason.ID_CONFLICT, "") for index in range(len(part))]
        letters = [letter.message.data.decode() for letter in unseal_dead_letters(part, refusals, "write", SEALING_KEY)]
        assert letters == part.rows["content"].to_pylist()


def test_rows_of_one_shard_stay_as_they_are() -> None:
    batch = a_batch([a_message("a", "1"), a_message("b", "2")])
    ((_, part),) = split_sealed(batch, 1, SEALING_KEY)
    assert part is batch
