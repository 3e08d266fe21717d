"""Every rival moves a few events on the emulators, and what came of them is as it should be."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.registry import Registry
from stream.bench.end_to_end import Size, measure
from stream.bench.events import FLIGHTS, messages
from stream.bench.feed import feeding
from stream.bench.rivals import REQUEST_MESSAGES, BenchFailedError, child, provision, watch
from stream.clients import open_subscriber
from stream.engine.subscription import Subscription

pytestmark = pytest.mark.emulators


def test_every_rival_moves_what_it_is_given_and_only_exactly_once_writes_each_event_once(
    emulators: object, tmp_path: Path
) -> None:
    said: list[str] = []
    size = Size(ours=10_000, handwritten=3_000, loop=1_000, ceiling=3_000, textbook=50, rounds=1)
    found = measure(FLIGHTS, size, tmp_path, said.append)
    assert all(found[f"{name}_eps"] > 0 for name in ("ours", "handwritten", "loop", "ceiling", "textbook"))
    assert len(said) == 5
    ((rows, ids),) = found["rows_beside_ids"]["ours"]
    assert rows == ids < size.ours
    ((rows, ids),) = found["rows_beside_ids"]["textbook"]
    assert rows == size.textbook > ids  # it does not deduplicate
    assert "ceiling" not in found["rows_beside_ids"]


def test_a_feed_is_never_further_ahead_than_it_may_be(project: str) -> None:
    #  5 requests|3 fit ahead of nothing done|one done: one more|all done: the rest
    registry = Registry.load()
    registry = Registry({each.ref: each for each in registry if each.subject == FLIGHTS})
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


def test_a_rival_that_ends_before_it_is_done_is_named_with_what_it_said(emulators: object, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        child([sys.executable, "-c", "raise SystemExit('no such subscription')"], {}, log) as process,
        pytest.raises(BenchFailedError, match="peer: stopped at 0 of 10 messages; it said: no such subscription"),
    ):
        watch(process, 10, "peer", log)
