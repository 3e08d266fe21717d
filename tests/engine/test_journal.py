"""The journal: what was committed is there again, and only one engine writes to it."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from headrace.engine.journal import Journal
from headrace.engine.journal_errors import DiskFullError, JournalBrokenError, JournalError
from headrace.engine.journal_files import VFS, load_checksums
from headrace.engine.journal_lease import FencedError, InUseError
from headrace.engine.journal_opening import FILE, FORMAT
from headrace.engine.transaction import StoredBatch
from headrace.steps.circuit_breaker import CircuitState
from tests.support.paths import ROOT

SECOND = 1_000_000
KILLED = """
import os, signal, sys
from pathlib import Path
from headrace.engine.journal import Journal

journal = Journal.open(Path(sys.argv[1]))
journal.claim("a process", 0, 3600)
with journal.transaction() as transaction:
    transaction.tally(b"counted")
os.kill(os.getpid(), signal.SIGKILL)
"""


def a_journal(folder: Path, holder: str = "one", now: int = 0, lease_seconds: float = 30) -> Journal:
    journal = Journal.open(folder / "journal")
    journal.claim(holder, now, lease_seconds)
    return journal


def test_what_was_committed_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    with journal.transaction() as transaction:
        transaction.open_stream("t", "streams/1")
        transaction.advance("t", 5)
        head = transaction.add_pending("t", 2, b"schema", b"rows", b"notes")
        transaction.remember_since("t", 7)
        transaction.remember("t", 0, 9, b"i" * 24)
        transaction.receive("t", 0, b"r" * 16)
        transaction.tally(b"counts")
    journal.close()

    again = a_journal(tmp_path)
    assert again.stream("t") == ("streams/1", 5)
    assert again.pending("t") == [head] == [StoredBatch(1, 2, b"schema", b"rows", b"notes")]
    remembered = again.remembered("t")
    assert remembered is not None
    assert (remembered.since, remembered.newest) == (7, 9)
    assert (list(remembered.recent), list(remembered.older)) == ([b"i" * 24], [])
    assert again.receipts("t") == [(0, b"r" * 16)]
    assert again.tallies() == (1, [b"counts"])


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)

    def fail() -> None:
        with journal.transaction() as transaction:
            transaction.tally(b"counts")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert journal.tallies() == (0, [])


def test_heads_keep_their_order_and_numbers_are_never_used_twice(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    with journal.transaction() as transaction:
        first = transaction.add_pending("t", 1, b"", b"a", b"")
        transaction.add_pending("other", 1, b"", b"x", b"")
        transaction.add_pending("t", 1, b"", b"b", b"")
        transaction.remove_pending(first.seq)
        transaction.add_pending("t", 1, b"", b"c", b"")
    assert [head.rows for head in journal.pending("t")] == [b"b", b"c"]
    assert [head.seq for head in journal.pending("t")] == [3, 4]


def test_the_ids_of_two_generations_are_kept_and_what_is_older_than_the_last_is_looked_up(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    with journal.transaction() as transaction:
        transaction.remember_since("t", 0)
        transaction.remember("t", 0, 100, b"a" * 24)
        transaction.start_generation("t", 1, 150)
        transaction.remember("t", 1, 200, b"b" * 24)
    assert journal.since("t") == 150
    with journal.transaction() as transaction:
        transaction.start_generation("t", 2, 140)
        transaction.remember("t", 2, 300, b"c" * 24)

    remembered = journal.remembered("t")
    assert remembered is not None
    assert (list(remembered.older), list(remembered.recent)) == ([b"b" * 24], [b"c" * 24])
    assert (remembered.since, remembered.newest) == (150, 300)


def test_forgotten_ids_leave_the_journal_a_few_with_each_commit(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    with journal.transaction() as transaction:
        transaction.remember_since("t", 0)
        for _ in range(250):  # more than are read at once
            transaction.remember("t", 0, 1, b"a" * 24)
        transaction.start_generation("t", 1, 1)
    remembered = journal.remembered("t")
    assert remembered is not None
    assert (len(list(remembered.older)), list(remembered.recent)) == (250, [])

    with journal.transaction() as transaction:
        transaction.start_generation("t", 2, 1)
    remembered = journal.remembered("t")
    assert remembered is not None
    assert (list(remembered.older), list(remembered.recent)) == ([], [])
    assert journal.facts()["ids_remembered"] == 0

    def stored() -> int:
        return len(journal._rows("SELECT seq FROM ids WHERE generation = 0"))

    left = [stored()]
    while left[-1]:
        with journal.transaction() as transaction:
            transaction.remember("t", 2, 1, b"b" * 24)
        left.append(stored())
    assert left[0] == 250
    assert max(before - after for before, after in itertools.pairwise(left)) <= 4


def test_an_owner_that_has_died_does_not_block_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(folder)], cwd=ROOT)
    assert killed.returncode == -9

    journal = Journal.open(folder)
    journal.claim("the next", 1, 30)
    assert journal.tallies() == (1, [b"counted"])


def test_a_second_engine_is_refused_with_the_name_of_the_first_while_that_lives(tmp_path: Path) -> None:
    first = a_journal(tmp_path, "host-a, process 7")
    second = Journal.open(tmp_path / "journal")
    with pytest.raises(InUseError, match="host-a, process 7"):
        second.claim("two", 29 * SECOND, 30)
    first.close()
    second.claim("two", 29 * SECOND, 30)


def test_an_owner_that_was_stopped_for_longer_than_its_lease_is_fenced_off(tmp_path: Path) -> None:
    #  0s              30s                  31s
    #  |one claims     |its lease runs out  |two claims, one wakes up
    first = a_journal(tmp_path, "one")
    second = Journal.open(tmp_path / "journal")
    second.claim("two", 31 * SECOND, 30)

    with pytest.raises(FencedError, match="two"), first.transaction() as transaction:
        transaction.tally(b"too late")
    assert second.tallies() == (0, [])


def test_a_renewed_lease_keeps_others_away(tmp_path: Path) -> None:
    first = a_journal(tmp_path)
    with first.transaction():
        first.lease.renew(20 * SECOND, 30)
    with pytest.raises(InUseError):
        Journal.open(tmp_path / "journal").claim("two", 40 * SECOND, 30)


def test_a_process_without_a_claim_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(FencedError), Journal.open(tmp_path / "journal").transaction():
        pass


def test_only_the_job_may_read_it(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    with journal.transaction() as transaction:
        transaction.tally(b"counts")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "journal").iterdir()}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "journal").stat().st_mode) == 0o700


def test_a_folder_that_others_may_read_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    folder.mkdir(mode=0o755)
    with pytest.raises(JournalError, match="chmod 700"):
        Journal.open(folder)


@pytest.mark.parametrize("what", ["folder", "file"])
def test_symbolic_links_are_refused(tmp_path: Path, what: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    folder = tmp_path / "journal"
    if what == "folder":
        folder.symlink_to(elsewhere)
    else:
        folder.mkdir(mode=0o700)
        (folder / FILE).symlink_to(elsewhere / "victim")
    with pytest.raises(JournalError, match="symbolic link"):
        Journal.open(folder)
    assert list(elsewhere.iterdir()) == []


def test_what_is_no_journal_is_named_with_its_remedy(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    folder.mkdir(mode=0o700)
    (folder / FILE).write_bytes(b"something else" * 100)
    with pytest.raises(JournalError, match="move the folder away"):
        Journal.open(folder)


def test_a_journal_of_another_format_is_left_alone(tmp_path: Path) -> None:
    a_journal(tmp_path).close()
    apsw.Connection(str(tmp_path / "journal" / FILE)).pragma("user_version", 99)
    with pytest.raises(JournalError, match="format 99"):
        Journal.open(tmp_path / "journal")


def test_a_torn_tail_is_dropped_wherever_it_was_torn(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    with journal.transaction() as transaction:
        transaction.tally(b"first")
    wal = tmp_path / "journal" / f"{FILE}-wal"
    whole = wal.stat().st_size
    with journal.transaction() as transaction:
        transaction.tally(b"second")
    torn = wal.stat().st_size
    assert torn > whole
    for number, size in enumerate([*range(whole, torn, 97), torn - 1]):
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(tmp_path / "journal", copy)
        (copy / f"{FILE}-shm").unlink(missing_ok=True)
        os.truncate(copy / f"{FILE}-wal", size)
        copy.chmod(0o700)
        assert Journal.open(copy).tallies()[1] == [b"first"], f"torn at {size}"


def test_a_full_disk_changes_nothing_and_ends_when_there_is_room(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    pages = journal._connection.pragma("page_count")
    journal._connection.pragma("max_page_count", pages + 2)
    with pytest.raises(DiskFullError, match="free some"), journal.transaction() as transaction:
        transaction.tally(b"x" * 100_000)
    assert journal.tallies() == (0, [])

    journal._connection.pragma("max_page_count", pages + 1000)
    with journal.transaction() as transaction:
        transaction.tally(b"x" * 100_000)
    assert len(journal.tallies()[1]) == 1


def test_its_facts_count_what_is_in_flight(tmp_path: Path) -> None:
    journal = a_journal(tmp_path, "host-a, process 7")
    with journal.transaction() as transaction:
        transaction.open_stream("t", "streams/1")
        transaction.add_pending("t", 40, b"", b"", b"")
        transaction.add_pending("t", 2, b"", b"", b"")
        transaction.remember_since("t", 0)
        transaction.remember("t", 0, 1, b"i" * 72)
    facts = journal.facts()
    assert facts["tables"] == [{"table": "t", "stream": "streams/1", "next_offset": 0, "in_flight": 42}]
    assert (facts["ids_remembered"], facts["epoch"], facts["holder"]) == (3, 1, "host-a, process 7")


def test_what_is_remembered_of_a_table_is_forgotten_with_it_and_nothing_else(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    with journal.transaction() as transaction:
        for target in ("t", "t_2"):
            transaction.remember_since(target, 7)
            transaction.remember(target, 0, 9, b"i" * 24)
            transaction.receive(target, 0, b"r" * 16)
            transaction.note_place(target, "a file", 3)
            transaction.note_reached(target, "a source", "so far")
            transaction.keep_witnesses(target, "[]")
    with journal.transaction() as transaction:
        transaction.forget("t")

    def known(target: str) -> tuple[object, ...]:
        remembered = journal.remembered(target)
        assert remembered is not None
        ids = [*remembered.older, *remembered.recent]
        settled = journal.place(target, "a file"), journal.reached(target, "a source")
        return ids, journal.receipts(target), *settled, journal.witnesses(target)

    assert known("t") == ([], [], 0, None, None)
    assert known("t_2") == ([b"i" * 24], [(0, b"r" * 16)], 3, "so far", "[]")


def test_rows_of_replaced_tables_are_counted_as_lost_once_their_tallies_are_gone_too(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    with journal.transaction() as transaction:
        transaction.open_stream("t", "streams/1")
        transaction.advance("t", 5)
        transaction.open_stream("t", "streams/2")
        transaction.advance("t", 2)
        assert transaction.replace_table("t", "another") == 0, "7 gone, and the tallies still count them"
        transaction.open_stream("t", "streams/3")
        transaction.advance("t", 4)
        assert transaction.replace_tallies("t", waiting=1) == 7, "now nothing counts those 7"
        assert transaction.replace_tallies("t", waiting=0) == 0
        transaction.advance("t", 3)
        assert transaction.replace_table("t", "a third") == 4, "3 of 7 are counted"
        assert transaction.replace_tallies("t", waiting=0) == 3
    assert journal.identity("t") == "a third"


def test_its_id_stays_and_no_other_journal_has_it(tmp_path: Path) -> None:
    first, other = a_journal(tmp_path / "one"), a_journal(tmp_path / "two")
    assert len(first.id) == 32
    assert first.id != other.id
    known = first.id
    first.close()
    assert a_journal(tmp_path / "one").id == known


def test_a_new_journal_has_no_entries_and_counts_of_zero(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    assert [journal.stream("t"), journal.remembered("t"), journal.identity("t"), journal.witnesses("t")] == [None] * 4
    assert journal.reached("t", "a source") is None
    assert [journal.place("t", "a file"), journal.claims_stated(), journal.in_flight()] == [0, 0, 0]
    assert not journal.is_taken_over("t")
    assert [journal.streams(), journal.identities(), journal.pending("t"), journal.receipts("t")] == [[]] * 4
    assert journal.circuits() == {}


def test_claims_are_numbered_consecutively_across_owners(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    for number in (1, 2):
        with journal.transaction() as transaction:
            assert transaction.count_claim() == number
        assert journal.claims_stated() == number
    journal.close()
    assert a_journal(tmp_path, "two").claims_stated() == 2


def test_a_subject_waits_until_it_is_let_through_and_no_other_is(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    with journal.transaction() as transaction:
        for subject in ("a", "b", "c"):
            transaction.note_circuit(subject, CircuitState.OPEN)
    journal.force_circuit_closed("b")
    assert journal.circuits() == {"a": CircuitState.OPEN, "b": CircuitState.FORCED_CLOSED, "c": CircuitState.OPEN}
    with journal.transaction() as transaction:
        transaction.note_circuit("a", CircuitState.CLOSED)
        transaction.note_circuit("c", CircuitState.FORCED_CLOSED)
    assert journal.circuits() == {"b": CircuitState.FORCED_CLOSED, "c": CircuitState.FORCED_CLOSED}
    journal.force_circuit_closed("a")
    assert "a" not in journal.circuits(), "it does not wait"


def test_messages_that_were_given_to_another_journal_are_noted_until_nothing_is_open(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    with journal.transaction() as transaction:
        transaction.open_stream("written", "streams/1")
        transaction.remember_since("remembered", 7)
        transaction.take_over(["written", "remembered", "unknown here"])
    assert [journal.is_taken_over(each) for each in ("written", "remembered", "unknown here")] == [True, True, False]
    with journal.transaction() as transaction:
        transaction.settle_takeover("written")
    assert [journal.is_taken_over(each) for each in ("written", "remembered")] == [False, True]


def test_streams_and_identities_of_all_targets_are_listed_in_their_order(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    with journal.transaction() as transaction:
        for target in ("b", "a"):
            transaction.open_stream(target, f"streams/{target}")
            transaction.identify(target, f"table {target}")
    assert journal.streams() == ["streams/a", "streams/b"]
    assert journal.identities() == ["table a", "table b"]
    assert journal.identity("b") == "table b"


def test_rows_in_flight_are_those_of_every_table(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    with journal.transaction() as transaction:
        transaction.add_pending("t", 40, b"", b"", b"")
        head = transaction.add_pending("other", 2, b"", b"", b"")
    assert journal.in_flight() == 42
    with journal.transaction() as transaction:
        transaction.remove_pending(head.seq)
    assert journal.in_flight() == 40


def test_counts_that_were_appended_are_dropped_and_later_ones_stay(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    with journal.transaction() as transaction:
        for counts in (b"1", b"2", b"3"):
            transaction.tally(counts)
        transaction.forget_tallies(2)
    assert journal.tallies() == (3, [b"3"])


def test_facts_count_the_tallies_that_wait_and_the_bytes_on_disk(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    with journal.transaction() as transaction:
        for counts in (b"1", b"2", b"3"):
            transaction.tally(counts)
    facts = journal.facts()
    assert (facts["tallies_waiting"], facts["journal"], facts["tables"]) == (3, journal.id, [])
    assert facts["bytes"] == sum(path.stat().st_size for path in (tmp_path / "journal").iterdir())


def test_receipts_of_all_but_two_generations_leave_the_journal(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    for generation in range(4):
        with journal.transaction() as transaction:
            transaction.receive("t", generation, bytes([generation]) * 16)
            transaction.receive("t", generation, b"")
            transaction.receive("other", 0, b"o" * 16)
    assert journal.receipts("t") == [(2, b"\2" * 16), (3, b"\3" * 16)]
    assert len(journal.receipts("other")) == 4


def test_rows_that_wait_to_be_counted_are_never_fewer_than_none(tmp_path: Path) -> None:
    #  3 rows are appended|more wait for the new table of tallies than were appended since|the table is replaced
    journal = a_journal(tmp_path)
    with journal.transaction() as transaction:
        transaction.open_stream("t", "streams/1")
        transaction.advance("t", 3)
        assert transaction.replace_tallies("t", waiting=5) == 0
        assert transaction.replace_table("t", "another") == 0
        assert transaction.replace_tallies("t", waiting=0) == 3


def test_rows_that_no_table_of_tallies_counts_are_lost_once_with_their_table(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    with journal.transaction() as transaction:
        transaction.open_stream("t", "streams/1")
        transaction.advance("t", 3)
        transaction.replace_tallies("t", waiting=0)
        assert [transaction.replace_table("t", name) for name in ("another", "a third")] == [3, 0]


def test_a_folder_is_made_with_those_above_it(tmp_path: Path) -> None:
    assert Journal.open(tmp_path / "a" / "b" / "journal").tallies() == (0, [])


@pytest.mark.parametrize("other", [-1, 1])
def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: int) -> None:
    a_journal(tmp_path).close()
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + other)
    with pytest.raises(JournalError, match="owned by the job"):
        Journal.open(tmp_path / "journal")


def test_opening_a_journal_waits_for_an_open_transaction(tmp_path: Path) -> None:
    first, opened = a_journal(tmp_path), list[Journal]()
    thread = threading.Thread(target=lambda: opened.append(Journal.open(tmp_path / "journal")))
    with first.transaction() as transaction:
        transaction.tally(b"counts")
        thread.start()
        thread.join(0.2)
        assert opened == []
    thread.join(10)
    assert [each.tallies() for each in opened] == [(1, [b"counts"])]


def test_closing_the_last_connection_moves_the_log_into_the_database(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    with journal.transaction() as transaction:
        transaction.tally(b"counts")
    log = tmp_path / "journal" / f"{FILE}-wal"
    assert log.stat().st_size > 0
    journal.close()
    assert not log.exists()


def test_opening_it_brings_what_a_process_left_in_the_log_into_the_database(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    with journal.transaction() as transaction:
        transaction.tally(b"counts")
    shutil.copytree(tmp_path / "journal", tmp_path / "left")
    assert (tmp_path / "left" / f"{FILE}-wal").stat().st_size > 0
    left = Journal.open(tmp_path / "left")
    assert (tmp_path / "left" / f"{FILE}-wal").stat().st_size == 0
    assert left.tallies() == (1, [b"counts"])


def test_room_that_is_not_needed_any_more_is_given_back_when_it_is_opened(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    with journal.transaction() as transaction:
        transaction.tally(bytes(1_000_000))
    with journal.transaction() as transaction:
        transaction.forget_tallies(1)
    journal.close()
    file = tmp_path / "journal" / FILE
    assert file.stat().st_size > 1_000_000
    Journal.open(tmp_path / "journal").close()
    assert file.stat().st_size < 500_000


def by_other_means(folder: Path, version: int) -> Path:
    """A database in place of the journal that was made without checksums."""
    folder.mkdir(mode=0o700)
    with sqlite3.connect(folder / FILE) as connection:
        connection.execute("CREATE TABLE t (a)")
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    return folder


@pytest.mark.parametrize("version", [1, 99, 5000])
def test_a_database_of_another_format_is_named_by_it(tmp_path: Path, version: int) -> None:
    with pytest.raises(JournalError, match=f"a journal of format {version}, this is format {FORMAT}; move the folder"):
        Journal.open(by_other_means(tmp_path / "journal", version))


def test_a_database_of_this_format_that_has_no_checksums_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="the journal is damaged"):
        Journal.open(by_other_means(tmp_path / "journal", FORMAT))


class Disk(apsw.VFS):
    """A disk beneath the checksums that fails to sync on demand; it notes which files were opened."""

    name = "a-disk-of-a-test"

    def __init__(self) -> None:
        load_checksums()
        self.base = VFS
        self.opened: list[str] = []
        self.fails_with: Exception | None = None
        super().__init__(self.name, self.base)

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 SQLite's
        self.opened.append(Path(str(name.filename() if isinstance(name, apsw.URIFilename) else name)).name)
        return File(self, name, flags)


class File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: apsw.URIFilename | str | None, flags: list[int]) -> None:
        self._disk = disk
        super().__init__(disk.base, name, flags)

    def xSync(self, flags: int) -> None:  # noqa: N802 SQLite's
        if self._disk.fails_with is not None:
            raise self._disk.fails_with
        super().xSync(flags)


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.unregister()


def test_it_lies_on_the_disk_that_is_named(tmp_path: Path, disk: Disk) -> None:
    journal = Journal.open(tmp_path / "journal", vfs=disk.name)
    assert FILE in disk.opened
    journal.close()


def test_after_the_disk_failed_nothing_is_written_any_more(tmp_path: Path, disk: Disk) -> None:
    journal = Journal.open(tmp_path / "journal", vfs=disk.name)
    journal.claim("one", 0, 30)
    disk.fails_with = apsw.IOError("the sync failed")
    failed = "the disk failed while the journal was written, so its content is unknown; move the folder away"
    for _ in range(2):
        with pytest.raises(JournalBrokenError, match=failed), journal.transaction() as transaction:
            transaction.tally(b"counts")
        disk.fails_with = None
    journal.close()
