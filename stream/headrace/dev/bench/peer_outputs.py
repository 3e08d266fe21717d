"""The outputs of the hand-written peers: rows by ``insertAll``, and refused messages on a topic."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from google.cloud import bigquery
from google.pubsub_v1.types import PubsubMessage

from headrace.core.message import Message
from headrace.dev.bench.textbook import Fields
from headrace.runtime.google_clients import open_gapic_publisher


class DeadLetters:
    """Publisher of refused messages to *topic*, with their bytes and attributes."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._publisher = open_gapic_publisher()

    def publish(self, refused: Sequence[Message]) -> None:
        """Publish all of them, and return after Pub/Sub has confirmed them."""
        if refused:
            letters = [PubsubMessage(data=each.data, attributes=dict(each.attributes)) for each in refused]
            self._publisher.publish(topic=self._topic, messages=letters)


def insert_rows(client: bigquery.Client, table: str, rows: Sequence[Fields]) -> set[str]:
    """Insert *rows* without insert ids; return the ids of events that BigQuery refuses; the others are inserted."""
    if not rows:
        return set()
    errors = client.insert_rows_json(table, rows, row_ids=[None] * len(rows), skip_invalid_rows=True)
    return {rows[error["index"]]["_event_id"] for error in errors}


def with_ids(messages: Sequence[Message], ids: Collection[str]) -> list[Message]:
    """Return the messages whose event has one of *ids*."""
    return [each for each in messages if each.attributes.get("ce-id") in ids] if ids else []
