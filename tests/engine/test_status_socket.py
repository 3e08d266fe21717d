"""The pages that an engine serves to its own account."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from headrace.core.engine_report import SOCKET
from headrace.engine.embedded import Embedded
from headrace.engine.report import Reporter
from headrace.engine.status_socket import pages_of, serving_status
from headrace.schemas.errors import ContractError
from headrace.status.ask_engine import engine_report, tapped
from tests.support.builders import a_contract, a_tokenised_contract
from tests.support.engines import World, a_message
from tests.support.jobs import wait_for

THINGS = a_contract(("gate", ["null", "string"]))
STARTED_AT = 7


@contextmanager
def running(engine: Embedded) -> Iterator[Reporter]:
    """The engine in a thread, with its socket, until the block ends."""
    reporter = Reporter(engine, STARTED_AT)
    thread = threading.Thread(target=engine.run)
    with serving_status(engine, reporter):
        thread.start()
        try:
            yield reporter
        finally:
            engine.stop.set()
            thread.join()


def test_the_report_has_the_counts_the_versions_and_the_journal(tmp_path: Path) -> None:
    world = World(tmp_path, [THINGS])
    engine = world.engine()
    with running(engine):
        wait_for(lambda: engine.status.ready)
        world.sources["thing_happened"].give(a_message(THINGS), a_message(THINGS))
        wait_for(lambda: engine.status.subjects["thing_happened"].counts["acknowledged"] == 2)
        report = engine_report(tmp_path / "journal")
    assert report is not None
    (things,) = report.subjects
    assert (things.counts["received"], things.counts["written"], sum(things.took)) == (2, 2, 2)
    assert (things.contract_version, things.ready, report.ready, report.alive) == (1, True, True, True)
    assert (report.started_at, report.writes_to) == (STARTED_AT, "p.headrace")
    assert report.journal_bytes > 0
    assert {each.subject for each in report.parts} == {"claim", "contracts", "tallies"}


def test_a_subject_whose_contract_is_invalid_is_in_the_report(tmp_path: Path) -> None:
    world = World(
        tmp_path, [THINGS], blocked={"refunded": ContractError("refunded.v1.total", "no such type", "use double")}
    )
    engine = world.engine()
    with running(engine) as reporter:
        wait_for(lambda: bool(engine.status.subjects["refunded"].in_the_way))
        reports = {each.subject: each for each in reporter.report().subjects}
    assert "no such type" in str(reports["refunded"].in_the_way)
    assert reports["refunded"].contract_version == 0


def test_the_tap_shows_rows_as_the_table_has_them(tmp_path: Path) -> None:
    contract = a_tokenised_contract()
    world = World(tmp_path, [contract])
    engine = world.engine()
    journal = tmp_path / "journal"
    with running(engine):
        wait_for(lambda: engine.status.ready)
        first = tapped(journal, "thing_happened", 0)
        message = a_message(contract, email="ada@example.com")
        world.sources["thing_happened"].give(message, message)
        found: dict[str, Any] = {}

        def are_there() -> bool:
            found.update(tapped(journal, "thing_happened", 0) or {})
            return len(found["events"]) >= 1

        wait_for(are_there)
    assert first is not None
    assert first["events"] == []
    (event, *_) = found["events"]
    assert event["outcome"] == "written"
    assert event["row"]["_event_id"] == message.attributes["ce-id"]
    assert "ada@example.com" not in json.dumps(found)


@pytest.mark.parametrize(
    "path", ["/", "/tap", "/tap/thing_happened", "/tap/other/0", "/tap/thing_happened/-1", "/x/y/z/a"]
)
def test_there_is_nothing_else_to_see(tmp_path: Path, path: str) -> None:
    engine = World(tmp_path, [THINGS]).engine()
    page = pages_of(engine, Reporter(engine, STARTED_AT))(path)
    assert page.status == 404
    assert page.body == b"/status, or /tap/SUBJECT/NUMBER\n"


def test_the_engine_runs_on_if_the_socket_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = World(tmp_path, [THINGS]).engine()
    (engine.journal.directory / SOCKET).mkdir()
    with running(engine):
        wait_for(lambda: engine.status.ready)
    assert "no_status_socket" in capsys.readouterr().out
