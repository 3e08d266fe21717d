"""Beam's ReadFromPubSub, on its streaming DirectRunner. That runner takes no ``id_label``."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from headrace.runtime.google_clients import PUBSUB
from headrace.runtime.processes import start
from tests.conformance.conftest import Pubsub, Target
from tests.support.paths import ROOT

pytestmark = [pytest.mark.emulators, pytest.mark.timeout(180)]
SECONDS: Final = 90.0
COUNT: Final = 60  # the runner pulls ten at a time


class Reader:
    """A running pipeline, and the messages that it has printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._changed = threading.Condition()
        self.messages: list[dict[str, Any]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.messages) >= count, SECONDS), f"{len(self.messages)} came"
            return list(self.messages)

    def _read(self) -> None:
        for line in self._process.stdout or ():
            with self._changed:
                self.messages.append(json.loads(line))
                self._changed.notify_all()


@contextmanager
def reading(pubsub: Pubsub, *arguments: str) -> Iterator[Reader]:
    environment = {} if pubsub.target is Target.GOOGLE else {PUBSUB: pubsub.address}
    command = [sys.executable, "-m", "tests.conformance.beam_reader", *arguments]
    with start(command, environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT) as process:
        try:
            yield Reader(process)
        finally:
            process.kill()


def test_a_pipeline_gets_messages_with_attributes_and_acknowledges_them(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    ids = pubsub.publish(topic, *map(str, range(COUNT)), kind="ä", empty="")
    with reading(pubsub, "subscription", name) as reader:
        found = reader.wait_for(COUNT)
        assert pubsub.pull(name, seconds=2.0) == []
    assert {each["id"]: each["data"] for each in found} == dict(zip(ids, map(str, range(COUNT)), strict=True))
    assert all(each["attributes"] == {"kind": "ä", "empty": ""} for each in found)


def test_an_attribute_gives_the_time_of_an_element(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "a", at="2013-01-01T05:17:00Z")
    pubsub.publish(topic, "b", at="1357017420001")
    with reading(pubsub, "subscription", name, "at") as reader:
        found = {each["data"]: each["micros"] for each in reader.wait_for(2)}
    assert found == {"a": 1_357_017_420_000_000, "b": 1_357_017_420_001_000}


def test_without_an_attribute_the_time_is_that_of_the_publish(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    before = time.time()
    pubsub.publish(topic, "a")
    with reading(pubsub, "subscription", name) as reader:
        (found,) = reader.wait_for(1)
    assert before - 5 < found["micros"] / 1e6 < time.time() + 5


def test_a_pipeline_that_reads_a_topic_gets_a_subscription_of_its_own(pubsub: Pubsub) -> None:
    topic = pubsub.topic()
    with reading(pubsub, "topic", topic) as reader:
        deadline = time.monotonic() + SECONDS
        while not (names := list(pubsub.publisher.list_topic_subscriptions(topic=topic))):
            assert time.monotonic() < deadline, "no subscription"
            threading.Event().wait(0.2)
        pubsub.publish(topic, "a", "b")
        assert sorted(each["data"] for each in reader.wait_for(2)) == ["a", "b"]
    for name in names:
        pubsub.subscriber.delete_subscription(subscription=name)
