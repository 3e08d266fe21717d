"""How a log that lost synced transactions is distinguished from one whose last transaction was torn."""

from __future__ import annotations

import shutil
import sqlite3
import struct
from pathlib import Path

import apsw
import pytest

from headrace.engine.journal_files import VFS, Log, load_checksums, lost_transactions, read_log

PAGE = 512
HEADER, FRAME = 32, 24 + PAGE
BIG_ENDIAN = bytes.fromhex("377f0683002de2180000020000000001deadbeef01020304f4b289c79c8d6685")
SALTS = (7, 9)
COMMITS, GOES_ON, OLDER = (True, True), (True, False), (False, True)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A log as SQLite writes it: a transaction of one page, one of several, and one of one page."""
    path = tmp_path_factory.mktemp("log") / "some.db"
    with sqlite3.connect(path, isolation_level=None) as connection:
        for setting in (f"page_size = {PAGE}", "journal_mode = WAL", "wal_autocheckpoint = 0"):
            connection.execute(f"PRAGMA {setting}")
        connection.execute("PRAGMA user_version = 7")  # a database of one page
        connection.execute("CREATE TABLE t (a)")
        connection.execute("PRAGMA user_version = 8")
        copy = path.with_name("copy")
        shutil.copy(path.with_name("some.db-wal"), copy)
    connection.close()
    return copy.read_bytes()


def read(folder: Path, data: bytes | bytearray) -> Log | None:
    (folder / "log").write_bytes(data)
    return read_log(folder / "log")


def test_a_log_has_the_frames_that_sqlite_wrote_and_knows_which_of_them_commit(tmp_path: Path, log: bytes) -> None:
    assert len(log) == HEADER + 4 * FRAME
    salts = struct.unpack(">II", log[16:24])
    assert read(tmp_path, log) == Log(salts, [COMMITS, GOES_ON, COMMITS, COMMITS], whole=True)


def test_where_there_is_no_log_or_not_even_its_header_there_are_no_frames(tmp_path: Path, log: bytes) -> None:
    assert read_log(tmp_path / "none") is None
    assert [read(tmp_path, log[:size]) for size in (0, 1, HEADER - 1)] == [None] * 3


@pytest.mark.parametrize("cut", [0, 1, 24, 25, FRAME - 1])
@pytest.mark.parametrize("frames", range(4))
def test_an_incomplete_frame_is_ignored(tmp_path: Path, log: bytes, frames: int, cut: int) -> None:
    found = read(tmp_path, log[: HEADER + frames * FRAME + cut])
    assert found is not None
    assert len(found.frames) == frames
    assert found.whole


@pytest.mark.parametrize("other", [(-1, 0), (1, 0), (0, -1), (0, 1)])
def test_a_frame_with_other_salts_is_left_from_before_the_log_was_restarted(
    tmp_path: Path, log: bytes, other: tuple[int, int]
) -> None:
    data = bytearray(log)
    first, second = struct.unpack_from(">II", data, 16)
    struct.pack_into(">II", data, HEADER + 2 * FRAME + 8, (first + other[0]) % 2**32, (second + other[1]) % 2**32)
    found = read(tmp_path, data)
    assert found is not None
    assert [belongs for belongs, _ in found.frames] == [True, True, False, True]


def test_a_header_with_any_flipped_bit_is_not_whole_and_has_no_frames(tmp_path: Path, log: bytes) -> None:
    for header in (log[:HEADER], BIG_ENDIAN):
        whole = read(tmp_path, header)
        assert whole is not None
        assert whole.whole
        for bit in range(8 * HEADER):
            data = bytearray(header + log[HEADER:])
            data[bit // 8] ^= 1 << bit % 8
            found = read(tmp_path, data)
            assert found == Log(struct.unpack_from(">II", data, 16), [], whole=False), f"bit {bit}"


def a_log(*frames: tuple[bool, bool], salts: tuple[int, int] = SALTS, whole: bool = True) -> Log:
    return Log(salts, list(frames), whole)


@pytest.mark.parametrize(
    ("frames", "read", "lost"),
    [
        pytest.param([], 0, False, id="nothing was there"),
        pytest.param([COMMITS, COMMITS], 2, False, id="all was read"),
        pytest.param([COMMITS, COMMITS], 1, False, id="the last transaction was torn"),
        pytest.param([COMMITS, COMMITS], 0, True, id="one before the last was lost"),
        pytest.param([COMMITS, COMMITS], -1, True, id="nothing was read"),
        pytest.param([COMMITS, GOES_ON, GOES_ON, COMMITS], 1, False, id="the last transaction of several frames"),
        pytest.param([COMMITS, GOES_ON, COMMITS, COMMITS, GOES_ON], 3, True, id="a commit, and some of the next"),
        pytest.param([GOES_ON, COMMITS, GOES_ON], 0, True, id="a commit in the middle"),
        pytest.param([GOES_ON, GOES_ON, GOES_ON], 0, False, id="none of them commits"),
        pytest.param([COMMITS, OLDER, OLDER], 0, False, id="behind the last one are some of an older log"),
        pytest.param([COMMITS, OLDER, COMMITS], 0, True, id="older ones in between are not looked at"),
    ],
)
def test_more_than_one_torn_transaction_behind_what_was_read_is_a_loss(
    frames: list[tuple[bool, bool]], read: int, lost: bool
) -> None:
    log = a_log(*frames)
    assert lost_transactions(log, log, read) is lost


@pytest.mark.parametrize("salts", [(6, 9), (8, 9), (7, 8), (7, 10)])
def test_nothing_is_known_of_a_log_that_was_restarted_meanwhile(salts: tuple[int, int]) -> None:
    assert lost_transactions(a_log(COMMITS, COMMITS), a_log(salts=salts), 0) is False
    assert lost_transactions(a_log(whole=False), a_log(salts=salts), 0) is False


def test_without_a_log_before_or_after_nothing_was_lost() -> None:
    there = a_log(COMMITS, COMMITS)
    assert [lost_transactions(None, there, 0), lost_transactions(there, None, 0)] == [False, False]
    assert lost_transactions(None, None, 0) is False


def test_what_is_behind_a_header_that_is_not_whole_is_lost() -> None:
    broken = a_log(whole=False)
    assert lost_transactions(broken, broken, 0) is True


def test_checksums_are_known_to_sqlite_however_often_they_are_loaded() -> None:
    for _ in range(2):
        load_checksums()
        assert VFS in apsw.vfs_names()
