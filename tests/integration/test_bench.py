"""Every contender moves a few events on the emulators, and what came of them is as it should be."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.types import PullResponse

from headrace.dev.bench import peer_consumer, peer_loop
from headrace.dev.bench.bench_events import FLIGHTS, messages
from headrace.dev.bench.end_to_end import Size, measure, only
from headrace.dev.bench.feed import feeding
from headrace.dev.bench.peers import REQUEST_MESSAGES, BenchFailedError, child, count_rows, provision, publish, watch
from headrace.engine.pubsub_calls import Subscription
from headrace.runtime.google_clients import open_subscriber
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES

pytestmark = pytest.mark.emulators


def test_every_contender_moves_what_it_is_given_and_only_exactly_once_writes_each_event_once(
    emulators: object, tmp_path: Path
) -> None:
    reported: list[str] = []
    size = Size(ours=40_000, handwritten=20_000, loop=10_000, ceiling=20_000, textbook=50, rounds=1)
    found = measure(FLIGHTS, size, tmp_path, reported.append)
    assert all(found[f"{name}_eps"] > 0 for name in ("ours", "handwritten", "loop", "ceiling", "textbook"))
    assert len(reported) == 5
    ((rows, ids),) = found["rows_beside_ids"]["ours"]
    assert rows == ids < size.ours
    ((rows, ids),) = found["rows_beside_ids"]["textbook"]
    assert rows == size.textbook > ids  # it does not deduplicate
    assert "ceiling" not in found["rows_beside_ids"]


def test_a_feed_is_never_further_ahead_than_it_may_be(project: str) -> None:
    #  5 requests|3 fit ahead of nothing done|one done: one more|all done: the rest
    registry = only(Registry.load(SAMPLES), FLIGHTS)
    names = provision(registry, project)
    subscription = Subscription(open_subscriber(), names.subscription(FLIGHTS))
    some = messages(registry, FLIGHTS, 5 * REQUEST_MESSAGES - 1, datetime.now(UTC))
    with feeding(names, some, ahead=3 * REQUEST_MESSAGES) as feed:
        assert taken_from(subscription) == 3 * REQUEST_MESSAGES
        feed.reached(REQUEST_MESSAGES)
        assert taken_from(subscription) == REQUEST_MESSAGES
        feed.reached(4 * REQUEST_MESSAGES)
        assert taken_from(subscription) == REQUEST_MESSAGES - 1


def taken_from(subscription: Subscription) -> int:
    """How many messages there are, taken until a pull finds none for a while."""
    count = 0
    while received := subscription.pull(1000, 2.0):
        count += len(received)
        subscription.acknowledge([each.ack_id for each in received])
    return count


def test_a_contender_that_ends_early_is_named_with_its_last_line(emulators: object, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        child([sys.executable, "-c", "raise SystemExit('no such subscription')"], {}, log) as process,
        pytest.raises(BenchFailedError, match="peer: stopped at 0 of 10 messages; its last line: no such subscription"),
    ):
        watch(process, 10, "peer", log)


class _SometimesEmpty:
    """A subscriber whose every second pull finds nothing, as on a quiet subscription."""

    def __init__(self) -> None:
        self._subscriber = open_subscriber()
        self._turn = itertools.count()

    def pull(self, **arguments: Any) -> PullResponse:
        return self._subscriber.pull(**arguments) if next(self._turn) % 2 else PullResponse()

    def acknowledge(self, **arguments: Any) -> None:
        self._subscriber.acknowledge(**arguments)


def run_consumer(project: str, subject: str, total: int, subscriber: SubscriberClient) -> None:
    peer_consumer.main(project, subject, total, 2, subscriber)


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(run_consumer, id="tuned"),
        pytest.param(peer_loop.main, id="loop"),
    ],
)
def test_a_hand_written_peer_survives_empty_pulls_and_messages_that_it_cannot_read(
    run: Callable[[str, str, int, Any], None], project: str
) -> None:
    registry = only(Registry.load(SAMPLES), FLIGHTS)
    names = provision(registry, project)
    good = messages(registry, FLIGHTS, 9, datetime.now(UTC))
    bad = [
        replace(good[0], attributes={"ce-id": "no-version"}),
        replace(good[1], data=good[1].data[:-3]),
        replace(good[2], data=b"\xff" * 40),
    ]
    publish(names, [*good[:4], *bad, *good[4:]])
    run(project, FLIGHTS, len(good) + len(bad), _SometimesEmpty())
    assert count_rows(names, registry.latest(FLIGHTS).options.table) == len({each.attributes["ce-id"] for each in good})
    letters = Subscription(open_subscriber(), names.dead_letter_subscription).pull(10, 5.0)
    assert sorted(each.message.data for each in letters) == sorted(each.data for each in bad)
    assert taken_from(Subscription(open_subscriber(), names.subscription(FLIGHTS))) == 0
