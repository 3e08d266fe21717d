from __future__ import annotations

import struct
from dataclasses import replace

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core.dead_letter import Reason
from headrace.core.micro_batch import NOTES, PAYLOAD_RULE, MicroBatch, notes_by, rule_of_notes
from headrace.steps.deduplicate import Decision, SeenIds, chained, without
from tests.support.strategies import FIXED_PROFILE


def keys_of(*names: str) -> list[bytes]:
    return [name.encode().ljust(16, b"_") for name in names]


def a_batch(*events: tuple[str, int]) -> MicroBatch:
    """A batch of (id, content) pairs."""
    columns = [
        keys_of(*(name for name, _ in events)),
        [content for _, content in events],
        *([0] * len(events) for _ in range(5)),
    ]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, NOTES, strict=True)]
    notes = pa.RecordBatch.from_arrays(arrays, schema=NOTES)
    rows = pa.RecordBatch.from_pydict({"id": [name for name, _ in events]})
    return MicroBatch("things", rows, notes, b"")


def test_an_id_is_fresh_once_within_a_batch_and_after_it() -> None:
    seen = SeenIds()
    batch = a_batch(("a", 1), ("b", 2), ("a", 1))
    decision = seen.decide(batch)
    assert (decision.new, decision.duplicates) == ([0, 1], [2])

    seen.remember(batch.take(decision.new))

    assert seen.decide(a_batch(("b", 2), ("c", 3))).duplicates == [0]


def test_deciding_remembers_nothing() -> None:
    seen = SeenIds()
    seen.decide(a_batch(("a", 1)))
    assert seen.decide(a_batch(("a", 1))).new == [0]


def test_the_same_id_with_another_content_is_a_conflict() -> None:
    seen = SeenIds()
    seen.remember(a_batch(("a", 1)))
    decision = seen.decide(a_batch(("a", 2), ("b", 1), ("b", 2)))
    assert decision.new == [1]
    assert [conflict.index for conflict in decision.conflicts] == [0, 2]


def test_what_state_keeps_is_enough_to_go_on_elsewhere() -> None:
    seen = SeenIds()
    chunks = [seen.remember(a_batch(("a", 1))), seen.remember(a_batch(("b", -2)))]
    again = SeenIds(recent=chunks, version=seen.version)
    assert again.decide(a_batch(("b", -2), ("a", 1), ("c", 3))).duplicates == [0, 1]


def test_ids_whose_keys_agree_in_a_half_are_different() -> None:
    batch = a_batch(("a_______1", 1), ("a_______2", 2), ("a_______1", 1), ("b_______2", 3), ("a_______2", 4))
    decision = SeenIds().decide(batch)
    assert (decision.new, decision.duplicates, decision.same_batch_conflicts) == ([0, 1, 3], [2], [4])


def test_what_is_remembered_without_a_budget_has_no_bound() -> None:
    seen, many = SeenIds(), [(f"{number}", number) for number in range(20_000)]
    seen.remember(a_batch(*many))
    assert not seen.is_due()
    assert seen.decide(a_batch(*many)).duplicates == list(range(20_000))


def test_the_smallest_budget_is_due_after_each_event() -> None:
    for budget in (0, 1, 2, 3):
        seen = SeenIds(budget=budget)
        assert not seen.is_due()
        seen.remember(a_batch(("a", 1)))
        assert seen.is_due()


def test_a_batch_of_one_event_alone_has_one_fresh_row() -> None:
    decision = SeenIds().decide(a_batch(("a", 1), ("a", 1), ("a", 2)))
    assert (decision.new, decision.duplicates, decision.same_batch_conflicts) == ([0], [1], [2])


def test_a_new_event_whose_content_is_hashed_to_0_is_fresh_and_nothing_else() -> None:
    decision = SeenIds().decide(a_batch(("a", 0), ("b", 1)))
    assert (decision.new, decision.duplicates, decision.conflicts) == ([0, 1], [], [])


def test_a_version_depends_on_the_remembered_ids_and_their_order() -> None:
    def version(*names: str) -> bytes:
        seen = SeenIds()
        for name in names:
            seen.remember(a_batch((name, 1)))
        return seen.version

    assert version("a", "b") == version("a", "b")
    assert len({version("a"), version("a", "b"), version("b", "a"), version("a", "c")}) == 4


