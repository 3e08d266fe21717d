"""Is what came out what was put in: named checks over everything a run has left behind.

A message is known by its *probe*, an attribute that every message of a run has for itself; an event by its id,
which several messages may share. Everything here is pure logic: ``world.py`` collects the evidence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

WRITTEN: Final = "written"
CONFLICT: Final = "id_conflict"


class Check(StrEnum):
    """What may be wrong with a run; the value is what a test names."""

    LOST = "lost"  # confirmed, and at rest neither written nor dead-lettered nor pending
    ACKNOWLEDGED_WITHOUT_OUTCOME = "acknowledged_without_outcome"  # the same, while the engine was dead and owed it
    STILL_PENDING = "still_pending"  # at rest, and Pub/Sub would deliver it again
    DOUBLED_ROW = "doubled_row"  # two rows with one id
    WRONG_CONTENTS = "wrong_contents"  # a row that is not its event, masked
    UNEXPECTED_ROW = "unexpected_row"  # a row of nothing that should be written
    DOUBLED_LETTER = "doubled_letter"  # one message, two letters, in a run where nothing excuses it
    WRONG_REASON = "wrong_reason"  # dead-lettered for another reason than its fault
    WRONGLY_REFUSED = "wrongly_refused"  # dead-lettered, and there was nothing wrong with it
    DEAD_LETTERED_AND_WRITTEN = "dead_lettered_and_written"
    UNEXPECTED_LETTER = "unexpected_letter"  # a letter of a message that was never sent, or with other bytes
    TALLIES_UNBALANCED = "tallies_unbalanced"  # received is not the sum of the other outcomes
    TALLIES_DIFFER_FROM_ROWS = "tallies_differ_from_rows"
    TALLIES_DIFFER_FROM_LETTERS = "tallies_differ_from_letters"
    TALLIES_DIFFER_FROM_MESSAGES = "tallies_differ_from_messages"  # a message counted twice, or never
    NUMBERS_DIFFER = "numbers_differ"  # a number of a message that arrived and is not tallied so, or was never sent


@dataclass(frozen=True, slots=True)
class Sent:
    """One message that was published. *outcome* is ``written`` or the reason of its dead letter; *row* what its row
    must hold; of an *indeterminate* one it is unknown whether Pub/Sub has it. *number* is the one of its sequence."""

    probe: str
    subject: str
    event_id: str | None
    digest: str
    outcome: str = WRITTEN
    row: Mapping[str, Any] | None = field(default=None, repr=False)
    indeterminate: bool = False
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a subject's table, without the columns that depend on when it was written."""

    subject: str
    event_id: str
    values: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Letter:
    """One message of the dead-letter topic."""

    probe: str
    digest: str
    reason: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a run has left. *pending* are probes that Pub/Sub still holds; *tallies* are counts by subject, outcome
    and reason. *at_rest*: the engine has drained; otherwise it was dead in mid-work, and only what it owes is checked.
    *letters_may_repeat*: it was killed, and publishing again is how a letter is never lost. *gone*: rows that somebody
    removed, with their table or from it; *excused* are the probes of messages that had been sent by then and whose row
    was among them: nothing is owed for these any more, and a message sent later is owed its row again. *unacknowledged*
    says of a probe how often a table was replaced while Pub/Sub still held the message: what was settled of it is
    forgotten with the table, so it can be counted once more each time. *undecided* is, for each subject, how many rows
    went whose message Pub/Sub still held: they can have gone before anybody counted them as written. *numbers* are
    those that arrived, by subject."""

    sent: Sequence[Sent]
    rows: Sequence[Row]
    letters: Sequence[Letter]
    pending: frozenset[str]
    tallies: Mapping[tuple[str, str, str | None], int]
    at_rest: bool = True
    letters_may_repeat: bool = False
    gone: Sequence[Row] = ()
    excused: frozenset[str] = frozenset()
    unacknowledged: Mapping[str, int] = field(default_factory=dict)
    undecided: Mapping[str, int] = field(default_factory=dict)
    numbers: Mapping[str, frozenset[int]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong: *check* names it, *detail* says where; never a value of a row."""

    check: Check
    detail: str


Found = Iterator[Violation]


def judge(evidence: Evidence) -> list[Violation]:
    """Run every check that applies."""
    checks = [*ALWAYS, *(AT_REST if evidence.at_rest else ())]
    return [violation for check in checks for violation in check(evidence)]


