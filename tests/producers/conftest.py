"""Fixtures of tests of the SDK."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.publish_server import PublishServer, serving


@pytest.fixture
def pubsub(monkeypatch: pytest.MonkeyPatch) -> Iterator[PublishServer]:
    """A server of the topic of flights in the project travel, to which ``PUBSUB_EMULATOR_HOST`` points."""
    handler = PublishServer("projects/travel/topics/flight_departed")
    with serving(handler) as port:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{port}")
        yield handler
