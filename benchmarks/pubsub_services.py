"""The local broker beside Google's emulator, in turns: publish with the SDK, pull and acknowledge with the engine's
code, and both with Google's client for Go.

Both services run all the time, and one of them works. A run has a topic of its own. The first round is not counted,
because the emulator's JVM compiles hot code in it. Who pulls finds a backlog, which was published beforehand. The part
``stream`` pulls while another process publishes, so its rate is that of the slowest of the three.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from benchmarks import contracts, go_client
from headrace.core.message import Message
from headrace.core.resource_names import Names
from headrace.dev.bench.feed import feeding
from headrace.dev.bench.figures import ratio, spread
from headrace.dev.bench.peers import Run, child, measured, watch
from headrace.dev.emulators import running_pubsub
from headrace.dev.pubsub_services import PubsubService
from headrace.runtime.google_clients import PUBSUB, open_gapic_publisher, open_subscriber
from headrace.runtime.processes import python

ROUNDS: Final = 5
EVENTS: Final = 40_000
BACKLOG: Final = 20_000
ACK_SECONDS: Final = 60
SETTLE_SECONDS: Final = 2.0  # the broker deletes messages that nothing needs in the background
Runs = dict[str, dict[PubsubService, list[Run]]]


@dataclass(frozen=True, slots=True)
class Contender:
    """A program that publishes, or that is fed: its command for a topic and a number of events."""

    command: Callable[[Names, int], Sequence[str]]
    is_fed: bool
    events: int = EVENTS  # of a whole run; a quick one has a quarter


def measure(quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the figures of all contenders on both services."""
    rounds, part = (2, 4) if quick else (ROUNDS, 1)
    runs: Runs = {}
    with tempfile.TemporaryDirectory(prefix="headrace-bench-pubsub-") as name, ExitStack() as stack:
        folder = Path(name)
        addresses = {
            service: stack.enter_context(running_pubsub(folder / service, service)) for service in PubsubService
        }
        contenders = _contenders(folder)
        for number in range(rounds + 1):
            for what, contender in contenders.items():
                turn = list(PubsubService) if number % 2 else list(reversed(PubsubService))
                for service in turn:
                    project = f"bench-{what}-{number}"
                    run = _run(contender, addresses[service], project, contender.events // part, folder)
                    if number:
                        runs.setdefault(what, {}).setdefault(service, []).append(run)
                        say(f"  {what:<12} {service:<16} {run.rate.eps:>10,.0f} events/s")
    return {"rounds": rounds, "contenders": {what: _summed_up(of_it) for what, of_it in runs.items()}}


def _contenders(folder: Path) -> dict[str, Contender]:
    subject = contracts.flights()[1]
    found = {
        "publish": Contender(lambda names, n: python("benchmarks.pubsub_publish", names.project, str(n)), is_fed=False),
        "pull": Contender(_pulling, is_fed=True, events=BACKLOG),
        "stream": Contender(_pulling, is_fed=True),
    }
    program = go_client.build(folder)
    if program is None:
        return found
    one = next(contracts.flight_messages())
    return {
        **found,
        "go_publish": Contender(
            lambda names, n: go_client.publishing(program, names, subject, n, one), is_fed=False, events=5 * EVENTS
        ),
        "go_receive": Contender(
            lambda names, n: go_client.receiving(program, names, subject, n), is_fed=True, events=BACKLOG
        ),
    }


def _pulling(names: Names, count: int) -> Sequence[str]:
    return python("benchmarks.pubsub_pull", names.project, str(count))


def _run(contender: Contender, address: str, project: str, count: int, folder: Path) -> Run:
    os.environ[PUBSUB] = address
    names, subject = Names(project), contracts.flights()[1]
    sent: list[Message] = list(islice(contracts.flight_messages(), count)) if contender.is_fed else []
    log = folder / f"{project}.log"
    with (
        _provisioned(names, subject),
        feeding(names, sent) as feed,
        child(contender.command(names, count), {PUBSUB: address}, log) as process,
    ):
        ticks, used = watch(process, count, project, log, feed.reached)
    return measured(ticks, used, 0, 0)


@contextmanager
def _provisioned(names: Names, subject: str) -> Iterator[None]:
    """A topic with a subscription. They are deleted afterwards, so that no service keeps more and more messages."""
    publisher, subscriber = open_gapic_publisher(), open_subscriber()
    topic = publisher.create_topic(name=names.topic(subject)).name
    name = subscriber.create_subscription(
        name=names.subscription(subject), topic=topic, ack_deadline_seconds=ACK_SECONDS
    ).name
    try:
        yield
    finally:
        subscriber.delete_subscription(subscription=name)
        publisher.delete_topic(topic=topic)
        threading.Event().wait(SETTLE_SECONDS)


def _summed_up(runs: Mapping[PubsubService, Sequence[Run]]) -> dict[str, Any]:
    """Return rates, the ratio of the broker's to the emulator's, and processor time in microseconds an event."""
    rates = {service: [run.rate.eps for run in each] for service, each in runs.items()}
    pairs = ratio(rates[PubsubService.BROKER], rates[PubsubService.GOOGLE_EMULATOR])
    return {
        "eps": {str(service): round(spread(each).median) for service, each in rates.items()},
        "quartiles": {str(service): spread(each).rounded(0) for service, each in rates.items()},
        "ratio": round(pairs.median, 2),
        "ratio_quartiles": pairs.rounded(2),
        "service_us": {
            str(service): round(spread([run.others["pubsub_emulator"] for run in each]).median, 1)
            for service, each in runs.items()
        },
        "client_us": {
            str(service): round(spread([run.rate.cpu_seconds_per_million for run in each]).median, 1)
            for service, each in runs.items()
        },
    }
