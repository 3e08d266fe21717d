"""A damaged file is noticed, what can be read is saved and sent, and the rest is counted: never silently."""

from __future__ import annotations

import contextlib
import logging
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from headrace.producers.outbox import OutboxDamagedError, OutboxError, OutboxKeyError, outbox
from tests.support.outboxes import SECONDS, Broker, an_outbox, numbers, put, rows
from tests.support.waiting import wait_until

COUNT = 400
KEY = bytes(range(32))


def a_full_file(file: Path, key: bytes | None = None) -> list[bytes]:
    """A file with messages that wait; return their payloads."""
    away = Broker()
    away.is_away = True
    full = an_outbox(file, away, key=key)
    payloads = [each.ljust(200, b".") for each in numbers(COUNT)]
    for each in payloads:
        put(full, each)
    full.close()
    return payloads


def flip(file: Path, chance: random.Random, places: range, count: int) -> None:
    content = bytearray(file.read_bytes())
    for _ in range(count):
        content[chance.choice(places)] ^= 1 << chance.randrange(8)
    file.write_bytes(content)


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
@pytest.mark.parametrize("seed", range(12))
def test_flipped_bits_never_lose_a_message_silently(
    tmp_path: Path, seed: int, key: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    file, chance = tmp_path / "a.outbox", random.Random(seed)
    payloads = a_full_file(file, key)
    flips = chance.choice([1, 3, 30])
    flip(file, chance, range(4096, file.stat().st_size), flips)
    broker = Broker()
    with caplog.at_level(logging.ERROR):
        opened = an_outbox(file, broker, key=key)
        wait_until(lambda: rows(file) == [])
    refused = len(rows(file, "SELECT number FROM refused"))
    saved = opened.salvage
    opened.close()
    arrived = set(broker.payloads)
    assert arrived <= set(payloads), "nothing that was not written"
    missing = COUNT - len(arrived)
    if saved is not None:
        assert saved.moved_to.exists()
        assert saved.lost is None or missing <= saved.lost + refused
        assert "damaged; moved to" in caplog.text
    else:
        assert missing == refused, "each damaged message is among the refused ones"
    assert not missing or caplog.text
    assert len(arrived) > (COUNT / 2 if flips < 30 else 0), "most of it is saved"


def test_messages_are_saved_though_the_first_page_with_the_schema_is_gone(tmp_path: Path) -> None:
    file, broker = tmp_path / "a.outbox", Broker()
    payloads = a_full_file(file)
    content = bytearray(file.read_bytes())
    content[16:4096] = bytes(4080)
    file.write_bytes(content)
    opened = an_outbox(file, broker)
    assert opened.salvage is not None
    assert (opened.salvage.saved, opened.salvage.lost) == (COUNT, 0)
    wait_until(lambda: rows(file) == [])
    assert broker.payloads == payloads
    opened.close()


def test_a_file_of_which_nothing_is_left_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "a.outbox"
    a_full_file(file)
    file.write_bytes(file.read_bytes()[:16] + bytes(file.stat().st_size - 16))
    with caplog.at_level(logging.ERROR):
        opened = an_outbox(file)
    assert opened.salvage is not None
    assert (opened.salvage.saved, opened.salvage.lost) == (0, None)
    assert "an unknown number of events is lost" in caplog.text
    opened.close()


@pytest.mark.parametrize("seed", range(8))
def test_a_flipped_bit_in_the_log_that_a_crash_left_is_reported(
    tmp_path: Path, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    file, broker, chance = tmp_path / "a.outbox", Broker(), random.Random(seed)
    crash(file)
    log = file.with_name("a.outbox-wal")
    flip(log, chance, range(log.stat().st_size * 3 // 4), 1)
    with caplog.at_level(logging.ERROR):
        opened = an_outbox(file, broker)
        wait_until(lambda: rows(file) == [])
    arrived = len(set(broker.payloads))
    assert opened.salvage is not None or arrived == 50
    if arrived < 50:
        assert "an unknown number of events is lost" in caplog.text
    opened.close()


def test_a_log_that_a_crash_left_is_in_order(tmp_path: Path) -> None:
    file, broker = tmp_path / "a.outbox", Broker()
    crash(file)
    opened = an_outbox(file, broker)
    wait_until(lambda: len(broker.payloads) == 50)
    assert opened.salvage is None
    opened.close()


def crash(file: Path) -> None:
    """Fifty messages, and a crash before the log is in the file."""
    code = """
import os, signal, sys
from pathlib import Path
from tests.support.outboxes import Broker, an_outbox, numbers, put
away = Broker()
away.is_away = True
outbox = an_outbox(Path(sys.argv[1]), away)
for each in numbers(50):
    put(outbox, each)
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code, str(file)], timeout=60).returncode == -9


def test_a_damaged_file_that_another_process_uses_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.outbox"
    a_full_file(file)
    monkeypatch.setattr(outbox, "_REPAIR_SECONDS", 0.2)
    away = Broker()
    away.is_away = True
    other = an_outbox(file, away)
    content = bytearray(file.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    with file.open("r+b") as opened:
        opened.write(content)
    with pytest.raises(OutboxDamagedError, match="damaged, and other processes have it open; end them"):
        an_outbox(file)
    assert file.read_bytes()[8192:8200] == b"\xff" * 8
    with pytest.raises(OutboxDamagedError):
        other.close()


def test_an_encrypted_file_has_nothing_readable_and_needs_its_key(tmp_path: Path) -> None:
    file = tmp_path / "a.outbox"
    payloads = a_full_file(file, KEY)
    assert payloads[7] not in file.read_bytes()
    with pytest.raises(OutboxKeyError, match="encrypted; give the key with the id"):
        an_outbox(file)
    with pytest.raises(OutboxKeyError, match="encrypted with another key"):
        an_outbox(file, key=bytes(32))
    broker = Broker()
    opened = an_outbox(file, broker, key=KEY)
    opened.wait(SECONDS)
    wait_until(lambda: len(broker.payloads) == COUNT)
    assert broker.payloads == payloads
    opened.close()


def test_a_key_for_a_file_that_is_not_encrypted_is_refused(tmp_path: Path) -> None:
    a_full_file(tmp_path / "a.outbox")
    with pytest.raises(OutboxKeyError, match="not encrypted, and a key was given"):
        an_outbox(tmp_path / "a.outbox", key=KEY)


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutboxKeyError, match="shorter than 32 bytes"):
        an_outbox(tmp_path / "a.outbox", key=b"short")


@pytest.mark.parametrize("place", ["put", "wait", "left", "close"])
@pytest.mark.parametrize("pages", ["all", "tables"])
def test_a_file_that_is_damaged_while_it_is_open_is_named_with_a_remedy(tmp_path: Path, place: str, pages: str) -> None:
    file, broker = tmp_path / "a.outbox", Broker()
    broker.is_away = True
    opened = an_outbox(file, broker)
    for number in range(200):
        put(opened, str(number).encode().ljust(500, b"."))
    session = opened.session
    with session.writer() as writer:
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    session.pause()  # the connections forget what they have read
    with file.open("r+b") as damaged:
        damaged.seek(16 if pages == "all" else 4096)
        damaged.write(b"\xff" * (file.stat().st_size - damaged.tell()))
    session.go_on()
    actions: dict[str, Callable[[], object]] = {
        "put": lambda: put(opened, b"more"),
        "wait": lambda: opened.wait(0),
        "left": opened.left,
        "close": opened.close,
    }
    try:
        with pytest.raises(OutboxError, match=r"a\.outbox: damaged; end the processes that use it, and the next start"):
            actions[place]()
    finally:
        with contextlib.suppress(OutboxError):
            opened.close()
    assert opened.close() == 0, "it is closed whatever the file holds"
    again = an_outbox(file, Broker())
    assert again.salvage is not None
    again.close()
