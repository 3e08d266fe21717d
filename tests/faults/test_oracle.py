"""A checker that never failed proves nothing: each check is shown a run with the one thing wrong that it is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.faults.oracle import Check, Evidence, Letter, Row, Sent, judge


def sent(probe: str, event_id: str = "", outcome: str = "written", digest: str = "", **changes: bool) -> Sent:
    """An event whose row holds its payload's digest."""
    event_id, digest = event_id or f"e{probe}", digest or f"d{probe}"
    row = {"payload": digest} if outcome == "written" else None
    return Sent(probe, "things", event_id, digest, outcome, row, **changes)


def row(event_id: str, payload: str) -> Row:
    return Row("things", event_id, {"payload": payload})


def tallies(written: int, duplicate: int, conflicts: int, late: int) -> dict[tuple[str, str, str | None], int]:
    return {
        ("things", "received", None): written + duplicate + conflicts + late,
        ("things", "written", None): written,
        ("things", "duplicate", None): duplicate,
        ("things", "dead_lettered", "id_conflict"): conflicts,
        ("things", "dead_lettered", "too_late"): late,
    }


#  1 written | 2 written, twice sent | 4 and 5 one id, two payloads: 4 won | 6 too late
SENT = (
    sent("1"),
    sent("2"),
    sent("3", "e2", digest="d2"),
    sent("4", "conflicting"),
    sent("5", "conflicting"),
    sent("6", outcome="too_late"),
)
RUN = Evidence(
    sent=[replace(each, number=int(each.probe)) for each in SENT],
    rows=(row("e1", "d1"), row("e2", "d2"), row("conflicting", "d4")),
    letters=(Letter("5", "d5", "id_conflict"), Letter("6", "d6", "too_late")),
    pending=frozenset(),
    tallies=tallies(3, 1, 1, 1),
    numbers={"things": frozenset(range(1, 7))},
)


def names(evidence: Evidence) -> set[Check]:
    return {violation.check for violation in judge(evidence)}


def test_a_healthy_run_has_no_violation() -> None:
    assert judge(RUN) == []


def test_either_of_two_payloads_with_one_id_may_win() -> None:
    rows = (*RUN.rows[:2], row("conflicting", "d5"))
    letters = (Letter("4", "d4", "id_conflict"), RUN.letters[1])
    assert judge(replace(RUN, rows=rows, letters=letters)) == []


def without_row(evidence: Evidence, event_id: str) -> Evidence:
    return replace(evidence, rows=tuple(each for each in evidence.rows if each.event_id != event_id))


def with_row(evidence: Evidence, *rows: Row) -> Evidence:
    return replace(evidence, rows=(*evidence.rows, *rows))


def with_letters(evidence: Evidence, *letters: Letter) -> Evidence:
    return replace(evidence, letters=(*evidence.letters, *letters))


def with_tally(evidence: Evidence, outcome: str, reason: str | None, count: int) -> Evidence:
    return replace(evidence, tallies={**evidence.tallies, ("things", outcome, reason): count})


def with_numbers(evidence: Evidence, *numbers: int) -> Evidence:
    return replace(evidence, numbers={"things": frozenset(numbers)})


PLANTED = [
    pytest.param(lambda run: with_numbers(run, 1, 2, 3, 4, 5), Check.NUMBERS_DIFFER, id="a number not tallied"),
    pytest.param(lambda run: with_numbers(run, *range(1, 8)), Check.NUMBERS_DIFFER, id="a number never sent"),
    pytest.param(lambda run: without_row(run, "e1"), Check.LOST, id="a row is missing"),
    pytest.param(lambda run: replace(run, letters=run.letters[:1]), Check.LOST, id="a letter is missing"),
    pytest.param(lambda run: replace(run, letters=run.letters[1:]), Check.LOST, id="the losing payload is missing"),
    pytest.param(
        lambda run: replace(without_row(run, "e1"), at_rest=False),
        Check.ACKNOWLEDGED_WITHOUT_OUTCOME,
        id="the engine is dead and owes a row that nobody holds",
    ),
    pytest.param(lambda run: replace(run, pending=frozenset("1")), Check.STILL_PENDING, id="never acknowledged"),
    pytest.param(lambda run: with_row(run, row("e1", "d1")), Check.DOUBLED_ROW, id="a row twice"),
    pytest.param(lambda run: with_row(run, row("conflicting", "d5")), Check.DOUBLED_ROW, id="both payloads of an id"),
    pytest.param(
        lambda run: with_row(without_row(run, "e1"), row("e1", "x")), Check.WRONG_CONTENTS, id="another value"
    ),
    pytest.param(lambda run: with_row(run, row("nobody", "x")), Check.UNEXPECTED_ROW, id="a row of nothing"),
    pytest.param(lambda run: with_row(run, row("e6", "d6")), Check.UNEXPECTED_ROW, id="a refused event written"),
    pytest.param(lambda run: with_letters(run, run.letters[0]), Check.DOUBLED_LETTER, id="a letter twice"),
    pytest.param(
        lambda run: replace(run, letters=(run.letters[0], Letter("6", "d6", "in_the_future"))),
        Check.WRONG_REASON,
        id="another reason",
    ),
    pytest.param(
        lambda run: with_letters(without_row(run, "e1"), Letter("1", "d1", "too_late")),
        Check.WRONGLY_REFUSED,
        id="a good event refused",
    ),
    pytest.param(
        lambda run: with_letters(without_row(run, "conflicting"), Letter("4", "d4", "id_conflict")),
        Check.WRONGLY_REFUSED,
        id="both payloads in conflict with each other",
    ),
    pytest.param(
        lambda run: with_letters(run, Letter("1", "d1", "id_conflict")),
        Check.DEAD_LETTERED_AND_WRITTEN,
        id="a letter and a row",
    ),
    pytest.param(lambda run: with_letters(run, Letter("?", "d", "too_late")), Check.UNEXPECTED_LETTER, id="no sender"),
    pytest.param(
        lambda run: replace(run, letters=(run.letters[0], Letter("6", "changed", "too_late"))),
        Check.UNEXPECTED_LETTER,
        id="other bytes",
    ),
    pytest.param(lambda run: with_tally(run, "duplicate", None, 2), Check.TALLIES_UNBALANCED, id="one too many"),
    pytest.param(lambda run: with_tally(run, "written", None, 2), Check.TALLIES_DIFFER_FROM_ROWS, id="a row uncounted"),
    pytest.param(
        lambda run: with_tally(run, "dead_lettered", "too_late", 2),
        Check.TALLIES_DIFFER_FROM_LETTERS,
        id="a letter counted twice",
    ),
    pytest.param(
        lambda run: replace(run, tallies=tallies(3, 2, 1, 1)),
        Check.TALLIES_DIFFER_FROM_MESSAGES,
        id="a redelivery counted as a message",
    ),
]


