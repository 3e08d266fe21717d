"""The lines of the numbers that arrived: few, of limited size, and beside the counts."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

import pyarrow as pa
import pytest

from headrace.bigquery.write_streams import MAX_REQUEST_BYTES
from headrace.core.arrivals import tally_arrivals
from headrace.core.message import Message
from headrace.core.outcome import Outcome
from headrace.core.tally import Tally, add_up, tally_unread
from headrace.schemas.sequence import SequenceNumber
from headrace.steps.tally_lines import tally_lines, tally_requests

MINUTE = timedelta(minutes=1)
MICROS = 60_000_000


def a_message(number: int, source: str = "/checkout", epoch: str = "a1", subject: str = "things") -> Message:
    attributes = {"ce-source": source, "ce-sequence": str(SequenceNumber(epoch, number))}
    return Message(subject, b"", attributes, "m", 7)


def lines_of(*tallies: Tally) -> pa.RecordBatch:
    ids = count()
    return tally_lines(add_up(tallies), 5, lambda: f"line-{next(ids)}", {"things": 9})


def ranges(lines: pa.RecordBatch) -> list[tuple[str, str, int, int]]:
    return [
        (each["source"], each["epoch"], each["first_number"], each["last_number"])
        for line in lines.to_pylist()
        for each in line["sequences"]
    ]


def test_counts_and_numbers_have_lines_of_their_own_with_ids_of_their_own() -> None:
    messages = [a_message(number) for number in (1, 2, 4)]
    counted = tally_unread(messages, Outcome.RECEIVED, MINUTE)
    lines = lines_of(counted, *tally_arrivals(messages, MINUTE)).to_pylist()
    short: list[tuple[Any, ...]] = [
        (line["outcome"], line["events"], len(line["windows"]), len(line["sequences"])) for line in lines
    ]
    assert short == [("received", 3, 1, 0), ("arrived", 0, 0, 2)]
    assert len({line["tally_id"] for line in lines}) == 2
    assert all(line["complete_until"] is not None for line in lines)


def test_numbers_of_several_rounds_are_joined() -> None:
    rounds = [tally_arrivals([a_message(n) for n in numbers], MINUTE) for numbers in ([1, 3], [2], [3, 9], [1, 2])]
    lines = lines_of(*(tally for each in rounds for tally in each))
    assert ranges(lines) == [("/checkout", "a1", 1, 3), ("/checkout", "a1", 9, 9)]
    assert len(lines) == 1


def test_numbers_of_several_subjects_are_kept_apart() -> None:
    tallies = [tally_arrivals([a_message(1, subject=subject)], MINUTE)[0] for subject in ("things", "others")]
    lines = lines_of(*tallies).to_pylist()
    assert [(line["subject"], len(line["sequences"])) for line in lines] == [("others", 1), ("things", 1)]


def test_unreadable_numbers_are_counted_in_a_line() -> None:
    broken = Message("things", b"", {"ce-source": "/checkout", "ce-sequence": "x"}, "m", 7)
    lines = lines_of(*tally_arrivals([broken, broken, a_message(1)], MINUTE)).to_pylist()
    assert [(line["reason"], line["events"], len(line["sequences"])) for line in lines] == [
        (None, 0, 1),
        ("unnumbered", 2, 0),
    ]


@pytest.mark.parametrize("sources", [1, 100_000])
def test_very_many_sources_and_epochs_fill_lines_and_requests_of_limited_size(sources: int) -> None:
    messages = [a_message(7, f"/{n % sources:_>200}", f"e{n:0>60}") for n in range(100_000)]
    counted = tally_unread(messages[:1], Outcome.RECEIVED, MINUTE)
    lines = lines_of(counted, *tally_arrivals(messages, MINUTE))
    requests = tally_requests(lines)
    assert max(pa.ipc.get_record_batch_size(each) for each in requests) <= MAX_REQUEST_BYTES
    assert len(requests) > 2
    assert sorted(row for each in requests for row in ranges(each)) == sorted(ranges(lines))
    assert requests[-1].column("outcome").to_pylist() == ["received"]
    assert len(ranges(lines)) == 100_000


def test_few_numbers_are_one_request() -> None:
    lines = lines_of(*tally_arrivals([a_message(1)], MINUTE))
    assert tally_requests(lines) == [lines]


def test_huge_numbers_cost_no_more_than_others() -> None:
    messages = [a_message(1), a_message(10**18 - 1)]
    assert ranges(lines_of(*tally_arrivals(messages, MINUTE))) == [
        ("/checkout", "a1", 1, 1),
        ("/checkout", "a1", 10**18 - 1, 10**18 - 1),
    ]
