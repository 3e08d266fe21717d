"""After a crash, the command line sends what is left: both command lines, on the local broker."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from google.pubsub_v1 import PublisherClient, SubscriberClient

from headrace.errors import Exit
from headrace.producers.outbox.transactional import TransactionalOutbox
from tests.support.builders import PACKAGE, a_flight
from tests.support.outboxes import Broker, an_outbox, put, rows

SUBJECT = "flight_departed"
COMMANDS = {"sdk": ["headrace.producers"], "job": ["headrace"]}
CRASH = """
import os, signal, sys
from headrace.producers import EventProducer, PubSubPublisher
from tests.support.builders import PACKAGE, a_flight
producer = EventProducer(PubSubPublisher("nowhere", ordered=True), source="/s", contracts=PACKAGE, outbox=sys.argv[1])
for number in range(20):
    producer.publish("flight_departed", a_flight(), event_id=f"e-{number}", ordering_key="k")
os.kill(os.getpid(), signal.SIGKILL)
"""


def run(command: list[str], *arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")} | variables
    environment["PYTHONPATH"] = os.getcwd()
    return subprocess.run(
        [sys.executable, "-m", *command, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def subscription(project: str) -> str:
    topic = PublisherClient().create_topic(name=f"projects/{project}/topics/{SUBJECT}").name
    name = f"projects/{project}/subscriptions/{SUBJECT}"
    SubscriberClient().create_subscription(name=name, topic=topic)
    return name


def pulled(subscription: str) -> list[str]:
    answer = SubscriberClient().pull(subscription=subscription, max_messages=100, timeout=30)
    return sorted(each.message.attributes["ce-id"] for each in answer.received_messages)


@pytest.mark.emulators
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_what_a_crash_left_is_sent(tmp_path: Path, project: str, subscription: str, command: list[str]) -> None:
    file = tmp_path / "orders.outbox"
    environment = os.environ | {"PUBSUB_EMULATOR_HOST": "127.0.0.1:1"}
    crashed = subprocess.run([sys.executable, "-c", CRASH, str(file)], env=environment, timeout=60)
    assert crashed.returncode == -9
    done = run(command, "outbox", "send", str(file), "--project", project, folder=tmp_path)
    assert done.returncode == Exit.DONE, done.stderr
    assert "sent: 20; left: 0; refused: 0" in done.stderr
    assert pulled(subscription) == sorted(f"e-{number}" for number in range(20))
    shown = run(command, "outbox", "status", str(file), folder=tmp_path)
    assert "waiting: 0; refused: 0" in shown.stderr


@pytest.mark.parametrize("kind", ["file", "database"])
def test_a_broker_that_does_not_answer_ends_the_command_in_time(tmp_path: Path, kind: str) -> None:
    away = Broker()
    away.is_away = True
    outbox = an_outbox(tmp_path / "orders.outbox", away)
    put(outbox, b"1", subject=SUBJECT)
    outbox.close()
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    engine = sa.create_engine(url)
    events = TransactionalOutbox(source="/shop", contracts=PACKAGE)
    events.create(engine)
    with engine.begin() as connection:
        events.add(connection, SUBJECT, a_flight())
    began = time.monotonic()
    what = ["send", "orders.outbox"] if kind == "file" else ["relay", "--database-url", url]
    done = run(
        ["headrace.producers"],
        *("outbox", *what, "--project", "a-project", "--timeout", "1"),
        folder=tmp_path,
        PUBSUB_EMULATOR_HOST="127.0.0.1:1",
    )
    assert done.returncode == Exit.UNREACHABLE, done.stderr
    assert "sent: 0; left: 1; refused: 0" in done.stderr
    assert time.monotonic() - began < 60
    if kind == "file":
        assert len(rows(tmp_path / "orders.outbox")) == 1


@pytest.mark.emulators
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_relay_sends_what_is_committed(tmp_path: Path, project: str, subscription: str, command: list[str]) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    engine = sa.create_engine(url)
    outbox = TransactionalOutbox(source="/shop", contracts=PACKAGE)
    outbox.create(engine)
    with engine.begin() as connection:
        outbox.add(connection, SUBJECT, a_flight(), event_id="e-1")
    done = run(command, "outbox", "relay", "--project", project, folder=tmp_path, HEADRACE_OUTBOX_DATABASE_URL=url)
    assert done.returncode == Exit.DONE, done.stderr
    assert "sent: 1; left: 0; refused: 0" in done.stderr
    assert pulled(subscription) == ["e-1"]


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_an_error_is_a_sentence_with_its_code(tmp_path: Path, command: list[str]) -> None:
    sqlite3.connect(tmp_path / "other").execute("CREATE TABLE orders (id)").connection.close()
    done = run(command, "outbox", "status", "other", folder=tmp_path)
    assert done.returncode == Exit.CONFIGURATION
    assert (
        done.stderr
        == "headrace: other: an SQLite database, but not an outbox; name a new file for the outbox [HR-203]\n"
    )