def each_confirmed_message_is_somewhere(evidence: Evidence) -> Found:
    """A duplicate has no row of its own, but its event has one; of two payloads with one id, one has a letter."""
    settled = {letter.probe for letter in evidence.letters} | evidence.pending | evidence.excused
    rows, payloads = _rows_by_id(evidence.rows), _payloads(evidence)
    name = Check.LOST if evidence.at_rest else Check.ACKNOWLEDGED_WITHOUT_OUTCOME
    for message in evidence.sent:
        if message.indeterminate or message.probe in settled:
            continue
        key = message.subject, message.event_id
        conflicting = len(payloads[key]) > 1
        if message.outcome == WRITTEN and any(not conflicting or values == message.row for values in rows.get(key, ())):
            continue
        yield Violation(name, f"{message.subject} {message.event_id} (probe {message.probe})")


def each_id_has_one_row(evidence: Evidence) -> Found:
    for (subject, event_id), rows in _rows_by_id(evidence.rows).items():
        if len(rows) > 1:
            yield Violation(Check.DOUBLED_ROW, f"{subject} {event_id}: {len(rows)} rows")


def each_row_is_its_event_masked(evidence: Evidence) -> Found:
    expected: dict[tuple[str, str | None], list[Mapping[str, Any]]] = {}
    for message in evidence.sent:
        if message.outcome == WRITTEN and message.row is not None:
            expected.setdefault((message.subject, message.event_id), []).append(message.row)
    for row in evidence.rows:
        candidates = expected.get((row.subject, row.event_id))
        if candidates is None:
            yield Violation(Check.UNEXPECTED_ROW, f"{row.subject} {row.event_id}")
        elif row.values not in candidates:
            columns = [name for name in candidates[0] if row.values.get(name) != candidates[0][name]]
            yield Violation(Check.WRONG_CONTENTS, f"{row.subject} {row.event_id}: columns {columns}")


def each_letter_has_its_reason(evidence: Evidence) -> Found:
    sent = {message.probe: message for message in evidence.sent}
    payloads = _payloads(evidence)
    written = {(row.subject, row.event_id) for row in (*evidence.rows, *evidence.gone)}
    for letter in evidence.letters:
        message = sent.get(letter.probe)
        if message is None or message.digest != letter.digest:
            yield Violation(Check.UNEXPECTED_LETTER, f"probe {letter.probe}")
        elif letter.reason == CONFLICT and len(payloads[message.subject, message.event_id]) > 1:
            if evidence.at_rest and (message.subject, message.event_id) not in written:
                yield Violation(Check.WRONGLY_REFUSED, f"{message.event_id}: a conflict with nothing")
        elif message.outcome == WRITTEN:
            yield Violation(Check.WRONGLY_REFUSED, f"{message.event_id}: {letter.reason}")
        elif message.outcome != letter.reason:
            yield Violation(Check.WRONG_REASON, f"{message.event_id}: {letter.reason}, not {message.outcome}")


def no_payload_is_both_written_and_dead_lettered(evidence: Evidence) -> Found:
    """But a conflict whose other event went with the table: when it comes again, nothing is in its way."""
    sent = {message.probe: message for message in evidence.sent}
    rows = _rows_by_id(evidence.rows)
    without_rivals = _without_rivals(evidence)
    for letter in evidence.letters:
        message = sent.get(letter.probe)
        if message is None or message.row is None or (letter.reason == CONFLICT and letter.probe in without_rivals):
            continue
        if message.row in rows.get((message.subject, message.event_id), ()):
            yield Violation(Check.DEAD_LETTERED_AND_WRITTEN, f"{message.subject} {message.event_id}: {letter.reason}")


def no_letter_comes_twice(evidence: Evidence) -> Found:
    if not evidence.letters_may_repeat:
        for probe, count in Counter(letter.probe for letter in evidence.letters).items():
            if count > 1:
                yield Violation(Check.DOUBLED_LETTER, f"probe {probe}: {count} letters")


def nothing_is_pending(evidence: Evidence) -> Found:
    for probe in sorted(evidence.pending):
        yield Violation(Check.STILL_PENDING, f"probe {probe}")


def tallies_balance(evidence: Evidence) -> Found:
    for subject in sorted({key[0] for key in evidence.tallies}):
        received = _tallied(evidence, subject, "received")
        settled = sum(count for key, count in evidence.tallies.items() if key[0] == subject) - received
        if received != settled:
            yield Violation(Check.TALLIES_UNBALANCED, f"{subject}: {received} received, {settled} settled")


def tallies_are_the_rows(evidence: Evidence) -> Found:
    rows = Counter(row.subject for row in (*evidence.rows, *evidence.gone))
    for subject in sorted({message.subject for message in evidence.sent}):
        tallied = _tallied(evidence, subject, "written")
        if not 0 <= rows[subject] - tallied <= evidence.undecided.get(subject, 0):
            yield Violation(Check.TALLIES_DIFFER_FROM_ROWS, f"{subject}: {tallied} tallied, {rows[subject]} rows")


