"""``headrace demo``: run the job on both emulators with real events, and report the result."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from headrace.audit.reconcile import count_subjects
from headrace.config.key_files import write_key_file
from headrace.config.secrets import KEY_BYTES
from headrace.config.settings import load_settings
from headrace.console.archive_access import open_reader
from headrace.console.letter_groups import group_letters
from headrace.core.resource_names import Names
from headrace.dead_letters.filters import Filter
from headrace.dev.demo.bookings import SUBJECT as BOOKING
from headrace.dev.demo.bookings import bookings
from headrace.dev.demo.demo_report import Report, make_report, print_masking, print_report, table_facts
from headrace.dev.demo.demo_service import publish, received, running_job, wait_until_received
from headrace.dev.demo.planting import BOOKINGS, Planting
from headrace.dev.demo.unmasked import unmasked_hits
from headrace.dev.emulators import running_emulators
from headrace.dev.pubsub_services import JAR_VARIABLE, VARIABLE, PubsubService
from headrace.errors import Exit
from headrace.provision import Clients, apply, plan
from headrace.runtime.google_clients import open_bigquery, open_gapic_publisher, open_subscriber
from headrace.runtime.processes import wait_for_interrupt
from headrace.runtime.scratch import scratch_folder
from headrace.schemas.classification import Pii
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.model import inner, walk
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES
from headrace.util.output import print_json, say

PROJECT: Final = "headrace-demo"
COLLECTED_SECONDS: Final = 20.0
_NAMES: Final = {
    PubsubService.BROKER: "the local broker",
    PubsubService.GOOGLE_EMULATOR: "Google's Pub/Sub emulator",
}
_KEPT: Final = ("HEADRACE_DEBUG", VARIABLE, JAR_VARIABLE)


def demo(flights: int | None, json_output: bool, keep: bool, pubsub: PubsubService) -> Exit:
    """Run the whole service once; exit 1 when the counts do not reconcile.

    Raises:
        EmulatorMissingError: an emulator is not installed.
        DemoFailedError: the job ended, or made no progress.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console(stderr=json_output)
    with scratch_folder("headrace-demo-") as directory:
        say(f"starting {_NAMES[pubsub]} and the BigQuery emulator ...")
        with (
            running_emulators(directory, pubsub) as emulators,
            _environment(emulators.environment, directory) as variables,
        ):
            report = _run(flights, directory, variables, console, keep, json_output)
            if json_output:
                print_json(report.as_dict())
        return Exit.DONE if report.reconciled else Exit.FOUND


def _run(
    flights: int | None, directory: Path, variables: Mapping[str, str], console: Console, keep: bool, json_output: bool
) -> Report:
    registry, names = Registry.load(SAMPLES), Names(PROJECT)
    client, publisher = open_bigquery(PROJECT), open_gapic_publisher()
    changes = plan(registry, names, "EU", Clients(publisher, open_subscriber(), client))
    apply(changes)
    say(f"provisioned {len(changes)} topics, subscriptions and tables")
    planting = Planting(registry, flights, datetime.now(UTC))
    log = directory / "job.log"
    line = _ProgressLine()
    with running_job(variables, log) as job:
        started = time.monotonic()
        total = publish(planting, names, publisher, lambda sent: line.show(sent, received(client, names)))
        wait_until_received(total, job, log, lambda: received(client, names), lambda settled: line.show(total, settled))
        seconds = time.monotonic() - started
        line.end()
        hits = unmasked_hits(planting.personal, registry, names, client)
        counts = count_subjects(registry, names, client)
        report = make_report(planting.outcomes, counts, table_facts(registry, names, client), hits, seconds)
        _show_masking(registry, names, client, planting.now, console)
        print_report(report, console)
        if not json_output:
            _show_letters(sum(report.dead_lettered.values()))
        _show_next(console, keep, variables)
        if keep:
            say("everything keeps running; Ctrl-C stops it")
            wait_for_interrupt()
    return report


@contextmanager
def _environment(emulators: Mapping[str, str], directory: Path) -> Iterator[dict[str, str]]:
    """Set the environment of this process and of the job to the emulators and new keys, without the user's settings."""
    variables = {
        **emulators,
        "HEADRACE_PROJECT": PROJECT,
        "HEADRACE_CONTRACTS": str(SAMPLES),
        "HEADRACE_JOURNAL": str(directory / "journal"),
    }
    for name in ("masking", "archive"):
        key = write_key_file(directory / f"{name}.key", os.urandom(KEY_BYTES))
        variables[f"HEADRACE_{name.upper()}_KEY_FILE"] = str(key)
    before = dict(os.environ)
    for name in [each for each in before if each.startswith("HEADRACE_") and each not in _KEPT]:
        del os.environ[name]
    os.environ.update(variables)
    try:
        with chdir(directory):  # a folder without a headrace.toml
            yield variables
    finally:
        os.environ.clear()
        os.environ.update(before)


class _ProgressLine:
    """Print one line that is rewritten on a terminal, and a line every few seconds elsewhere."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._next = 0.0

    def show(self, published: int, settled: int) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (0.2 if self._live else 5.0)
        text = f"published {published:,}, written or refused {settled:,}"
        sys.stderr.write(f"\r{text}\033[K" if self._live else f"{text}\n")
        sys.stderr.flush()

    def end(self) -> None:
        if self._live:
            sys.stderr.write("\r\033[K")


def _show_masking(registry: Registry, names: Names, client: Any, now: datetime, console: Console) -> None:
    version, sent = next(
        (version, fields) for version, fields in bookings(BOOKINGS, now) if version == 2 and fields["passengers"]
    )
    contract = registry[SchemaRef(BOOKING, version)]
    query = f"""
        SELECT * FROM {names.sql(contract.options.table)}
        WHERE _event_time >= TIMESTAMP '0001-01-01' AND _event_id = 'booking-{sent["booking_id"]}'
    """  # noqa: S608 ids are ours
    stored = dict(next(iter(client.query_and_wait(query))).items())
    personal = {path.partition(".")[0] for path, field in walk(contract.record) if isinstance(field.pii, Pii)}
    names_shown = [f.name for f in contract.record.fields if f.name in personal and inner(f.type) is not None]
    print_masking(sent, stored, names_shown, console)


def _show_letters(expected: int) -> None:
    """Print the dead letters of the planted faults, as soon as the collector has moved them into the archive."""
    settings = load_settings()
    reader, pause = open_reader(settings), threading.Event()
    until = time.monotonic() + COLLECTED_SECONDS
    while reader.count(Filter()) < expected and time.monotonic() < until:
        pause.wait(0.2)
    say("\n$ headrace dead-letters list --group-by reason,subject")
    group_letters(settings, Filter(), "reason,subject", "table")


def _show_next(console: Console, keep: bool, variables: Mapping[str, str]) -> None:
    console.print()
    if keep:
        console.print("In another terminal:", style="bold")
        for name, value in variables.items():
            console.print(f"  export {name}={value}", soft_wrap=True, highlight=False)
        console.print("  headrace dead-letters list\n  headrace audit", highlight=False)
    else:
        console.print("Next:", style="bold")
        console.print("  headrace demo --keep          leave it running and look around", highlight=False)
        console.print("  headrace demo --events all    all 336,776 flights of the year", highlight=False)


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt
