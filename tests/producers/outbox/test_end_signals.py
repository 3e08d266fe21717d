"""A command that follows an outbox ends in order when it is asked to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from headrace.producers import EventProducer
from headrace.producers.outbox import operating
from headrace.producers.outbox.end_signals import end_signals
from headrace.producers.outbox.transactional import TransactionalOutbox
from tests.support.builders import PACKAGE, a_flight
from tests.support.outboxes import SECONDS, Broker
from tests.support.publish_server import PublishServer
from tests.support.waiting import wait_until

SDK = [sys.executable, "-m", "headrace.producers"]
JOB = [sys.executable, "-m", "headrace"]
SIGNALS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def ended(process: subprocess.Popen[str], number: int) -> str:
    """What it says when the signal *number* has ended it with success."""
    process.send_signal(number)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, err
    return err.splitlines()[-1]


@SIGNALS
@pytest.mark.parametrize("program", [SDK, JOB], ids=["sdk", "job"])
def test_send_ends_with_what_it_has_done(
    tmp_path: Path, pubsub: PublishServer, program: list[str], number: int
) -> None:
    file, away = tmp_path / "flights.outbox", Broker()
    away.is_away = True
    producer = EventProducer(away, source="/s", contracts=PACKAGE, outbox=file)
    producer.publish("flight_departed", a_flight())
    producer.close(0.1)
    with running(*program, "outbox", "send", str(file), "--project", "travel", "--follow") as process:
        wait_until(lambda: operating.status(file)[1]["waiting"] == 0, SECONDS)
        assert ended(process, number) == "sent: 1; left: 0; refused: 0"
    assert len(pubsub.messages) == 1


@SIGNALS
@pytest.mark.parametrize("program", [SDK, JOB], ids=["sdk", "job"])
def test_relay_ends_with_what_it_has_done(
    tmp_path: Path, pubsub: PublishServer, program: list[str], number: int
) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    engine = sa.create_engine(url)
    outbox = TransactionalOutbox(source="/s", contracts=PACKAGE)
    outbox.create(engine)
    with engine.begin() as connection:
        outbox.add(connection, "flight_departed", a_flight())

    def waiting() -> int:
        with engine.connect() as connection:
            return int(connection.execute(sa.text("SELECT COUNT(*) FROM headrace_outbox")).scalar_one())

    with running(*program, "outbox", "relay", "--database-url", url, "--project", "travel", "--follow") as process:
        wait_until(lambda: waiting() == 0, SECONDS)
        assert ended(process, number).startswith("sent: 1; left: 0; refused: 0")
    engine.dispose()


@SIGNALS
def test_a_second_signal_acts_as_before(number: int) -> None:
    came: list[int] = []
    before = signal.signal(number, lambda number, frame: came.append(number))
    try:
        with end_signals() as end:
            assert not end.has_come()
            os.kill(os.getpid(), number)
            end.wait(SECONDS)
            assert end.has_come()
            assert came == []
            os.kill(os.getpid(), number)
            wait_until(lambda: came == [number], SECONDS)
        os.kill(os.getpid(), number)
        wait_until(lambda: came == [number, number], SECONDS)
    finally:
        signal.signal(number, before)
