"""Google's client for Java beside the SDK, built from ``benchmarks/java_client`` where there is Maven."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from headrace.core.resource_names import Names
from headrace.dev.bench import producer_bench
from headrace.dev.bench.bench_events import FLIGHTS
from headrace.dev.bench.figures import ratio, spread
from headrace.dev.bench.peers import BenchFailedError
from headrace.dev.bench.producer_contender import Contender, prepared
from headrace.runtime.processes import run

SOURCE: Final = Path(__file__).parent / "java_client"
ROUNDS: Final = 7
EVENTS: Final = 50_000


def measure(quick: bool, say: Callable[[str], None]) -> dict[str, Any] | None:
    """Return the rates of the SDK and of Java's client, warm, which publish flights in turns; None without Maven."""
    maven = shutil.which("mvn")
    if maven is None:
        say("left out: Google's client for Java, because Maven is missing")
        return None
    rounds, count = (2, EVENTS // 5) if quick else (ROUNDS, EVENTS)
    with producer_bench.ready_pubsub() as (folder, events):
        command = _build(maven, folder)
        ours, java = [], []
        for _ in range(rounds):
            ours.append(producer_bench.run_once(Contender.OURS, FLIGHTS, count, events[FLIGHTS]))
            java.append(_run(command, count, events[FLIGHTS]))
            say(f"  SDK {ours[-1]['eps']:>9,.0f} events/s, Java {java[-1]['eps']:>9,.0f}")
    times = ratio([each["eps"] for each in ours], [each["eps"] for each in java])
    return {
        "rounds": rounds,
        "ours_eps": round(spread([each["eps"] for each in ours]).median),
        "java_eps": round(spread([each["eps"] for each in java]).median),
        "ours_cpu_us": round(spread([each["cpu_us"] for each in ours]).median, 1),
        "java_cpu_us": round(spread([each["cpu_us"] for each in java]).median, 1),
        "times_java": round(times.median, 2),
        "times_java_quartiles": times.rounded(2),
    }


def _build(maven: str, folder: Path) -> Sequence[str]:
    built = folder / "java"
    done = run([maven, "-q", "-B", "-f", str(SOURCE / "pom.xml"), f"-Dbuilt={built}", "compile"])
    if done.returncode:
        raise BenchFailedError(f"benchmarks/java_client does not build; Maven's last words: {done.stdout[-500:]}")
    return ["java", "-cp", f"{built / 'classes'}:{built / 'lib'}/*", "JavaClient"]


def _run(command: Sequence[str], count: int, events: Path) -> dict[str, float]:
    event = prepared(FLIGHTS, events)[0]
    attributes = [part for pair in event.attributes.items() for part in pair]
    topic = Names(producer_bench.PROJECT).topic(FLIGHTS)
    done = run([*command, topic, str(count), base64.b64encode(event.data).decode(), *attributes])
    if done.returncode:
        raise BenchFailedError(f"benchmarks/java_client failed; its last words: {done.stderr[-500:]}")
    return dict(json.loads(done.stdout))
