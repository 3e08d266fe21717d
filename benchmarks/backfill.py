"""History from files against the same history streamed: equal tables, what each takes, and five kills on the way.

``FLIGHTS=20000 python -m benchmarks.backfill`` prints one JSON object; without FLIGHTS all 336,776. Rows are counted
per second of wall time and of processor time (user and system, of the engine's process), after the first tenth; and
what the process that reads took for all of them, its start included.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from google.pubsub_v1.types import PubsubMessage

from headrace.backfill.build_backfill import Reading, build_backfill
from headrace.backfill.mapping import read_mapping
from headrace.config.key_files import read_masking_key, write_key_file
from headrace.config.secrets import HeldKey
from headrace.config.settings import load_settings
from headrace.core.resource_names import Names
from headrace.dev.bench.peers import count_rows, provision
from headrace.dev.demo.flights import SUBJECT, TOTAL, flights
from headrace.dev.emulators import running_emulators
from headrace.engine.build import build_engine
from headrace.engine.embedded import Embedded, Progress
from headrace.engine.journal import Journal
from headrace.job import job_for
from headrace.runtime.clock import now_micros
from headrace.runtime.garbage import collect_less_often
from headrace.runtime.google_clients import open_bigquery, open_gapic_publisher
from headrace.runtime.logs import set_up_logs
from headrace.runtime.processes import python, run, run_program, start
from headrace.schemas.envelope import Envelope
from headrace.schemas.identity import derive_event_id
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES
from tests.support.builders import encode
from tests.support.files import as_avro, as_csv, as_parquet

WARM: Final = 0.1  # the first tenth is not measured
KILLS: Final = 5
COMMAND: Final = Path(sys.executable).parent / "headrace"
SAME: Final = "* EXCEPT (_ingested_at, _source)"  # when and by whom a row was written is another matter
STREAMED: Final = "bench-streamed"


def timed(engine: Embedded, total: int, finish: bool) -> dict[str, Any]:
    """Run *engine* until *total* messages have their outcome, and say what that took; *finish*: stop it then."""
    ticks: list[tuple[int, float, float]] = []

    def tick(progress: Progress) -> None:
        ticks.append((progress.acknowledged, time.monotonic(), time.process_time()))
        if finish and progress.acknowledged >= total:
            engine.stop.set()

    engine.on_progress = tick
    engine.run()
    done = next(tick for tick in reversed(ticks))
    first = next(tick for tick in ticks if tick[0] > total * WARM)
    last = next(tick for tick in ticks if tick[0] == done[0])
    count, children = last[0] - first[0], os.times()
    return {
        "reading_cpu_seconds": round(children.children_user + children.children_system, 1),
        "rows_per_second": round(count / max(last[1] - first[1], 0.1)),
        "rows_per_cpu_second": round(count / max(last[2] - first[2], 0.01)),
    }


def measure(kind: str, total: int, path: Path) -> None:
    """Within a process of its own: stream what waits, or backfill the file at *path*; print what that took."""
    settings = load_settings()
    set_up_logs(settings.log_format)
    collect_less_often()
    if kind == "stream":
        registry = Registry({each.ref: each for each in settings.registry() if each.subject == SUBJECT})
        job = job_for(settings, registry, HeldKey(read_masking_key(settings.masking_key_file)), now_micros)
        engine = build_engine(settings, job, Journal.open(settings.journal))
    else:
        engine, _ = build_backfill(settings, Reading.of(settings, SUBJECT, [str(path)], None))
    print(json.dumps(timed(engine, total, finish=kind == "stream")))


def measured(kind: str, project: str, total: int, folder: Path, path: Path) -> dict[str, Any]:
    """What :func:`measure` says, of a process that has done nothing else."""
    command = python("benchmarks.backfill", kind, str(total), str(path))
    done = run(command, environment(project, folder))
    done.check_returncode()
    return dict(json.loads(done.stdout))


def environment(project: str, folder: Path) -> dict[str, str]:
    return {**os.environ, "HEADRACE_PROJECT": project, "HEADRACE_JOURNAL": str(folder / f"journal-{project}")}


def publish(names: Names, events: list[dict[str, Any]]) -> None:
    contract, publisher = Registry.load(SAMPLES).latest(SUBJECT), open_gapic_publisher()
    for first in range(0, len(events), 500):
        messages: list[PubsubMessage] = []
        for fields in events[first : first + 500]:
            at = fields["scheduled_at"]
            envelope = Envelope(derive_event_id(contract, fields) or "", contract.ref, at, "/bench")
            messages.append(PubsubMessage(data=encode(contract, fields), attributes=envelope.to_attributes()))
        publisher.publish(topic=names.topic(SUBJECT), messages=messages)


def differences(names: Names, other: Names) -> list[int]:
    """How many rows each of two tables has that the other has not."""
    client, tables = open_bigquery(names.project), (names.sql("flights"), other.sql("flights"))
    return [
        next(
            iter(
                client.query_and_wait(
                    f"SELECT COUNT(*) AS n FROM (SELECT {SAME} FROM {one} EXCEPT DISTINCT SELECT {SAME} FROM {two})"
                )
            )
        )["n"]
        for one, two in (tables, tables[::-1])
    ]


def command(project: str, folder: Path, path: Path) -> subprocess.Popen[bytes]:
    journal = str(folder / f"journal-{project}")
    given = [str(COMMAND), "backfill", SUBJECT, str(path), "--json", "--journal", journal]
    return start(
        given,
        environment(project, folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def killed(names: Names, folder: Path, path: Path, total: int) -> dict[str, Any]:
    """``kill -9`` five times on the way, then to the end, then once more."""
    pause = threading.Event()
    for number in range(KILLS):
        with command(names.project, folder, path) as process:
            at = total * (number + 1) // (KILLS + 1)
            wait_for(partial(is_written, names, at, process), pause)
            process.send_signal(signal.SIGKILL)
    said = []
    for _ in range(2):
        with command(names.project, folder, path) as process:
            said.append(json.load(process.stdout or sys.stdin)["backfill"][0])
    return {"kills": KILLS, "settled_before_the_last": said[0]["settled_before"], "again_written": said[1]["written"]}


def is_written(names: Names, rows: int, process: subprocess.Popen[bytes]) -> bool:
    """Whether so many rows are there, or none will come any more."""
    return count_rows(names, "flights") >= rows or process.poll() is not None


def wait_for(holds: Callable[[], bool], pause: threading.Event) -> None:
    while not holds():
        pause.wait(0.1)


def main() -> None:
    total = int(os.environ.get("FLIGHTS", str(TOTAL)))
    with tempfile.TemporaryDirectory() as name, running_emulators(Path(name)) as emulators:
        folder, contract = Path(name), Registry.load(SAMPLES).latest(SUBJECT)
        key = write_key_file(folder / "key", os.urandom(32))
        os.environ |= emulators.environment | {"HEADRACE_MASKING_KEY_FILE": str(key)}
        os.environ["HEADRACE_CONTRACTS"] = str(SAMPLES)
        read_mapping(None, contract)
        events = list(flights(total, datetime.now(UTC)))
        streamed = provision(Registry.load(SAMPLES), STREAMED)
        publish(streamed, events)
        figures: dict[str, Any] = {"flights": total, "load": round(os.getloadavg()[0], 1)}
        figures["streamed"] = measured("stream", STREAMED, total, folder, key)
        for kind, write in (("csv", as_csv), ("parquet", as_parquet), ("avro", as_avro)):
            names = provision(Registry.load(SAMPLES), f"bench-{kind}")
            path = write(folder / f"flights.{kind}", contract, events)
            figures[kind] = measured("backfill", names.project, total, folder, path)
            figures[kind]["ratio_to_streaming"] = {
                what: round(figures[kind][what] / figures["streamed"][what], 2)
                for what in ("rows_per_second", "rows_per_cpu_second")
            }
            figures[kind]["differences"] = differences(names, streamed)
        names = provision(Registry.load(SAMPLES), "bench-killed")
        figures["killed"] = killed(names, folder, folder / "flights.csv", total)
        figures["killed"] |= {"rows": count_rows(names, "flights"), "differences": differences(names, streamed)}
        print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run_program(partial(measure, sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
    else:
        main()
