"""One subject's loop, from messages to rows, letters and acknowledgements; and what it does when its table changes."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import ServiceUnavailable
from google.rpc import code_pb2 as code

from headrace.bigquery.append_result import Answer
from headrace.engine.journal import Journal
from headrace.engine.journal_lease import FencedError
from headrace.engine.retry import StoppedError
from headrace.engine.status import FAILED, LETTERS
from headrace.engine.table_watch import TableReplacedError
from tests.support.jobs import wait_for
from tests.support.one_subject import (
    LATER,
    NAMES,
    NOW,
    TABLE,
    DiedError,
    OneSubject,
    an_event,
    an_unreadable,
    dies,
    is_away,
    things,
)

Make = Callable[..., OneSubject]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes a subject that has recovered."""
    journal = Journal.open(tmp_path / "journal")
    journal.claim("a test", 0, 3600)

    def made(**more: Any) -> OneSubject:
        return OneSubject(journal, **more).restarted()

    yield made
    journal.close()


@pytest.fixture
def subject(make: Make) -> OneSubject:
    return make()


def has_begun(subject: OneSubject) -> bool:
    return subject.loop.has_begun


def is_change_open(subject: OneSubject) -> bool:
    return subject.loop.table.watch.is_change_open


def recreate(subject: OneSubject) -> None:
    """The table is recreated, and the watch of tables sees it."""
    subject.bigquery.recreate()
    subject.loop.table.watch.watch()


def test_each_event_becomes_a_row_and_is_acknowledged_and_counted(subject: OneSubject) -> None:
    subject.ingest(an_event("a"), an_event("b", "Oslo"))
    assert [(row["_event_id"], row["city"]) for row in subject.bigquery.rows] == [("a", "Rome"), ("b", "Oslo")]
    assert subject.source.acknowledged == ["a", "b"]
    assert subject.counts() == Counter(received=2, written=2)
    assert subject.status.counts == Counter(received=2, written=2, redelivered=0, acknowledged=2)
    assert subject.status.took.total() == 2
    assert subject.status.seconds_taken == 2.0, "a second each"
    assert subject.publisher.published == []


def test_an_event_that_was_written_is_a_duplicate_when_it_is_published_again(subject: OneSubject) -> None:
    subject.ingest(an_event("a"))
    subject.ingest(an_event("a", message_id="again"), an_event("b"))
    subject.ingest(an_event("a", message_id="again"))
    assert subject.bigquery.ids == ["a", "b"]
    assert subject.source.acknowledged == ["a", "again", "b", "again"]
    assert subject.counts() == Counter(received=3, written=2, duplicate=1)
    assert (subject.status.counts["duplicate"], subject.status.counts["redelivered"]) == (1, 1)


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_redelivered_message_is_only_acknowledged_regardless_of_its_first_outcome(
    subject: OneSubject, is_restarted: bool
) -> None:
    #  written, then duplicate, conflict, refused, unreadable: all of them come again
    subject.bigquery.named = {"refused"}
    subject.ingest(an_event("a"))
    each = [
        an_event("a", message_id="duplicate"),
        an_event("a", "Oslo", message_id="conflict"),
        an_event("refused"),
        an_unreadable("unreadable"),
        an_event("b"),
    ]
    subject.ingest(*each)
    assert subject.bigquery.ids == ["a", "b"]
    letters = [("unreadable", "malformed_envelope"), ("conflict", "id_conflict"), ("refused", "refused_by_bigquery")]
    assert subject.publisher.letters == letters
    counted = Counter(received=6, written=2, duplicate=1, malformed_envelope=1, id_conflict=1, refused_by_bigquery=1)
    assert subject.counts() == counted
    assert subject.status.dead_letters == Counter(malformed_envelope=1, id_conflict=1, refused_by_bigquery=1)

    if is_restarted:
        subject.restarted()
    before = len(subject.source.acknowledged)
    subject.ingest(*each)

    assert len(subject.source.acknowledged) == before + 5
    assert subject.publisher.letters == letters
    assert subject.counts() == counted
    assert subject.status.counts["redelivered"] == 5


