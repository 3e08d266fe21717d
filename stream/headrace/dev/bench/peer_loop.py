"""Peer before the tuned one: a single loop that pulls messages, inserts them, and acknowledges.

``python -m headrace.dev.bench.peer_loop <project> <subject> <total>``. It delivers at least once, and uses the clients
as their documentation shows them. Messages that it cannot use go to a dead-letter topic.
"""

from __future__ import annotations

import os
import sys
from typing import Final

from google.api_core.exceptions import DeadlineExceeded
from google.pubsub_v1 import SubscriberClient

from headrace.core.message import Message
from headrace.core.resource_names import Names
from headrace.dev.bench.peer_outputs import DeadLetters, insert_rows, with_ids
from headrace.dev.bench.textbook import Textbook
from headrace.dev.bench.ticks import Ticker
from headrace.runtime.google_clients import open_bigquery, open_subscriber
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES

PULL_SECONDS: Final = 10.0


def main(project: str, subject: str, total: int, subscriber: SubscriberClient) -> None:
    """Run until *total* messages are acknowledged."""
    registry, names, ticker = Registry.load(SAMPLES), Names(project), Ticker(total)
    subscription, client = names.subscription(subject), open_bigquery(project)
    table = f"{project}.{names.dataset}.{registry.latest(subject).options.table}"
    path, dead_letters = Textbook(registry, subject, os.urandom(32)), DeadLetters(names.dead_letter_topic)
    done = False
    while not done:
        try:
            response = subscriber.pull(subscription=subscription, max_messages=1000, timeout=PULL_SECONDS)
        except DeadlineExceeded:
            continue
        received = response.received_messages
        messages = [Message(subject, one.message.data, dict(one.message.attributes), "", 0) for one in received]
        events, unreadable = path.decode_or_refuse(messages)
        refused = insert_rows(client, table, path.row(path.dedupe(path.mask(events))))
        dead_letters.publish([*unreadable, *with_ids(messages, refused)])
        if received:
            subscriber.acknowledge(subscription=subscription, ack_ids=[one.ack_id for one in received])
            done = ticker.add(len(received))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), open_subscriber())
