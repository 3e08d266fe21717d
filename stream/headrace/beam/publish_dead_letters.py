"""Dead letters published as Beam carries them: a bundle ends only when each is confirmed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import apache_beam as beam

from headrace.core.dead_letter import DeadLetter, Sender, publish_letters
from headrace.runtime.google_clients import open_gapic_publisher


class _PublishFn(beam.DoFn):  # type: ignore[misc]
    def __init__(self, topic: str, sender: Sender) -> None:
        self._topic = topic
        self._sender = sender

    def setup(self) -> None:
        self._publisher = open_gapic_publisher()

    def start_bundle(self) -> None:
        self._letters: list[DeadLetter] = []

    def process(self, letter: DeadLetter) -> None:
        self._letters.append(letter)

    def finish_bundle(self) -> None:
        publish_letters(self._publisher, self._topic, self._letters, self._sender, datetime.now(UTC))


@dataclass
class PublishDeadLetters(beam.PTransform):  # type: ignore[misc]
    """Publish every dead letter, and end the bundle only when each is confirmed."""

    topic: str
    sender: Sender

    def expand(self, letters: beam.PCollection) -> Any:
        """Publish, in the stage that refused: raw messages cross no shuffle."""
        return letters | "Publish" >> beam.ParDo(_PublishFn(self.topic, self.sender))