def test_the_oldest_half_is_forgotten_when_the_budget_is_reached() -> None:
    #  a b |turn| c d |turn| e
    #  recent        a b are older      a b are forgotten
    seen = SeenIds(budget=4)
    for pair in ("ab", "cd"):
        for name in pair:
            assert not seen.is_due()
            seen.remember(a_batch((name, 1)))
        assert seen.is_due()
        seen.turn()
    decision = seen.decide(a_batch(("a", 1), ("c", 1), ("d", 1)))
    assert (decision.new, decision.duplicates) == ([0], [1, 2])


_NAMES = st.sampled_from([*"abcdef", "a_______g", "a_______h"])  # of which some agree in a half of their keys
_EVENTS = st.tuples(_NAMES, st.integers(0, 2))


class Model:
    """Deduplication as one would say it: a dictionary for each generation, event after event."""

    def __init__(self) -> None:
        self.older: dict[str, int] = {}
        self.recent: dict[str, int] = {}

    def decide(self, events: list[tuple[str, int]], stored: dict[int, bool]) -> list[str]:
        here: dict[str, int] = {}
        outcomes = []
        for index, (name, content) in enumerate(events):
            known = {**self.older, **self.recent, **here}
            if name in known:
                same = known[name] == content
            elif index in stored:
                same = stored[index]
            else:
                here[name] = content
                outcomes.append("new")
                continue
            outcomes.append("duplicate" if same else "same-batch conflict" if name in here else "conflict")
        return outcomes


def labels(decision: Decision, count: int) -> list[str]:
    outcomes = dict.fromkeys(decision.new, "new") | dict.fromkeys(decision.duplicates, "duplicate")
    outcomes |= {conflict.index: "conflict" for conflict in decision.conflicts}
    assert len(outcomes) == len(decision.new) + len(decision.duplicates) + len(decision.conflicts) == count
    assert set(decision.same_batch_conflicts) <= {conflict.index for conflict in decision.conflicts}
    return [
        "same-batch conflict" if index in decision.same_batch_conflicts else outcomes[index] for index in range(count)
    ]


@settings(FIXED_PROFILE, max_examples=200)
@given(st.data())
def test_it_decides_as_a_dictionary_would(data: st.DataObject) -> None:
    seen, model = SeenIds(), Model()
    chunks: tuple[list[bytes], list[bytes]] = ([], [])
    for _ in range(data.draw(st.integers(1, 6))):
        events = data.draw(st.lists(_EVENTS, max_size=12))
        stored = data.draw(st.dictionaries(st.integers(0, len(events) - 1), st.booleans())) if events else {}
        batch = a_batch(*events)

        decision = seen.decide(batch, stored)

        assert labels(decision, len(events)) == model.decide(events, stored)
        assert [decision.new, decision.duplicates, decision.same_batch_conflicts] == [
            sorted(each) for each in (decision.new, decision.duplicates, decision.same_batch_conflicts)
        ]
        chunks[1].append(seen.remember(batch.take(decision.new)))
        model.recent |= dict(events[index] for index in decision.new)
        if data.draw(st.booleans()):
            model.older, model.recent = model.recent, {}
            chunks = (chunks[1], [])
            seen.turn()
        if data.draw(st.booleans()):
            seen = SeenIds(*chunks, seen.version)
        assert len(seen) == len(model.older) + len(model.recent)


@settings(FIXED_PROFILE, max_examples=50)
@given(st.lists(st.dictionaries(_NAMES, st.integers(-(2**63), 2**63 - 1)), max_size=4), st.sets(_NAMES))
def test_state_without_some_ids_is_all_of_the_others(parts: list[dict[str, int]], gone: set[str]) -> None:
    chunks = [SeenIds().packed(a_batch(*part.items())) for part in parts]
    expected = [a_batch((name, content)) for part in parts for name, content in part.items() if name not in gone]
    assert b"".join(without(chunks, keys_of(*gone))) == b"".join(SeenIds().packed(each) for each in expected)


def test_a_version_is_as_it_always_was() -> None:
    #  a journal on disk has it, and the holder of the ids of a version compares
    version = chained(chained(b"", b"x"), b"")
    assert version.hex() == "b8589e6fe9da33153dbf827d2ca7ed78"


