"""The parts of a running demo: start the job as a process, publish, and wait."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from google.cloud import bigquery
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.types import PubsubMessage

from headrace.core.resource_names import TALLIES, Names
from headrace.dev.demo.planting import Planted
from headrace.errors import Exit, HeadraceError
from headrace.runtime.processes import python, start

STALLED_SECONDS: Final = 60.0
DRAIN_SECONDS: Final = 60.0
REQUEST_MESSAGES: Final = 500
_POLL_SECONDS: Final = 0.5


class DemoFailedError(HeadraceError, RuntimeError, error_code="HR-913", exit_code=Exit.UNREACHABLE):
    """The demo failed. The message gives the reason."""


@contextmanager
def running_job(environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``headrace run`` as a child, and drain it at the end. It also ends if this process is killed."""
    with log.open("wb") as output:
        job = start(
            python("headrace", "run"),
            environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield job
    finally:
        drain(job, log)


def drain(job: subprocess.Popen[bytes], log: Path) -> None:
    """Ask the job to drain and wait for it."""
    if job.poll() is None:
        job.send_signal(signal.SIGTERM)
    try:
        code = job.wait(DRAIN_SECONDS)
    except subprocess.TimeoutExpired:
        job.kill()
        job.wait()
        raise DemoFailedError(f"the job did not drain within {DRAIN_SECONDS:.0f} s; see {log}") from None
    if code != 0:
        raise DemoFailedError(f"the job exited with code {code}; see {log}")


def publish(
    planting: Iterable[Planted], names: Names, publisher: PublisherClient, published: Callable[[int], None]
) -> int:
    """Publish all planted messages in requests of one topic each; return how many there were."""
    waiting: dict[str, list[PubsubMessage]] = {}
    total = 0
    for planted in planting:
        request = waiting.setdefault(planted.subject, [])
        request.append(_message(planted))
        if len(request) == REQUEST_MESSAGES:
            publisher.publish(topic=names.topic(planted.subject), messages=request)
            total += len(waiting.pop(planted.subject))
            published(total)
    for subject, request in waiting.items():
        publisher.publish(topic=names.topic(subject), messages=request)
        total += len(request)
    published(total)
    return total


def _message(planted: Planted) -> PubsubMessage:
    return PubsubMessage(data=planted.data, attributes=planted.attributes)


def wait_until_received(
    expected: int, job: subprocess.Popen[bytes], log: Path, count: Callable[[], int], progress: Callable[[int], None]
) -> None:
    """Wait until *count* has reached *expected*.

    Raises:
        DemoFailedError: the job ended, or made no progress for a minute.
    """
    pause = threading.Event()
    seen, moved = -1, time.monotonic()
    while (now := count()) < expected:
        if job.poll() is not None:
            raise DemoFailedError(f"the job exited with code {job.returncode}; see {log}")
        if now != seen:
            seen, moved = now, time.monotonic()
            progress(now)
        elif time.monotonic() - moved > STALLED_SECONDS:
            raise DemoFailedError(f"no progress for {STALLED_SECONDS:.0f} s at {now:,} of {expected:,}; see {log}")
        pause.wait(_POLL_SECONDS)
    progress(now)


def received(client: bigquery.Client, names: Names) -> int:
    """Return the number of tallied events that were received and have an outcome."""
    query = f"""
        SELECT
            COALESCE(SUM(IF(outcome = 'received', events, 0)), 0) AS received,
            COALESCE(SUM(IF(outcome != 'received', events, 0)), 0) AS settled
        FROM {names.sql(TALLIES)} WHERE tallied_at IS NOT NULL
    """  # noqa: S608 this project's own names
    row = next(iter(client.query_and_wait(query)))
    return int(min(row["received"], row["settled"]))
