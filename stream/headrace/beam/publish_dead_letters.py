"""Publish dead letters, as a Beam transform."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import apache_beam as beam

from headrace.core.dead_letter import DeadLetter, Sender, publish_letters
from headrace.runtime.google_clients import open_gapic_publisher


class _PublishFn(beam.DoFn):
    def __init__(self, topic: str, sender: Sender) -> None:
        self._topic = topic
        self._sender = sender

    def setup(self) -> None:
        self._publisher = open_gapic_publisher()

    def start_bundle(self) -> None:
        self._dead_letters: list[DeadLetter] = []

    def process(self, dead_letter: DeadLetter) -> None:
        self._dead_letters.append(dead_letter)

    def finish_bundle(self) -> None:
        publish_letters(self._publisher, self._topic, self._dead_letters, self._sender, datetime.now(UTC))


@dataclass
class PublishDeadLetters(beam.PTransform[Any, Any]):
    """A transform that publishes every dead letter, and ends the bundle only when each is confirmed."""

    topic: str
    sender: Sender

    def expand(self, dead_letters: beam.PCollection[Any]) -> Any:
        """Publish in the stage that refused the messages, so that no raw message crosses a shuffle."""
        return dead_letters | "Publish" >> beam.ParDo(_PublishFn(self.topic, self.sender))