def test_a_chunk_is_key_and_content_as_it_always_was() -> None:
    #  what a running job has in its state, and a journal on disk
    chunk = SeenIds().packed(a_batch(("a", 1), ("b", -2)))
    assert chunk == struct.pack(">16sq16sq", b"a" + b"_" * 15, 1, b"b" + b"_" * 15, -2)
    batch = a_batch(("a", 1), ("b", -2), ("c", 3))
    part = replace(batch, notes=batch.notes.slice(1))
    assert SeenIds().packed(part) == SeenIds().packed(a_batch(("b", -2), ("c", 3)))


def test_what_is_forgotten_leaves_in_parts_and_what_is_not_stays() -> None:
    seen = SeenIds(budget=4)
    names = iter("abcdefghijklmnop")
    for _ in range(4):
        for _ in range(2):
            seen.remember(a_batch((next(names), 1)))
        seen.turn()
        decided = [seen.decide(a_batch(*((name, 1) for name in "abcdefgh"))).duplicates for _ in range(6)]
        assert all(each == decided[0] for each in decided)
        assert len(decided[0]) == 2


OLD, NEW = 0x1102, -0x2202


def by_rule(rule: int, *events: tuple[str, int]) -> MicroBatch:
    """A batch whose hashes have a rule."""
    batch = a_batch(*events)
    return replace(batch, notes=pa.RecordBatch.from_arrays(batch.notes.columns, schema=notes_by(rule)))


def test_notes_without_a_rule_are_by_payload() -> None:
    assert rule_of_notes(a_batch(("a", 1)).notes) == PAYLOAD_RULE
    assert rule_of_notes(by_rule(NEW, ("a", 1)).take([0]).notes) == NEW


def test_a_hash_of_another_rule_proves_nothing_and_the_table_is_asked() -> None:
    chunks = [SeenIds().packed(a_batch(("a", 1))), SeenIds().packed(by_rule(OLD, ("b", 2)))]
    chunks.append(SeenIds().packed(by_rule(NEW, ("c", 3))))
    seen = SeenIds(recent=chunks, comparable={NEW})
    batch = by_rule(NEW, ("a", 1), ("b", 2), ("c", 3), ("d", 4))
    assert seen.unsettled(batch) == [0, 1]
    decision = seen.decide(batch, {0: True, 1: False})
    assert (decision.new, decision.duplicates) == ([3], [0, 2])
    assert [(each.index, each.reason) for each in decision.conflicts] == [(1, Reason.ID_CONFLICT)]


def test_what_neither_its_hash_nor_the_table_settles_is_a_conflict_that_says_so() -> None:
    seen = SeenIds(recent=[SeenIds().packed(a_batch(("a", 1)))], comparable={NEW})
    (conflict,) = seen.decide(by_rule(NEW, ("a", 1)), {}).conflicts
    assert "replay this one later" in conflict.detail


def test_a_comparable_hash_of_an_older_version_proves_what_it_did() -> None:
    seen = SeenIds(recent=[SeenIds().packed(by_rule(OLD, ("a", 1), ("b", 2)))], comparable={OLD, NEW})
    batch = by_rule(NEW, ("a", 1), ("b", 3))
    assert seen.unsettled(batch) == []
    decision = seen.decide(batch)
    assert (decision.duplicates, [each.index for each in decision.conflicts]) == ([0], [1])


def test_rows_of_an_earlier_release_that_are_remembered_now_are_remembered_by_its_rule() -> None:
    seen = SeenIds(comparable={NEW})
    assert seen.remember(a_batch(("a", 1))) == SeenIds().packed(a_batch(("a", 1)))
    assert seen.unsettled(by_rule(NEW, ("a", 1))) == [0]


def test_a_chunk_begins_with_its_rule_and_keeps_it_without_some_ids() -> None:
    chunk = SeenIds().packed(by_rule(NEW, ("a", 1), ("b", 2)))
    assert chunk == struct.pack(">16xq16sq16sq", NEW, *(b"a" + b"_" * 15, 1), *(b"b" + b"_" * 15, 2))
    kept = without([chunk, SeenIds().packed(a_batch(("c", 3), ("d", 4)))], keys_of("a", "d"))
    assert kept == [SeenIds().packed(by_rule(NEW, ("b", 2))), SeenIds().packed(a_batch(("c", 3)))]
    assert without([chunk], keys_of("a", "b")) == []
