"""Each principal does its work while every call is recorded; what it used is what it is granted, no more, no less."""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from schemas.registry import Registry
from stream.cli import app
from stream.clients import open_bigquery, open_gapic_publisher, open_subscriber
from stream.commands.archive import open_collector
from stream.commands.publish import publish_lines
from stream.provision import Clients, apply, plan
from tests.builders import BOOKING, PACKAGE, a_booking
from tests.calls import Calls, recording
from tests.integration.test_service import Wire, a_message, flight_message
from tests.service import Service

pytestmark = pytest.mark.emulators
BY_TERRAFORM = {"topic", "subscription", "dataset"}
OLDER = Registry({each.ref: each for each in PACKAGE if each.ref != BOOKING.ref})
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)


def a_wire(name: str, **changes: Any) -> Wire:
    return a_message(BOOKING, a_booking(created_at=NOW, **changes), name)


class Day:
    """One project on its first day, and everybody who works on it."""

    def __init__(self, project: str, folder: Path) -> None:
        for name in ("archive", "masking"):
            (folder / f"{name}.key").write_bytes(os.urandom(32))
        self.environment = {
            "HEADRACE_PROJECT": project,
            "HEADRACE_ARCHIVE_KEY_FILE": str(folder / "archive.key"),
            "HEADRACE_MASKING_KEY_FILE": str(folder / "masking.key"),
            "HEADRACE_OPERATOR": "ada",
        }
        from stream.settings import Settings

        settings = Settings(project=project, archive_key_file=folder / "archive.key", journal=folder / "journal")
        self.service = Service(PACKAGE, settings)
        self.calls = Calls(settings.names, PACKAGE)

    def terraform(self) -> None:
        """Make what Terraform makes."""
        settings = self.service.settings
        clients = Clients(open_gapic_publisher(), open_subscriber(), open_bigquery(settings.project))
        apply([each for each in plan(PACKAGE, settings.names, "EU", clients) if each.what in BY_TERRAFORM])

    def provision(self) -> None:
        with self.calls.by("provisioner"):
            self.service.registry = OLDER
            self.service.provision()
            self.service.registry = PACKAGE
            assert self.service.provision() > 0, "an update"

    def publish(self) -> None:
        line = {"carrier": "UA"}
        with self.calls.by("publisher"):
            self._publish(line)

    def _publish(self, line: Any) -> None:
        from producers import EventProducer, PubSubPublisher
        from tests.builders import a_flight

        now = datetime.now(UTC).replace(microsecond=0)
        with EventProducer(PubSubPublisher(self.service.settings.project), source="/a", registry=PACKAGE) as producer:
            for _ in range(3):
                producer.publish("flight_departed", a_flight(scheduled_at=now, departed_at=now))

    def ingest(self, acknowledged: int) -> None:
        with self.calls.by("job"):
            self.service.run_until(acknowledged)

    def collect(self, letters: int) -> None:
        with self.calls.by("collector"):
            collector = open_collector(self.service.settings, threading.Event())
            while collector.collected < letters:
                collector.collect()

    def command(self, principal: str, *arguments: str, fails: bool = False, **variables: str | None) -> str:
        with self.calls.by(principal):
            done = CliRunner(env=self.environment | variables).invoke(app, arguments)
        assert fails or done.exit_code == 0, done.output
        return done.stdout


def test_print(project: str, tmp_path: Path) -> None:
    day = Day(project, tmp_path)
    with recording(day.calls):
        day.terraform()
        day.provision()
        day.publish()
        day.service.publish("flight_departed", [flight_message("f-1"), flight_message("f-1"), (b"x", {})])
        old = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
        day.service.publish("flight_departed", [flight_message("f-2", departed_at=old, scheduled_at=old)])
        broken = (b"x", a_wire("b-1")[1])
        day.service.publish("booking_created", [a_wire("b-0"), broken])
        day.ingest(9)
        day.ingest(0)
        day.collect(2)
        print(day.command("auditor", "audit", "--grace", "0s", HEADRACE_ARCHIVE_KEY_FILE=None))
        listed = json.loads(day.command("on_call", "dead-letters", "list", "--json", HEADRACE_ARCHIVE_KEY_FILE=None))
        print(listed)
        ids = [each["letter_id"] for each in next(v for v in listed.values() if isinstance(v, list))]
        for each in ids:
            print(day.command("on_call", "dead-letters", "list", "--group-by", "reason"))
            print(day.command("operator", "dead-letters", "show", each, "--reveal", "--why", "x"))
        print(day.command("operator", "dead-letters", "discard", ids[0], "--why", "x", "--yes"))
        print(day.command("operator", "dead-letters", "reopen", ids[0], "--why", "x", "--yes"))
        print(day.command("on_call", "dead-letters", "history"))
        print(day.command("operator", "dead-letters", "export", "--file", str(tmp_path / "f"), "--why", "x"))
        print(day.command("replayer", "replay", "--also-failing", "--yes", "--why", "x"))
        print(day.command("importer", "dead-letters", "import", str(tmp_path / "f")))
    for who, used in day.calls.used.items():
        print("USED", who)
        for each in sorted(used):
            print("USED     ", *each)