@pytest.mark.parametrize("is_restarted", [False, True])
def test_messages_none_of_which_can_be_read_are_letters_once(subject: OneSubject, is_restarted: bool) -> None:
    subject.ingest(an_unreadable("1"), an_unreadable("2"))
    if is_restarted:
        subject.restarted()
    subject.ingest(an_unreadable("1"), an_unreadable("2"))
    assert subject.publisher.letters == [("1", "malformed_envelope"), ("2", "malformed_envelope")]
    assert subject.publisher.topics == {NAMES.dead_letter_topic}
    assert subject.counts() == Counter(received=2, malformed_envelope=2)


def test_of_two_contents_with_one_id_that_come_together_the_first_counts_and_the_other_is_one_letter(
    subject: OneSubject,
) -> None:
    subject.ingest(an_event("a", "Rome"), an_event("a", "Oslo", message_id="rival"), an_event("b"))
    assert [(row["_event_id"], row["city"]) for row in subject.bigquery.rows] == [("a", "Rome"), ("b", "Rome")]
    assert subject.publisher.letters == [("rival", "id_conflict")]
    assert subject.counts() == Counter(received=3, written=2, id_conflict=1)


def test_rows_that_no_request_holds_together_are_written_one_after_the_other_and_all_is_counted_once(
    subject: OneSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.steps.append.MAX_REQUEST_BYTES", 1500)
    subject.ingest(an_event("a"))
    events = [an_event("a", message_id="again"), *(an_event(f"e{number}") for number in range(6))]
    subject.ingest(*events, an_event("large", "x" * 2000))
    assert sorted(subject.bigquery.ids) == ["a", *(f"e{number}" for number in range(6))]
    assert len(subject.bigquery.batches) > 2
    assert subject.publisher.letters == [("large", "row_too_large")]
    assert subject.counts() == Counter(received=9, written=7, duplicate=1, row_too_large=1)


def test_a_round_that_is_cut_is_acknowledged_with_its_last_part(subject: OneSubject) -> None:
    subject.preparer.at_once = 1
    acknowledged: list[list[str]] = []
    subject.preparer.before.extend([lambda: acknowledged.append(list(subject.source.acknowledged))] * 3)
    subject.ingest(an_event("a"), an_event("b"), an_event("c"))
    assert subject.bigquery.ids == ["a", "b", "c"]
    assert acknowledged == [[], [], []]
    assert subject.source.acknowledged == ["a", "b", "c"]
    assert subject.status.counts == Counter(received=3, written=3, redelivered=0, acknowledged=3)


def test_what_was_cut_off_before_an_error_comes_again_with_all_that_was_not_acknowledged(subject: OneSubject) -> None:
    #  a b c taken|a cannot be written, b is prepared, c waits|a b c are delivered again
    subject.preparer.at_once = 1
    subject.taken_over = True
    for _ in range(2):
        with pytest.raises(FencedError):
            subject.ingest(an_event("a"), an_event("b"), an_event("c"))
    subject.taken_over = False
    subject.ingest(an_event("a"), an_event("b"), an_event("c"))
    assert subject.bigquery.ids == ["a", "b", "c"]
    assert subject.source.acknowledged == ["a", "b", "c"]


def test_an_idle_subject_takes_few_messages_and_a_busy_one_takes_many(subject: OneSubject) -> None:
    subject.source.enough = 2
    for name in "abc":
        subject.source.give(an_event(name))
    subject.run()
    assert subject.bigquery.ids == subject.source.acknowledged == ["a", "b", "c"]
    assert subject.source.taken_while_busy == ["b"], "a and c came when nothing was in hand"


def test_a_finite_source_is_not_asked_for_its_end_while_a_round_is_in_hand(make: Make) -> None:
    #  the last round meets trouble: if the loop were stopped by now, it would not retry
    subject = make(finite=True)
    subject.bigquery.rules.append(is_away)
    subject.source.give(an_event("a"))
    subject.source.give(an_event("b"))
    subject.run()
    assert subject.bigquery.ids == subject.source.acknowledged == ["a", "b"]
    assert subject.source.taken_while_busy == []


def test_letters_are_published_again_until_that_succeeds_and_each_request_once(subject: OneSubject) -> None:
    def fail() -> None:
        raise ServiceUnavailable("no")

    subject.publisher.rules.append(fail)
    subject.ingest(an_unreadable("1"))
    assert subject.publisher.letters == [("1", "malformed_envelope")]
    assert subject.status.dead_letters.total() == 1


def test_no_letter_is_published_while_its_subscription_is_missing(subject: OneSubject) -> None:
    subject.status.block(LETTERS, "the subscription of dead letters is missing")

    def look() -> None:
        try:
            wait_for(lambda: "write" in subject.status.in_the_way, 10)
            published.append(len(subject.publisher.published))
        finally:
            subject.status.unblock(LETTERS)

    published: list[int] = []
    somebody = threading.Thread(target=look)
    somebody.start()
    subject.ingest(an_unreadable("1"))
    somebody.join()
    assert published == [0]
    assert subject.publisher.letters == [("1", "malformed_envelope")]


def test_a_subject_that_is_stopped_while_it_waits_to_publish_has_acknowledged_nothing(subject: OneSubject) -> None:
    subject.status.block(LETTERS, "the subscription of dead letters is missing")
    subject.preparer.before.append(subject.stop.set)
    with pytest.raises(StoppedError):
        subject.ingest(an_unreadable("1"))
    assert (subject.publisher.published, subject.source.acknowledged) == ([], [])


def test_an_error_that_only_this_subject_had_is_over_when_something_is_acknowledged(subject: OneSubject) -> None:
    subject.status.block(FAILED, "ValueError")
    subject.ingest(an_event("a"))
    assert FAILED not in subject.status.in_the_way


def test_a_table_that_lacks_a_column_blames_no_row(subject: OneSubject) -> None:
    #  refused as a whole|the column is missing: wait|it is there
    whole = subject.bigquery.schema

    def refuse(ids: list[str]) -> Answer:
        subject.bigquery.schema = [column for column in whole if column.name != "city"]
        return Answer(code.INVALID_ARGUMENT)

    def succeed(ids: list[str]) -> Answer | None:
        messages.append(subject.status.in_the_way.get("write", ""))
        subject.bigquery.schema = whole
        return None

    messages: list[str] = []
    subject.bigquery.rules.extend([refuse, succeed])
    subject.ingest(an_event("a"))
    assert "the table has no column city" in messages[0]
    assert (subject.bigquery.ids, subject.publisher.letters) == (["a"], [])


def test_a_stream_that_is_gone_with_its_count_leaves_the_table_to_say_what_it_holds(subject: OneSubject) -> None:
    def gone(ids: list[str]) -> Answer | None:
        (stream,) = subject.bigquery.streams.values()
        stream.into.append(subject.bigquery.batches[0])  # as another attempt may have
        subject.bigquery.streams.clear()
        return None

    subject.ingest(an_event("a"))
    subject.bigquery.rules.append(gone)
    subject.ingest(an_event("b"))
    assert subject.bigquery.ids == ["a", "a", "b"]
    assert subject.bigquery.asked == ["b"]


# What an earlier process left open.


def open_batch(subject: OneSubject, *names: str) -> None:
    """A process commits a batch, and ends before it appends it."""
    subject.bigquery.rules.append(dies)
    with pytest.raises(DiedError):
        subject.ingest(*map(an_event, names))


def test_what_an_earlier_process_committed_is_written_before_anything_comes(subject: OneSubject) -> None:
    open_batch(subject, "a")
    subject.restarted()
    assert subject.loop.has_begun
    assert subject.status.ready
    assert subject.bigquery.ids == ["a"]
    subject.ingest(an_event("a"))
    assert subject.bigquery.ids == ["a"]
    assert subject.status.counts["redelivered"] == 1
    assert subject.counts() == Counter(received=1, written=1)


def test_what_an_earlier_process_committed_and_bigquery_refuses_is_a_letter_when_its_message_comes_again(
    subject: OneSubject,
) -> None:
    open_batch(subject, "a", "b")
    subject.bigquery.named = {"a"}
    subject.restarted()
    assert (subject.bigquery.ids, subject.publisher.letters) == (["b"], [])
    subject.ingest(an_event("a"), an_event("b"))
    assert (subject.bigquery.ids, subject.publisher.letters) == (["b"], [("a", "refused_by_bigquery")])
    assert subject.counts() == Counter(received=2, written=1, refused_by_bigquery=1)


def test_rows_that_went_to_a_table_that_is_gone_are_written_to_the_one_that_is_there(subject: OneSubject) -> None:
    #  appended, and the process ends before it knows|the table is recreated
    def written_and_dead(ids: list[str]) -> Answer | None:
        (stream,) = subject.bigquery.streams.values()
        stream.end += len(ids)
        raise DiedError

    subject.bigquery.rules.append(written_and_dead)
    with pytest.raises(DiedError):
        subject.ingest(an_event("a"))
    subject.bigquery.recreate()
    subject.restarted()
    assert subject.bigquery.ids == ["a"]


def test_rows_that_a_stream_holds_are_not_asked_for_in_the_table(subject: OneSubject) -> None:
    def written_and_dead(ids: list[str]) -> Answer | None:
        (stream,) = subject.bigquery.streams.values()
        stream.end += len(ids)
        raise DiedError

    subject.bigquery.rules.append(written_and_dead)
    with pytest.raises(DiedError):
        subject.ingest(an_event("a"))
    subject.restarted()
    assert subject.bigquery.asked == []
    assert subject.counts() == Counter(received=1, written=1)


def test_after_a_takeover_what_is_open_is_taken_back_and_the_table_asked_of_all(subject: OneSubject) -> None:
    #  committed here|another engine writes a and b|this one is back, and gets b
    open_batch(subject, "a")
    subject.bigquery.rules.clear()
    with subject.journal.transaction() as transaction:
        transaction.take_over([TABLE])
    subject.restarted()
    assert subject.loop.has_begun
    assert subject.bigquery.ids == []
    assert not subject.journal.is_taken_over(TABLE)
    subject.ingest(an_event("b"))
    assert subject.bigquery.ids == ["b"]


def test_a_table_that_was_taken_over_is_looked_at_though_nothing_is_open(subject: OneSubject) -> None:
    subject.ingest(an_event("a"))
    with subject.journal.transaction() as transaction:
        transaction.take_over([TABLE])
    subject.restarted()
    assert subject.loop.has_begun
    assert not subject.journal.is_taken_over(TABLE)


# When the table is looked at first.


def test_where_nothing_is_open_it_is_ready_and_the_table_is_asked_when_the_first_messages_come(
    subject: OneSubject,
) -> None:
    assert subject.status.ready
    (wait,) = subject.run()
    assert wait is not None
    assert LATER / 2 < wait < LATER
    assert not has_begun(subject)
    assert subject.journal.identity(TABLE) is None
    subject.ingest(an_event("a"))
    assert has_begun(subject)
    assert subject.journal.identity(TABLE) == "p.d.things 1000"


def test_where_nothing_is_open_the_table_is_asked_when_there_is_time(make: Make) -> None:
    subject = make(begins_in=-1.0)
    assert not has_begun(subject)
    assert subject.run() == [None]
    assert has_begun(subject)
    assert subject.journal.identity(TABLE) is not None


def test_it_waits_until_there_is_time_and_no_longer(make: Make) -> None:
    until = time.monotonic() + 0.9
    subject = make(begins_in=0.9)
    (wait,) = subject.run()
    assert time.monotonic() > until or (wait is not None and 0 < wait <= 0.9)
    assert time.monotonic() > until or not subject.loop.has_begun


def test_a_finite_source_begins_before_anything_is_taken(make: Make) -> None:
    assert make(finite=True).loop.has_begun


def test_rows_written_by_an_engine_whose_journal_is_lost_are_found_in_the_table(subject: OneSubject) -> None:
    #  written by an engine whose journal is lost
    subject.ingest(an_event("a"))
    subject.restarted()
    with subject.journal.transaction() as transaction:
        transaction.forget(TABLE)
        transaction.remember_since(TABLE, NOW)
    subject.restarted()
    subject.ingest(an_event("a", message_id="1"), an_event("b"), an_event("a", "Oslo", message_id="2"))
    assert subject.bigquery.ids == ["a", "b"]
    assert subject.status.counts["duplicate"] == 1
    assert subject.publisher.letters == [("2", "id_conflict")]


# How far all is complete.


def test_nothing_is_complete_before_the_table_was_looked_at_and_resources_are_right(subject: OneSubject) -> None:
    assert subject.loop.complete_until() == 0
    subject.source.drained_at = 5
    subject.status.resources_right = True
    assert subject.loop.complete_until() == 0, "it has not begun"
    subject.status.resources_right = False
    subject.ingest(an_event("a"))
    subject.status.block(FAILED, "ValueError")
    assert subject.loop.complete_until() == 0, "resources are not right"
    assert FAILED in subject.status.in_the_way
    subject.status.resources_right = True
    assert subject.loop.complete_until() == 5
    assert FAILED not in subject.status.in_the_way


def test_what_is_complete_stays_so_and_grows(subject: OneSubject) -> None:
    subject.ingest(an_event("a"))
    subject.status.resources_right = True
    found = []
    for moment in (5, 0, 9):
        subject.source.drained_at = moment
        found.append(subject.loop.complete_until())
    assert found == [5, 5, 9]


# When the table is another one.


def test_a_recreated_table_gets_redelivered_and_new_events(subject: OneSubject) -> None:
    subject.ingest(an_event("a"))

    def change() -> None:
        recreate(subject)
        subject.source.give(an_event("a"))
        subject.source.give(an_event("b"))

    subject.run(change)
    assert subject.bigquery.ids == ["a", "b"]
    assert subject.journal.identity(TABLE) == "p.d.things 2000"
    assert "looked up in it from now on" in subject.status.notices["table"]
    assert not subject.loop.table.watch.is_change_open


def test_a_table_recreated_while_a_round_is_prepared_gets_the_round(subject: OneSubject) -> None:
    subject.ingest(an_event("a"))
    subject.preparer.before.append(lambda: recreate(subject))
    subject.ingest(an_event("b"))
    assert subject.bigquery.ids == ["b"]
    assert subject.source.acknowledged == ["a", "b"]


def test_a_table_recreated_while_nothing_arrives_is_adopted_when_there_is_time(subject: OneSubject) -> None:
    subject.ingest(an_event("a"))
    seen: list[str | None] = []

    def look() -> None:
        seen.append(subject.journal.identity(TABLE))

    recreate(subject)
    subject.run(look)
    assert seen == ["p.d.things 2000"]
    assert subject.status.in_the_way == {}


def test_a_table_not_checked_for_long_is_checked_before_rows_go_to_it(subject: OneSubject) -> None:
    subject.ingest(an_event("a"))
    subject.bigquery.recreate()
    subject.loop.table.watch.look_seconds = -1.0
    subject.ingest(an_event("b"))
    assert subject.bigquery.ids == ["b"]


def test_a_recently_checked_table_is_not_checked_for_each_round(subject: OneSubject) -> None:
    subject.ingest(an_event("a"))
    looks = subject.bigquery.looks
    for name in "bcd":
        subject.ingest(an_event(name))
    assert subject.bigquery.looks == looks
    assert len(subject.bigquery.streams) == 1


def test_a_change_that_was_undone_is_withdrawn(subject: OneSubject) -> None:
    #  seen as another table|restored under its old name before anybody acted
    subject.ingest(an_event("a"))
    kept = subject.bigquery.batches
    recreate(subject)
    assert is_change_open(subject)
    subject.bigquery.created, subject.bigquery.batches = 1, kept
    assert subject.loop.table.is_replaced() is False
    assert not is_change_open(subject)
    assert subject.status.in_the_way == {}
    subject.ingest(an_event("b"))
    assert subject.bigquery.ids == ["a", "b"]
    assert len(subject.bigquery.streams) == 1


def test_a_change_that_was_withdrawn_leaves_the_stream_as_it_is(subject: OneSubject) -> None:
    subject.ingest(an_event("a"))
    kept = subject.bigquery.batches
    recreate(subject)
    subject.bigquery.created, subject.bigquery.batches = 1, kept
    subject.ingest(an_event("b"))
    assert subject.bigquery.ids == ["a", "b"]
    assert len(subject.bigquery.streams) == 1


def test_is_replaced_detects_another_table_and_forgets_what_was_remembered_of_the_old_one(
    subject: OneSubject,
) -> None:
    subject.ingest(an_event("a"))
    assert subject.loop.table.is_replaced() is False
    subject.bigquery.recreate()
    assert subject.loop.table.is_replaced() is True
    assert subject.journal.identity(TABLE) == "p.d.things 2000"
    assert subject.journal.receipts(TABLE) == []


def test_a_table_that_is_replaced_under_a_finite_source_ends_it(make: Make) -> None:
    subject = make(finite=True)
    subject.ingest(an_event("a"))
    assert subject.loop.table.is_replaced() is False
    subject.bigquery.recreate()
    with pytest.raises(TableReplacedError, match="run the command again"):
        subject.loop.table.is_replaced()
    assert subject.journal.identity(TABLE) == "p.d.things 1000"


@pytest.mark.parametrize("uncounted", [False, True])
def test_uncounted_rows_of_a_replaced_table_are_counted_as_lost(subject: OneSubject, uncounted: bool) -> None:
    subject.ingest(an_event("a"), an_event("b"))
    with subject.journal.transaction() as transaction:
        transaction.forget_tallies(1000)
        if uncounted:  # the table of tallies was recreated
            transaction.replace_tallies(TABLE, 0)
    recreate(subject)
    subject.ingest(an_event("c"))
    assert subject.counts() == Counter(received=1, written=1) + Counter(lost=2 if uncounted else 0)
    assert ("lost" in subject.counts()) is uncounted


# What is remembered is bounded.


def test_ids_are_forgotten_by_and_by_and_looked_up_in_the_table_from_then_on(make: Make) -> None:
    subject = make(ids_remembered=2)
    subject.ingest(an_event("a"))
    subject.ingest(an_event("b"))
    subject.bigquery.asked.clear()
    subject.ingest(an_event("a", message_id="again"))
    assert subject.bigquery.ids == ["a", "b"]
    assert subject.bigquery.asked == ["a"]


def test_what_the_contract_filters_out_is_counted_as_dropped_and_not_looked_at_again(make: Make) -> None:
    subject = make(contract=things(where="city != 'Oslo'"))
    subject.ingest(an_event("a", "Oslo"), an_event("b"))
    subject.ingest(an_event("a", "Oslo"))
    assert subject.bigquery.ids == ["b"]
    assert subject.counts() == Counter(received=2, written=1, dropped=1)
    assert (subject.status.counts["dropped"], subject.status.counts["redelivered"]) == (1, 1)
