"""A job on Apicurio's registry: it is away for a minute, and a restart then gives its ids to other schemas."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headrace.engine.embedded import Embedded
from headrace.schema_registry.contract_import import read_import, write_import
from headrace.schema_registry.pin_file import PinFile
from headrace.schema_registry.pins import Pins
from headrace.schema_registry.registry_client import RegistryClient
from tests.integration.test_live_registry import restarted_with_other_schemas, until
from tests.integration.test_registry_hold import ORDERS, RULES, held, orders, schema, written
from tests.integration.test_service import Wire
from tests.support.apicurio import Apicurio, running_apicurio
from tests.support.foreign_messages import SAMPLES, foreign_registry
from tests.support.service import Service, a_service

pytestmark = [pytest.mark.emulators, pytest.mark.registry, pytest.mark.timeout(900)]
EVENTS, BEFORE, REUSED, AFTER = 10_000, 2_000, 200, 100
AWAY_SECONDS = 60.0
HALTS_WITHIN = 35.0
UNREAD_SECONDS = 10.0  # nothing tells that a message is not read; an engine reads one within a second


@pytest.fixture
def apicurio(tmp_path: Path) -> Iterator[Apicurio]:
    with running_apicurio(tmp_path) as running:
        yield running


def events(count: int, ids: dict[int, int]) -> list[Wire]:
    """So many messages of both versions, with these schema ids in their headers."""
    datums = [(version, each.message.data[5:]) for version in ids for each in orders(version)]
    repeated = [datums[number % len(datums)] for number in range(count)]
    return [(b"\0" + ids[version].to_bytes(4) + datum, {}) for version, datum in repeated]


class Script:
    """What happens to the registry and to the topic while the job runs."""

    def __init__(self, service: Service, apicurio: Apicurio, journal: Path) -> None:
        self.service, self.apicurio, self.journal = service, apicurio, journal
        self.ids = self.register()
        self.halted_after = 0.0
        self.rows_while_held = -1
        self.engine: Embedded | None = None
        self.failed: list[BaseException] = []
        self.thread = threading.Thread(target=self._guarded)

    def register(self) -> dict[int, int]:
        return {version: self.apicurio.register("orders-value", schema(version)) for version in (1, 2)}

    def done(self, engine: Embedded) -> bool:
        self.engine = engine
        if self.thread.ident is None:
            self.thread.start()
        return not self.thread.is_alive()

    def _guarded(self) -> None:
        try:
            self._play()
        except BaseException as error:  # the test raises it
            self.failed.append(error)

    def _play(self) -> None:
        self.service.publish(ORDERS, events(BEFORE, self.ids))
        self._wait(written(ORDERS, BEFORE), 60)
        with self.apicurio.hanging():
            end = time.monotonic() + AWAY_SECONDS
            for part in range(8):
                self.service.publish(ORDERS, events((EVENTS - BEFORE) // 8, self.ids))
                time.sleep(max(0.0, end - time.monotonic()) / (8 - part))
        self._wait(written(ORDERS, EVENTS), 120)
        restarted_with_other_schemas(self.apicurio, *self.ids.values())
        self.halted_after = self._wait(lambda engine: "to other schemas" in held(engine), HALTS_WITHIN)
        self.service.publish(ORDERS, events(REUSED, self.ids))
        time.sleep(UNREAD_SECONDS)
        self.rows_while_held = len(self.service.rows(ORDERS, "order_id"))
        pinned = self.register()
        Pins(PinFile(self.journal, self.apicurio.access.url)).pin_anew(ORDERS, {})
        self.service.publish(ORDERS, events(AFTER, pinned))
        self._wait(written(ORDERS, EVENTS + REUSED + AFTER), 120)

    def _wait(self, condition: Callable[[Embedded], bool], seconds: float) -> float:
        engine = self.engine
        assert engine is not None
        return until(lambda: condition(engine), seconds)


def test_nothing_is_lost_refused_or_read_by_another_schema(project: str, tmp_path: Path, apicurio: Apicurio) -> None:
    journal = tmp_path / "journal"
    url = apicurio.access.url
    service = a_service(project, foreign_registry(ORDERS, RULES), journal=journal, schema_registry={"url": url})
    script = Script(service, apicurio, journal)
    imported = write_import(
        read_import(RegistryClient(apicurio.access), "orders-value", ORDERS), tmp_path / "c", force=False
    )

    engine = service.run_when(script.done, seconds=600)

    assert script.failed == []
    assert len(imported.written) == 2
    for version in (1, 2):
        own = json.loads((SAMPLES / "schemas" / f"{ORDERS}.v{version}.avsc").read_text())
        assert json.loads((tmp_path / "c" / f"{ORDERS}.v{version}.avsc").read_text()) == own
    assert script.rows_while_held == EVENTS
    assert len(service.rows(ORDERS, "order_id")) == EVENTS + AFTER
    assert engine.status.subjects[ORDERS].dead_letters.total() == REUSED
    print(f"halted {script.halted_after:.1f} s after the ids had other schemas")
