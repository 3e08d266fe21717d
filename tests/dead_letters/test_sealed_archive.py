"""What a row of the archive says is sealed with it, and an import takes no more than an export writes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from unittest.mock import Mock

import pytest

from headrace.core.replay_attributes import MOST_REFUSALS
from headrace.dead_letters.archive_key import ArchiveKey, SealedError
from headrace.dead_letters.archive_reader import ArchiveReader
from headrace.dead_letters.archive_writer import ArchiveNames, ArchiveWriter
from headrace.dead_letters.archived_letter import ArchivedLetter
from headrace.dead_letters.export import ImportLineError, read_lines, to_line
from headrace.dead_letters.facts import State
from headrace.dead_letters.letter import as_pieces
from headrace.errors import Exit
from headrace.runtime.exit_codes import explain
from tests.support.letters import NOW, a_letter

KEY: Final = ArchiveKey.of(bytes(range(32)))
NAMES: Final = ArchiveNames("p", "d")
OTHERWISE: Final[dict[str, Any]] = {
    "letter_id": "f" * 20,
    "attempt": 2,
    "piece": 2,
    "pieces": 2,
    "bytes": 1,
    "reason": "undecodable_payload",
    "stage": "decode",
    "detail": "another",
    "subject": "flight_departed",
    "refused_at": NOW + timedelta(days=1),
    "pipeline": "another",
    "version": "9",
    "source_subscription": "projects/p/subscriptions/another",
    "message_id": "another",
    "published_at": NOW,
    "first_published_at": NOW,
    "event_id": "another",
    "claimed": None,
    "source": "/another",
}


def a_row() -> dict[str, Any]:
    archive = ArchiveWriter(NAMES, Mock(), KEY, lambda: datetime.now(UTC))
    (piece,) = as_pieces(a_letter())
    row = archive._letter(piece, NOW)
    return row | {"reason": str(row["reason"])}


def test_a_row_is_read_as_it_was_written() -> None:
    assert ArchiveReader(Mock(), NAMES, KEY)._piece(a_row()).letter == a_letter()


def test_the_id_of_the_first_message_is_kept_in_the_archive_and_in_an_export() -> None:
    letter = a_letter(first_message_id="m0")
    archive = ArchiveWriter(NAMES, Mock(), KEY, lambda: datetime.now(UTC))
    (piece,) = as_pieces(letter)
    row = archive._letter(piece, NOW)
    assert ArchiveReader(Mock(), NAMES, KEY)._piece(row | {"reason": str(row["reason"])}).letter == letter

    (exported,) = read_lines([to_line(ArchivedLetter(letter, letter, State.OPEN))])
    assert exported.letter == exported.edited == letter


def test_an_export_from_before_messages_had_first_ids_is_imported() -> None:
    line = json.loads(a_line())
    del line["first_message_id"]
    (exported,) = read_lines([json.dumps(line)])
    assert exported.letter == a_letter()


@pytest.mark.parametrize("column", OTHERWISE)
def test_a_row_of_which_one_column_was_changed_is_not_believed(column: str) -> None:
    row = a_row()
    assert row[column] != OTHERWISE[column]
    with pytest.raises(SealedError, match="the row was changed after it was written"):
        ArchiveReader(Mock(), NAMES, KEY)._piece(row | {column: OTHERWISE[column]})


def test_every_column_that_is_read_is_tried() -> None:
    assert set(a_row()) - set(OTHERWISE) == {"sealed", "key_id", "collected_at"}


def a_line(**changes: Any) -> str:
    line = json.loads(to_line(ArchivedLetter(a_letter(), None, State.OPEN)))
    return json.dumps(line | changes)


def test_a_line_of_an_export_is_read_back() -> None:
    (exported,) = read_lines([a_line(attempt=MOST_REFUSALS)])
    assert exported.letter.attempt == MOST_REFUSALS


@pytest.mark.parametrize(
    "line",
    [
        a_line(attempt=0),
        a_line(attempt=MOST_REFUSALS + 1),
        a_line(attempt=2**62),
        a_line(attempt=2**63),
        a_line(reason="no_such_reason"),
        a_line(detail="x")[:-1] + "\udcff}",
        a_line().replace('"window"', '"\udce9"'),
    ],
    ids=["none", "too many", "2^62", "2^63", "reason", "not UTF-8", "not UTF-8 in a text"],
)
def test_a_line_that_no_export_writes_is_reported_by_its_number_without_its_content(line: str) -> None:
    with pytest.raises(ImportLineError, match="line 2: not a line of") as caught:
        list(read_lines([a_line(), line]))
    assert explain(caught.value)[0] is Exit.FOUND
