"""Several processes share one outbox: workers that fork, that are killed, and that freeze."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from headrace.producers.outbox import owners
from tests.support.outboxes import SECONDS, Broker, an_outbox, numbers, put, rows
from tests.support.waiting import wait_until

PREAMBLE = """
import os, signal, sys, threading, time
from multiprocessing import get_context
from pathlib import Path
from headrace.producers import EventProducer
from headrace.producers.testing import FakePublisher
from tests.support.outboxes import SECONDS, Broker, an_outbox, numbers, put, rows
from tests.support.waiting import wait_until
file = Path(sys.argv[1])
def away():
    broker = Broker()
    broker.is_away = True
    return broker
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "orders.outbox"


def in_a_process(code: str, file: Path, exits: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + code, str(file)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == exits, done.stderr
    return done.stdout + done.stderr


def test_the_sdk_imports_neither_sqlite_nor_what_is_optional(file: Path) -> None:
    look = "import headrace.producers\nprint([each for each in sys.modules if each in {names}])"
    names = {"sqlite3", "sqlalchemy", "cryptography", "headrace.producers.outbox"}
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{look.format(names=names)}"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_what_a_killed_process_left_is_sent_at_once_by_another(file: Path) -> None:
    broker = Broker()
    outbox = an_outbox(file, broker)
    in_a_process(
        """
outbox = an_outbox(file, away())
for each in numbers(100):
    put(outbox, each)
os.kill(os.getpid(), signal.SIGKILL)
""",
        file,
        exits=-9,
    )
    began = time.monotonic()
    wait_until(lambda: len(broker.messages) == 100)
    assert time.monotonic() - began < owners.LEASE_SECONDS / 2, "without waiting for the lease"
    wait_until(lambda: rows(file) == [])
    outbox.close()
    left = {each.name for each in file.parent.iterdir()}
    assert left == {"orders.outbox", "orders.outbox.lock"}


def test_a_later_message_of_an_ordering_key_goes_to_the_process_that_has_the_earlier_ones(file: Path) -> None:
    slow, broker = Broker(), Broker()
    slow.is_away = True
    first, second = an_outbox(file, slow), an_outbox(file, broker)
    futures = [put(first if number < 5 else second, b"%d" % number, "key") for number in range(10)]
    put(second, b"other", "other")
    wait_until(lambda: broker.payloads == [b"other"])
    slow.is_away = False
    assert [each.result(SECONDS) for each in futures[:5]] == ["1", "2", "3", "4", "5"]
    assert [each.result(SECONDS) for each in futures[5:]] == [""] * 5, "another process knows the ids"
    assert slow.payloads == numbers(10)
    first.close()
    second.close()


def test_a_process_that_gives_no_sign_of_life_loses_its_messages_to_another(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owners, "LEASE_SECONDS", 0.5)
    broker = Broker()
    frozen = an_outbox(file, Broker(batch=1000))
    put(frozen, b"1")
    frozen.sender.stop()
    outbox = an_outbox(file, broker)
    wait_until(lambda: broker.payloads == [b"1"])
    outbox.close()


def test_a_forked_child_publishes_into_the_same_file(file: Path) -> None:
    out = in_a_process(
        """
outbox = an_outbox(file, away())
put(outbox, b"parent")
child = os.fork()
if child == 0:
    for each in numbers(50):
        put(outbox, each)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
put(outbox, b"parent again")
print(outbox.close(), len(rows(file)))
""",
        file,
    )
    kept, there = map(int, out.split())
    assert there == 52
    assert kept >= 2
    broker = Broker()
    outbox = an_outbox(file, broker)
    wait_until(lambda: len(broker.messages) == 52)
    outbox.close()


def test_forks_in_the_middle_of_publishing_lose_nothing_and_block_nobody(file: Path) -> None:
    out = in_a_process(
        """
outbox = an_outbox(file, FakePublisher(), synchronous="NORMAL")
over = threading.Event()
count = [0] * 4
def publish_on(thread):
    while not over.is_set():
        put(outbox, b"%d" % count[thread])
        count[thread] += 1
threads = [threading.Thread(target=publish_on, args=(each,)) for each in range(4)]
for thread in threads:
    thread.start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        put(outbox, b"child")
        outbox.wait(SECONDS)
        outbox.close()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
over.set()
for thread in threads:
    thread.join()
outbox.wait(SECONDS)
assert outbox.close() == 0
print(rows(file), rows(file, "SELECT next FROM counters")[0][0] - 1 == sum(count) + 20)
""",
        file,
    )
    assert out == "[] True\n"


def test_a_multiprocessing_child_sends_before_it_ends(file: Path) -> None:
    out = in_a_process(
        """
outbox = an_outbox(file, FakePublisher())
def work():
    for each in numbers(20):
        put(outbox, each)
child = get_context("fork").Process(target=work)
child.start()
child.join()
print(child.exitcode, rows(file))
outbox.close()
""",
        file,
    )
    assert out == "0 []\n"


def test_an_exit_without_close_waits_for_delivery(file: Path) -> None:
    in_a_process("outbox = an_outbox(file, FakePublisher())\nfor each in numbers(20):\n    put(outbox, each)\n", file)
    assert rows(file) == []


def test_an_exit_says_what_stays_in_the_file(file: Path) -> None:
    out = in_a_process(
        """
from headrace.producers import process_end
process_end.FLUSH_SECONDS = 0.1
put(an_outbox(file, away()), b"1")
""",
        file,
    )
    assert "at exit: " in out
    assert "1 event is not sent yet, and safe in the file" in out
    assert len(rows(file)) == 1
