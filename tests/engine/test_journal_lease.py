"""Who owns a journal, from one epoch to the next: by a lock that ends with its process, and by a lease."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import apsw
import pytest

from headrace.engine.journal_lease import FencedError, InUseError, JournalLease

SECOND = 1_000_000


def an_engine(folder: Path) -> JournalLease:
    """Another process, as far as locks and the journal go."""
    connection = apsw.Connection(str(folder / "journal.db"))
    connection.execute("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID")
    return JournalLease(connection, folder)


def locks(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.glob("*.lock"))


def test_the_first_to_claim_begins_the_first_epoch_and_each_other_the_next(tmp_path: Path) -> None:
    epochs = []
    for _ in range(3):
        engine = an_engine(tmp_path)
        engine.claim("one", 0, 30)
        engine.check()
        engine.release()
        epochs.append(engine.epoch)
    assert epochs == [1, 2, 3]
    assert locks(tmp_path) == ["epoch-3.lock"], "those of former epochs are gone"


def test_a_lease_ends_at_its_moment_and_not_before(tmp_path: Path) -> None:
    first, second = an_engine(tmp_path), an_engine(tmp_path)
    first.claim("one", 5 * SECOND, 30)
    with pytest.raises(InUseError, match="owned by one"):
        second.claim("two", 35 * SECOND - 1, 30)
    second.claim("two", 35 * SECOND, 30)
    with pytest.raises(FencedError, match="two"):
        first.check()
    second.check()


def test_a_renewed_lease_lasts_from_then_on(tmp_path: Path) -> None:
    first, second = an_engine(tmp_path), an_engine(tmp_path)
    first.claim("one", 0, 30)
    first.renew(20 * SECOND, 30)
    with pytest.raises(InUseError):
        second.claim("two", 50 * SECOND - 1, 30)
    second.claim("two", 50 * SECOND, 30)


def test_an_owner_that_releases_the_lock_keeps_nobody_waiting_and_may_release_it_twice(tmp_path: Path) -> None:
    first, second = an_engine(tmp_path), an_engine(tmp_path)
    first.claim("one", 0, 30)
    first.release()
    first.release()
    second.claim("two", 1, 30)


def test_an_engine_that_never_claimed_owns_and_releases_nothing(tmp_path: Path) -> None:
    nobody, owner = an_engine(tmp_path), an_engine(tmp_path)
    nobody.release()
    with pytest.raises(FencedError):
        nobody.check()
    owner.claim("one", 0, 30)
    with pytest.raises(FencedError):
        nobody.check()


def test_a_journal_that_was_put_back_to_an_earlier_epoch_is_not_its_owners_any_more(tmp_path: Path) -> None:
    for _ in range(2):
        engine = an_engine(tmp_path)
        engine.claim("one", 0, 30)
        engine.release()
    an_engine(tmp_path)._connection.execute("UPDATE meta SET value = 1 WHERE name = 'epoch'")
    with pytest.raises(FencedError):
        engine.check()


def test_a_lock_without_a_lease_blocks_no_claim(tmp_path: Path) -> None:
    with (tmp_path / "epoch-0.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        engine = an_engine(tmp_path)
        engine.claim("one", 0, 30)
    engine.check()


def test_a_lease_without_its_lock_blocks_no_claim(tmp_path: Path) -> None:
    first, second = an_engine(tmp_path), an_engine(tmp_path)
    first.claim("one", 0, 30)
    (tmp_path / "epoch-1.lock").unlink()
    second.claim("two", 1, 30)
    second.check()


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path, epoch: int) -> None:
    first, second = an_engine(tmp_path), an_engine(tmp_path)
    first.claim("one", 0, 30)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch()
    link = tmp_path / f"epoch-{epoch}.lock"
    link.unlink(missing_ok=True)
    link.symlink_to(elsewhere)
    with pytest.raises(OSError, match="symbolic links"):
        second.claim("two", 31 * SECOND, 30)
    first.check()


def test_a_claim_that_was_refused_leaves_nothing_open(tmp_path: Path) -> None:
    first, second = an_engine(tmp_path), an_engine(tmp_path)
    first.claim("one", 0, 30)
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        with pytest.raises(InUseError):
            second.claim("two", 1, 30)
    assert len(os.listdir("/proc/self/fd")) <= len(before)


def test_a_claim_is_refused_while_another_process_writes_to_the_journal(tmp_path: Path) -> None:
    first, second = an_engine(tmp_path), an_engine(tmp_path)
    first._connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(InUseError, match="another process writes"):
        second.claim("two", 0, 30)
    first._connection.execute("COMMIT")
    second.claim("two", 0, 30)