@pytest.mark.parametrize(("plant", "check"), PLANTED)
def test_what_is_planted_is_found_by_name(plant: Callable[[Evidence], Evidence], check: Check) -> None:
    assert check in names(plant(RUN))


def test_every_check_has_something_planted() -> None:
    assert {case.values[1] for case in PLANTED} == set(Check)


def test_a_dead_engine_owes_nothing_that_is_still_pending() -> None:
    dead = replace(without_row(RUN, "e1"), at_rest=False, pending=frozenset("1"), tallies={})
    assert judge(dead) == []


def test_a_killed_engine_may_send_a_letter_again() -> None:
    assert judge(replace(with_letters(RUN, RUN.letters[0]), letters_may_repeat=True)) == []


def test_an_event_of_indeterminate_publication_may_be_there_or_not() -> None:
    absent = replace(RUN, sent=(*RUN.sent, sent("7", indeterminate=True)))
    present = replace(with_row(absent, row("e7", "d7")), tallies=tallies(4, 1, 1, 1))
    assert judge(absent) == []
    assert judge(present) == []


def test_a_violation_never_says_a_value() -> None:
    wrong = with_row(without_row(RUN, "e1"), row("e1", "a secret"))
    assert "a secret" not in str(judge(wrong)) + repr(wrong)


def test_a_row_that_went_with_its_table_is_not_owed_until_its_event_is_sent_again() -> None:
    #  1 and 2 are written; the table is recreated; 2 is sent again
    gone = replace(RUN, rows=RUN.rows[2:], gone=RUN.rows[:2], excused=frozenset({"1", "2", "3"}))
    assert judge(gone) == []
    assert names(replace(gone, gone=())) == {Check.TALLIES_DIFFER_FROM_ROWS}
    assert names(replace(gone, excused=frozenset({"1", "3"}))) == {Check.LOST}

    again = replace(gone, sent=(*gone.sent, sent("7", "e2", digest="d2")), tallies=tallies(4, 1, 1, 1))
    assert names(again) == {Check.LOST, Check.TALLIES_DIFFER_FROM_ROWS}
    assert judge(replace(again, rows=(*again.rows, row("e2", "d2")))) == []


def test_what_was_on_its_way_to_a_table_that_went_may_be_counted_twice_and_no_oftener() -> None:
    #  1 is appended and not counted, 6 is counted and not acknowledged; the table is recreated, and both come again
    again = replace(
        RUN,
        gone=(row("e1", "d1"),),
        tallies=tallies(3, 1, 1, 2),
        unacknowledged={"1": 1, "6": 1},
        undecided={"things": 1},
    )
    assert judge(again) == []
    assert names(replace(again, undecided={})) == {Check.TALLIES_DIFFER_FROM_ROWS}
    assert names(replace(again, unacknowledged={"1": 1})) == {Check.TALLIES_DIFFER_FROM_LETTERS}
    assert names(replace(again, tallies=tallies(2, 1, 1, 3))) == {
        Check.TALLIES_DIFFER_FROM_ROWS,
        Check.TALLIES_DIFFER_FROM_LETTERS,
    }
    assert names(replace(again, tallies=tallies(4, 3, 1, 2))) == {Check.TALLIES_DIFFER_FROM_MESSAGES}
    assert names(without_row(replace(again, tallies=tallies(3, 1, 1, 1)), "e1")) >= {Check.LOST}


def test_a_conflict_may_be_written_once_its_rival_went_with_the_table() -> None:
    #  4 won, 5 has a letter; the table is recreated while 5 is not acknowledged, so it comes again
    won = replace(
        RUN,
        rows=(*RUN.rows[:2], row("conflicting", "d5")),
        gone=(row("conflicting", "d4"),),
        excused=frozenset({"4"}),
        unacknowledged={"5": 1},
        tallies=tallies(4, 1, 1, 1),
    )
    assert judge(won) == []
    assert names(replace(won, unacknowledged={})) == {
        Check.DEAD_LETTERED_AND_WRITTEN,
        Check.TALLIES_DIFFER_FROM_MESSAGES,
    }

    uncounted = replace(won, tallies=tallies(4, 1, 0, 1))  # killed between the letter and the commit that counts it
    assert judge(uncounted) == []
    assert names(replace(uncounted, unacknowledged={})) >= {Check.TALLIES_DIFFER_FROM_LETTERS}
    still_refused = replace(uncounted, rows=uncounted.rows[:2], tallies=tallies(3, 1, 0, 1))
    assert Check.TALLIES_DIFFER_FROM_LETTERS in names(still_refused)
