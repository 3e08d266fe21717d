"""A journal of which a byte was changed is refused, or is as it was; never believed to hold something else."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest

from headrace.engine.journal import Journal
from headrace.engine.journal_errors import JournalBrokenError, JournalError
from headrace.engine.journal_files import read_log
from headrace.engine.journal_opening import FILE

SEED = 20261128
TABLES = ("flights", "bookings")
QUERIES = [
    f"SELECT * FROM {table} ORDER BY 1"
    for table in ("meta", "streams", "pending_batches", "remembered", "ids", "receipts", "tallies")
]


def fill(folder: Path) -> list[Any]:
    """Make a journal with something of everything, copied while it is in use to *used*; its states, the last two."""
    journal = Journal.open(folder)
    journal.claim("a test", 0, 30.0)
    drawn = random.Random(SEED)
    states: list[Any] = []
    for number in range(40):
        with journal.transaction() as transaction:
            for table in TABLES:
                if number == 0:
                    transaction.open_stream(table, f"streams/{table}")
                transaction.add_pending(table, 7, drawn.randbytes(300), drawn.randbytes(20_000), drawn.randbytes(900))
                transaction.advance(table, 7)
                transaction.note_place(table, f"file-{number}.csv", number)
            transaction.tally(drawn.randbytes(2_000))
            if number > 5:
                transaction.remove_pending(number)
        states = [*states[-1:], state(journal)]
    shutil.copytree(folder, folder.with_name("used"))
    journal.close()
    return states


def state(journal: Journal) -> Any:
    return [journal._rows(query) for query in QUERIES]


def read(folder: Path) -> Any:
    """All that the journal in *folder* says; None when it is refused."""
    try:
        journal = Journal.open(folder)
        try:
            return state(journal)
        finally:
            journal.close()
    except JournalError:
        return None


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    folder = tmp_path_factory.mktemp("damage") / "journal"
    return folder, fill(folder)


def damaged(original: Path, copy: Path, file: str, damage: Callable[[bytearray], object]) -> Path:
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(original, copy)
    (copy / f"{FILE}-shm").unlink(missing_ok=True)
    data = bytearray((copy / file).read_bytes())
    damage(data)
    (copy / file).write_bytes(data)
    return copy


def flip(place: int, mask: int) -> Callable[[bytearray], object]:
    return lambda data: data.__setitem__(place, data[place] ^ mask)


def places(size: int, count: int, first: int) -> Sequence[int]:
    """All of the headers, and *count* drawn places of the rest."""
    drawn = random.Random(SEED)
    return [*range(0, first), *(drawn.randrange(first, size) for _ in range(count))]


def test_a_flipped_byte_of_the_database_is_noticed(filled: tuple[Path, list[Any]], tmp_path: Path) -> None:
    folder, states = filled
    size = (folder / FILE).stat().st_size
    accepted = []
    for place in places(size, 150, 108):
        mask = 1 << place % 8
        found = read(damaged(folder, tmp_path / "copy", FILE, flip(place, mask)))
        if found not in (None, states[-1]):
            accepted.append(place)
    assert accepted == []


def test_a_flipped_byte_of_the_log_is_noticed_or_of_a_last_transaction(
    filled: tuple[Path, list[Any]], tmp_path: Path
) -> None:
    folder, states = filled
    used, log = folder.with_name("used"), f"{FILE}-wal"
    assert read(damaged(used, tmp_path / "copy", log, lambda data: None)) == states[-1]
    refused, accepted = 0, []
    for place in places((used / log).stat().st_size, 150, 80):
        found = read(damaged(used, tmp_path / "copy", log, flip(place, 1 << place % 8)))
        refused += found is None
        if found is not None and found not in states:
            accepted.append(place)
    assert accepted == []
    assert refused > 150


def test_a_journal_that_is_cut_is_refused(filled: tuple[Path, list[Any]], tmp_path: Path) -> None:
    folder, states = filled
    size = (folder / FILE).stat().st_size
    for at in [1, 50, 99, 512, *(random.Random(SEED).randrange(size) for _ in range(20))]:
        found = read(damaged(folder, tmp_path / "copy", FILE, lambda data, at=at: data.__delitem__(slice(at, None))))  # type: ignore[misc]
        assert found in (None, states[-1]), at


def test_a_damaged_journal_is_refused_each_time(filled: tuple[Path, list[Any]], tmp_path: Path) -> None:
    used, log = filled[0].with_name("used"), f"{FILE}-wal"
    frames = read_log(used / log)
    assert frames is not None
    assert len([commits for _, commits in frames.frames if commits]) > 2
    copy = damaged(used, tmp_path / "copy", log, flip(200, 1))
    for _ in range(2):
        with pytest.raises(JournalError, match="the journal is damaged: it does not hold what was written; move the"):
            Journal.open(copy)


def test_damage_that_is_read_later_ends_the_engine(filled: tuple[Path, list[Any]], tmp_path: Path) -> None:
    folder, states = filled
    counts: bytes = states[-1][-1][-1][1]
    place = (folder / FILE).read_bytes().index(counts)
    journal = Journal.open(damaged(folder, tmp_path / "copy", FILE, flip(place, 1)))
    with pytest.raises(JournalBrokenError, match="the journal is damaged"):
        state(journal)
    with pytest.raises(JournalBrokenError), journal.transaction() as transaction:
        transaction.tally(b"more")


def of_the_disk(code: int) -> apsw.Error:
    """An error of the disk, as SQLite distinguishes them."""
    error = apsw.IOError("disk I/O error")
    error.extendedresult = code  # type: ignore[attr-defined] # its stubs leave it out
    return error


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (
            apsw.ReadOnlyError("attempt to write a readonly database"),
            "the file system is read-only; put the journal on",
        ),
        (apsw.NoMemError("out of memory"), "too little memory to open the journal"),
        (apsw.CorruptError("database disk image is malformed"), "a damaged one; move the folder away"),
        (apsw.BusyError("database is locked"), "another process holds the journal; end it first"),
        (apsw.CantOpenError("unable to open database file"), "cannot be opened; the job must own the folder"),
        (apsw.FullError("database or disk is full"), "cannot be written; free space, or replace the disk"),
        (apsw.IOError("disk I/O error"), "cannot be written; free space, or replace the disk"),
        *(
            (of_the_disk(code), "is damaged: it does not hold what was written; move the folder away")
            for code in (apsw.SQLITE_IOERR_DATA, apsw.SQLITE_IOERR_SHORT_READ, apsw.SQLITE_IOERR_CORRUPTFS)
        ),
        (of_the_disk(apsw.SQLITE_IOERR_FSYNC), "cannot be written; free space, or replace the disk"),
    ],
)
def test_what_opening_fails_with_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: apsw.Error, why: str
) -> None:
    def fail(*_: object, **__: object) -> apsw.Connection:
        raise error

    monkeypatch.setattr(apsw, "Connection", fail)
    with pytest.raises(JournalError, match=why):
        Journal.open(tmp_path / "journal")


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("os.open", fail)
    with pytest.raises(JournalError, match=r"cannot be used \(Read-only file system\); put the journal on a disk"):
        Journal.open(tmp_path / "journal")
