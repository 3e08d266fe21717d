"""A stream delivers while its client has room, and waits without using the processor."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headrace.dev.broker.streaming_pull import Stream
from headrace.dev.broker.wire import StreamingPullRequest
from tests.dev.broker.local import SUBSCRIPTION, Local, texts


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Local]:
    opened = Local(tmp_path / "broker.db")
    yield opened
    opened.close()


def a_stream(local: Local, limit: int) -> Stream:
    request = StreamingPullRequest(
        subscription=SUBSCRIPTION, stream_ack_deadline_seconds=10, max_outstanding_messages=limit
    )
    return Stream(local.queue(), request)


def received(local: Local, stream: Stream) -> list[Any]:
    return [each for response in local.call(stream.responses) for each in response.received_messages]


def waits(local: Local, stream: Stream) -> bool:
    """Whether the stream has nothing to do for a moment."""

    async def moment() -> bool:
        try:
            await asyncio.wait_for(stream.wait(), 0.05)
        except TimeoutError:
            return True
        return False

    return local.run(moment())


def test_a_stream_gets_no_more_than_it_has_room_for(local: Local) -> None:
    local.subscribe()
    local.publish("a", "b", "c")
    stream = a_stream(local, limit=2)
    first = received(local, stream)
    assert texts(first) == ["a", "b"]
    assert received(local, stream) == []
    local.acknowledge(first[:1])
    assert texts(received(local, stream)) == ["c"]


def test_a_stream_gets_no_more_bytes_than_it_has_room_for(local: Local) -> None:
    local.subscribe()
    local.publish("a" * 400, "b" * 400, "c")
    stream = Stream(
        local.queue(),
        StreamingPullRequest(subscription=SUBSCRIPTION, stream_ack_deadline_seconds=10, max_outstanding_bytes=500),
    )
    first = received(local, stream)
    assert [each[0] for each in texts(first)] == ["a", "b"]
    assert received(local, stream) == []
    local.acknowledge(first)
    assert texts(received(local, stream)) == ["c"]


def test_a_seek_gives_a_stream_its_room_back(local: Local) -> None:
    queue = local.subscribe(retain_acked_messages=True)
    local.publish("a")
    stream = a_stream(local, limit=1)
    received(local, stream)
    local.call(lambda: local.broker.retention.seek(queue, 0))
    assert texts(received(local, stream)) == ["a"]


def test_a_full_stream_waits_though_messages_are_due(local: Local) -> None:
    local.subscribe()
    local.publish("a", "b")
    other = local.pull(1)
    stream = a_stream(local, limit=1)
    assert texts(received(local, stream)) == ["b"]
    local.refuse(other)
    assert waits(local, stream)
    assert texts(local.pull()) == ["a"]


def test_room_comes_back_when_a_lease_ends(local: Local) -> None:
    local.subscribe()
    local.publish("a")
    stream = a_stream(local, limit=1)
    received(local, stream)
    assert waits(local, stream)
    local.now += 11.0
    assert not waits(local, stream)
    assert texts(received(local, stream)) == ["a"]