def tallies_are_the_letters(evidence: Evidence) -> Found:
    """A letter that was published twice is tallied once, unless its table was replaced in between.

    An engine that is killed before it counts the letter of a conflict writes the event when its rival went with the
    table meanwhile.
    """
    subjects = {message.probe: message.subject for message in evidence.sent}
    distinct = {(letter.probe, letter.reason) for letter in evidence.letters if letter.probe in subjects}
    letters = Counter[tuple[str, str | None]]((subjects[probe], reason) for probe, reason in distinct)
    again, overtaken = Counter[tuple[str, str | None]](), Counter[tuple[str, str | None]]()
    written_later = _without_rivals(evidence) & _ever_written(evidence)
    for probe, reason in distinct:
        again[subjects[probe], reason] += evidence.unacknowledged.get(probe, 0)
        overtaken[subjects[probe], reason] += reason == CONFLICT and probe in written_later
    tallied = Counter({key[::2]: n for key, n in evidence.tallies.items() if key[1] == "dead_lettered"})
    for key in sorted(letters.keys() | tallied.keys(), key=str):
        if not -overtaken[key] <= tallied[key] - letters[key] <= again[key]:
            yield Violation(Check.TALLIES_DIFFER_FROM_LETTERS, f"{key}: {tallied[key]} tallied, {letters[key]} letters")


def tallies_are_the_messages(evidence: Evidence) -> Found:
    """A message that Pub/Sub delivers again is still the same message, and is counted once, unless its table was
    replaced in between."""
    for subject in sorted({message.subject for message in evidence.sent}):
        all_of_it = [message for message in evidence.sent if message.subject == subject]
        sure = sum(not message.indeterminate for message in all_of_it)
        received = _tallied(evidence, subject, "received")
        most = len(all_of_it) + sum(evidence.unacknowledged.get(message.probe, 0) for message in all_of_it)
        if not sure <= received <= most:
            detail = f"{subject}: {received} received, {sure} to {most} expected"
            yield Violation(Check.TALLIES_DIFFER_FROM_MESSAGES, detail)


def numbers_are_those_of_the_messages(evidence: Evidence) -> Found:
    """Whatever became of a message, and however often it came, its number is tallied."""
    for subject in sorted({message.subject for message in evidence.sent} | evidence.numbers.keys()):
        sent = {each.number: each.indeterminate for each in evidence.sent if each.subject == subject and each.number}
        arrived = evidence.numbers.get(subject, frozenset())
        missing = {number for number, indeterminate in sent.items() if not indeterminate} - arrived
        foreign = arrived - sent.keys()
        if missing or foreign:
            detail = (
                f"{subject}: {len(missing)} missing, such as {min(missing, default=None)}; {len(foreign)} never sent"
            )
            yield Violation(Check.NUMBERS_DIFFER, detail)


ALWAYS: Final[Sequence[Callable[[Evidence], Found]]] = (
    each_confirmed_message_is_somewhere,
    each_id_has_one_row,
    each_row_is_its_event_masked,
    each_letter_has_its_reason,
    no_payload_is_both_written_and_dead_lettered,
    no_letter_comes_twice,
)
AT_REST: Final[Sequence[Callable[[Evidence], Found]]] = (
    nothing_is_pending,
    tallies_balance,
    tallies_are_the_rows,
    tallies_are_the_letters,
    tallies_are_the_messages,
    numbers_are_those_of_the_messages,
)


def _rows_by_id(rows: Iterable[Row]) -> dict[tuple[str, str | None], list[Mapping[str, Any]]]:
    found: dict[tuple[str, str | None], list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((row.subject, row.event_id), []).append(row.values)
    return found


def _without_rivals(evidence: Evidence) -> set[str]:
    """The messages that Pub/Sub still held when the row with their id, or one of theirs, went with a table."""
    gone = {(row.subject, row.event_id) for row in evidence.gone}
    concerned = {each.probe for each in evidence.sent if (each.subject, each.event_id) in gone}
    return concerned & evidence.unacknowledged.keys()


def _ever_written(evidence: Evidence) -> set[str]:
    """The messages whose own payload is, or was, a row."""
    found = _rows_by_id([*evidence.rows, *evidence.gone])
    return {each.probe for each in evidence.sent if each.row in found.get((each.subject, each.event_id), ())}


def _payloads(evidence: Evidence) -> dict[tuple[str, str | None], set[str]]:
    """The different payloads of an id that could each be written."""
    found: dict[tuple[str, str | None], set[str]] = {}
    for message in evidence.sent:
        of_id = found.setdefault((message.subject, message.event_id), set())
        if message.outcome in (WRITTEN, CONFLICT):
            of_id.add(message.digest)
    return found


def _tallied(evidence: Evidence, subject: str, outcome: str) -> int:
    return sum(count for key, count in evidence.tallies.items() if key[:2] == (subject, outcome))
