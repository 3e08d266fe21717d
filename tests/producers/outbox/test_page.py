"""docs/outbox.md: its examples, its commands, and its errors."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

import headrace.producers
from headrace.cli.app import app
from headrace.errors import HeadraceError
from headrace.producers.outbox import Outbox, errors
from headrace.producers.outbox.relay import Relay
from headrace.producers.testing import FakePublisher
from headrace.schemas.samples import SAMPLES
from tests.support.builders import a_flight
from tests.support.outboxes import Broker, an_outbox, put
from tests.support.paths import ROOT
from tests.support.waiting import wait_until

PAGE = (ROOT / "docs" / "outbox.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def fake(nothing_set: None, monkeypatch: pytest.MonkeyPatch) -> FakePublisher:
    fake = FakePublisher()
    monkeypatch.setattr(headrace.producers, "PubSubPublisher", lambda project: fake)
    shutil.copytree(SAMPLES, "contracts")
    return fake


def run_blocks() -> dict[str, Any]:
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(block, names)
    return names


def test_the_durable_producer_publishes(fake: FakePublisher) -> None:
    names = run_blocks()
    names["publish"](a_flight())
    assert [each.subject for each in fake.messages] == ["flight_departed"]
    assert Path("orders.outbox").exists()


def test_the_options_are_options(fake: FakePublisher) -> None:
    names = run_blocks()
    for name in ("outbox", "encrypted"):
        outbox: Outbox = names[name]
        outbox.start(fake)
        put(outbox, b"1").result(20)
        assert outbox.close() == 0


def test_the_transactional_outbox_sends_what_is_committed(fake: FakePublisher) -> None:
    names = run_blocks()
    engine = sa.create_engine("sqlite:///shop.db")
    names["install"](engine)
    with pytest.raises(sa.exc.OperationalError, match="no such table: gates"):
        names["depart"](engine, a_flight())
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE gates (flight TEXT)"))
    names["depart"](engine, a_flight())
    assert Relay(engine, fake).send_all().sent == 1


def test_the_tables_are_those_of_the_page(fake: FakePublisher) -> None:
    tables = run_blocks()["events"].tables
    section = PAGE.partition("| Table | Column |")[2].partition("\n\n")[0]
    listed = set(re.findall(r"`(\w+)`", re.sub(r"headrace_outbox\w*", "", section)))
    assert listed == {*tables.messages.c.keys(), *tables.lanes.c.keys()}


def test_status_shows_the_columns_of_the_page(nothing_set: None) -> None:
    broker = Broker(poison=b"x")
    outbox = an_outbox(Path("orders.outbox"), broker)
    put(outbox, b"x", subject="flight_departed")
    wait_until(lambda: outbox.session.deliveries.take_refused()[0] == 1)
    broker.is_away = True
    for _ in range(2):
        put(outbox, b"y", subject="flight_departed")
    outbox.close()
    shown = CliRunner().invoke(app, ["outbox", "status", "orders.outbox"], env={"COLUMNS": "120"})
    head, row = shown.stdout.splitlines()[:2]
    expected = re.findall(r"^subject .*|^flight_departed .*", PAGE, re.MULTILINE)
    assert head.split() == expected[0].split()
    assert row.split()[:2] == expected[1].split()[:2]
    assert "InvalidArgument" in row
    assert "waiting: 2; refused: 1" in shown.stderr


def test_every_error_is_on_the_page() -> None:
    codes = {
        each.error_code
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, HeadraceError) and each is not HeadraceError
    } - {errors.DamageError.error_code}  # never leaves the package
    assert codes < set(re.findall(r"^\| (HR-\d+) ", PAGE, re.MULTILINE))
