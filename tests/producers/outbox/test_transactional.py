"""Events of a transaction arrive if it is committed, and never if it is rolled back."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from headrace.errors import Exit
from headrace.producers import EventProducer, InvalidEventError
from headrace.producers.outbox import relay as relaying
from headrace.producers.outbox.errors import RelayError
from headrace.producers.outbox.relay import Relay, open_database
from headrace.producers.outbox.transactional import LANES, OutboxTables, TransactionalOutbox
from headrace.producers.testing import FakePublisher
from tests.support.builders import PACKAGE, a_flight
from tests.support.databases import HAS_MARIADB, HAS_POSTGRESQL, a_mariadb, a_postgresql
from tests.support.outboxes import SECONDS, Broker

SUBJECT = "flight_departed"
KILLS = 3  # of each database here; python -m tests.outbox_kills --transactional has a hundred


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    if not HAS_POSTGRESQL:
        pytest.skip("no PostgreSQL server is installed")
    with a_postgresql() as url:
        yield url


@pytest.fixture(scope="module")
def mariadb() -> Iterator[str]:
    if not HAS_MARIADB:
        pytest.skip("no MariaDB server is installed")
    with a_mariadb() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'shop.db'}"
    server: str = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    engine = open_database(url)
    yield engine
    engine.dispose()


@pytest.fixture
def outbox(engine: sa.Engine) -> TransactionalOutbox:
    tables = OutboxTables(f"outbox_{uuid.uuid4().hex[:8]}")
    outbox = TransactionalOutbox(source="/shop", contracts=PACKAGE, tables=tables)
    outbox.create(engine)
    return outbox


def sent(engine: sa.Engine, outbox: TransactionalOutbox, broker: FakePublisher | None = None) -> list[str]:
    """The ids of what a relay sends."""
    broker = broker or FakePublisher()
    Relay(engine, broker, outbox.tables).send_all(timeout=SECONDS)
    return [each.attributes["ce-id"] for each in broker.messages]


def test_a_committed_event_is_published_as_any_other(engine: sa.Engine, outbox: TransactionalOutbox) -> None:
    relayed, plain = FakePublisher(), FakePublisher()
    with engine.begin() as connection:
        outbox.add(connection, SUBJECT, a_flight(), event_id="e-1", ordering_key="k")
    assert sent(engine, outbox, relayed) == ["e-1"]
    EventProducer(plain, source="/shop", contracts=PACKAGE).publish(
        SUBJECT, a_flight(), event_id="e-1", ordering_key="k"
    )
    assert relayed.messages == plain.messages
    assert sent(engine, outbox) == [], "only once"


def test_what_is_rolled_back_never_arrives(engine: sa.Engine, outbox: TransactionalOutbox) -> None:
    for number in range(10):
        with engine.connect() as connection, connection.begin() as transaction:
            outbox.add(connection, SUBJECT, a_flight(), event_id=f"e-{number}")
            if number % 2:
                transaction.rollback()
    assert sorted(sent(engine, outbox)) == [f"e-{number}" for number in range(0, 10, 2)]


def test_a_session_works_as_a_connection_does(engine: sa.Engine, outbox: TransactionalOutbox) -> None:
    with Session(engine) as session, session.begin():
        event_id = outbox.add(session, SUBJECT, a_flight())
    assert sent(engine, outbox) == [event_id]


def test_a_wrong_event_is_refused_and_nothing_is_written(engine: sa.Engine, outbox: TransactionalOutbox) -> None:
    with engine.begin() as connection:
        with pytest.raises(InvalidEventError):
            outbox.add(connection, SUBJECT, a_flight(carrier=7))
        outbox.add(connection, SUBJECT, a_flight(), event_id="e-1")
    assert sent(engine, outbox) == ["e-1"]


def test_tables_can_be_made_twice_and_by_the_applications_own_migrations(engine: sa.Engine) -> None:
    metadata = sa.MetaData()
    tables = OutboxTables(f"outbox_{uuid.uuid4().hex[:8]}", metadata)
    metadata.create_all(engine)
    with engine.begin() as connection:
        tables.fill_lanes(connection)
    tables.create(engine)
    with engine.connect() as connection:
        assert len(connection.execute(sa.select(tables.lanes)).all()) == LANES


def test_several_relays_send_everything_once_and_keys_in_order(engine: sa.Engine, outbox: TransactionalOutbox) -> None:
    with engine.begin() as connection:
        for number in range(400):
            key = f"key-{number % 7}" if number % 2 else None
            outbox.add(connection, SUBJECT, a_flight(), event_id=f"{number}", ordering_key=key)
    broker = Broker()
    threads = [
        threading.Thread(target=Relay(engine, broker, outbox.tables).send_all, args=(SECONDS,)) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = [(each.ordering_key, int(each.attributes["ce-id"])) for each in broker.messages]
    assert sorted(number for _, number in seen) == list(range(400))
    for key in {key for key, _ in seen if key}:
        numbers = [number for each, number in seen if each == key]
        assert numbers == sorted(numbers)


def test_an_outage_of_the_broker_is_waited_for(engine: sa.Engine, outbox: TransactionalOutbox) -> None:
    broker = Broker()
    broker.is_away = True
    with engine.begin() as connection:
        outbox.add(connection, SUBJECT, a_flight(), event_id="e-1")
    relayed = Relay(engine, broker, outbox.tables).send_all(timeout=0.2)
    assert (relayed.exit_code, str(relayed)) == (Exit.UNREACHABLE, "sent: 0; left: 1; refused: 0")
    broker.is_away = False
    assert sent(engine, outbox, broker) == ["e-1"]


def test_a_refused_message_is_kept_and_does_not_block_the_others(
    engine: sa.Engine, outbox: TransactionalOutbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relaying, "POLL_SECONDS", 0.01)
    with engine.begin() as connection:
        for number in range(20):
            outbox.add(connection, SUBJECT, a_flight(flight=number), event_id=f"{number}", ordering_key="k")
        (body,) = connection.execute(
            sa.select(outbox.tables.messages.c.body).order_by(outbox.tables.messages.c.id).offset(7).limit(1)
        ).one()
    poison = bytes(body).partition(b"}]")[2]
    broker = Broker(poison=poison, batch=5)
    relay = Relay(engine, broker, outbox.tables)
    relayed = relay.send_all(timeout=SECONDS)
    assert (relayed.exit_code, str(relayed)) == (Exit.FOUND, "sent: 19; left: 0; refused: 1")
    relay.retry_refused()
    assert sent(engine, outbox) == ["7"]


def test_errors_have_no_password() -> None:
    for url in ("postgresql+psycopg://shop:hunter2@127.0.0.1:1/shop", "mysql+pymysql://shop:hunter2@127.0.0.1:1/shop"):
        with pytest.raises(RelayError) as raised:
            Relay(open_database(url), FakePublisher()).turn()
        assert "shop:***@127.0.0.1" in str(raised.value)
        assert "hunter2" not in f"{raised.value!r}{raised.value.__cause__!r}"
    with pytest.raises(RelayError, match="not the URL of a database; write one such as") as raised:
        open_database("hunter2")
    assert "hunter2" not in str(raised.value)


def test_a_relay_without_tables_says_so(tmp_path: Path) -> None:
    with pytest.raises(RelayError, match="check that the database runs, and that the tables of the outbox are there"):
        Relay(open_database(f"sqlite:///{tmp_path / 'empty.db'}"), FakePublisher()).turn()


KILLED = """
import sys, os, time
import sqlalchemy as sa
from headrace.producers.outbox.relay import Relay, open_database
from headrace.producers.outbox.transactional import OutboxTables, TransactionalOutbox
from headrace.producers.testing import FakePublisher
from tests.support.builders import PACKAGE, a_flight
url, table, run = sys.argv[1:]
engine = open_database(url)
outbox = TransactionalOutbox(source="/shop", contracts=PACKAGE, tables=OutboxTables(table))
number = 0
print("ready", flush=True)
while True:
    with engine.connect() as connection, connection.begin() as transaction:
        event_id = f"{run}-{number}"
        outbox.add(connection, "flight_departed", a_flight(), event_id=event_id)
        if number % 3:
            transaction.commit()
            print("committed", event_id, flush=True)
        else:
            transaction.rollback()
            print("rolled-back", event_id, flush=True)
    number += 1
"""


def test_kills_between_commit_and_relay_lose_nothing(engine: sa.Engine, outbox: TransactionalOutbox, url: str) -> None:
    chance = random.Random(3)
    pause = threading.Event()
    committed: set[str] = set()
    rolled_back: set[str] = set()
    for run in range(KILLS):
        arguments = [sys.executable, "-c", KILLED, url, outbox.tables.messages.name, str(run)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            lines = [] if run else [next(line for line in child.stdout if line.startswith("committed "))]
            pause.wait(chance.uniform(0, 0.1))
            os.kill(child.pid, signal.SIGKILL)
            for line in [*lines, *child.stdout]:
                what, _, event_id = line.rstrip("\n").partition(" ")
                if line.endswith("\n"):
                    (committed if what == "committed" else rolled_back).add(event_id)
    arrived = sent(engine, outbox)
    assert committed
    assert committed <= set(arrived)
    assert not rolled_back & set(arrived)
    assert len(arrived) == len(set(arrived))
