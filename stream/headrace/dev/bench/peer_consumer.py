"""Peer that most teams write first: pull, fastavro, mask, ``insertAll``, acknowledge, in a few threads.

``python -m headrace.dev.bench.peer_consumer <project> <subject> <total> <threads>``. It delivers at least once: rows
that were inserted but not acknowledged are inserted again, and other processes' ids are unknown. It is tuned as usual:
unary pulls without proto-plus, in threads of their own; 500 rows a request as BigQuery advises; no insert ids; a
session for each thread. It keeps running, as such a consumer must: it skips empty pulls, sends messages that it cannot
decode and rows that BigQuery refuses to a dead-letter topic, and leaves retries to Google's clients.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from google.api_core.exceptions import DeadlineExceeded, ServiceUnavailable
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.types import PullRequest, PullResponse

from headrace.core.message import Message
from headrace.core.resource_names import Names
from headrace.dev.bench.peer_outputs import DeadLetters, insert_rows, with_ids
from headrace.dev.bench.textbook import Textbook
from headrace.dev.bench.ticks import Ticker
from headrace.runtime.google_clients import open_bigquery, open_subscriber
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES

ROWS: Final = 500  # of one request: cloud.google.com/bigquery/quotas#streaming_inserts
PULLERS: Final = 2
PULL_SECONDS: Final = 10.0  # a pull that ends without an answer leaves its messages leased
FILL_SECONDS: Final = 0.1  # longest wait for a request to fill
IDLE_SECONDS: Final = 1.0  # longest time until an idle thread notices that all is done


class Consumer:
    """The shared state of the threads."""

    def __init__(self, project: str, subject: str, ticker: Ticker, subscriber: SubscriberClient) -> None:
        registry, names = Registry.load(SAMPLES), Names(project)
        self._project = project
        self._subject = subject
        self._subscription = names.subscription(subject)
        self._table = f"{project}.{names.dataset}.{registry.latest(subject).options.table}"
        self._path = Textbook(registry, subject, os.urandom(32))
        self._subscriber = subscriber
        self._dead_letters = DeadLetters(names.dead_letter_topic)
        self._ticker = ticker
        self._pulled: queue.Queue[list[Any]] = queue.Queue(maxsize=20)
        self.done = threading.Event()
        self.failure: BaseException | None = None

    def guarded(self, work: Callable[[], None]) -> None:
        """Run *work* in a thread; the main thread raises its exception."""
        try:
            work()
        except BaseException as error:
            self.failure = error
            self.done.set()

    def pull(self) -> None:
        """Pull messages, a little ahead of the threads that insert."""
        request = PullRequest(subscription=self._subscription, max_messages=ROWS)
        while not self.done.is_set():
            try:
                response = self._subscriber.pull(request=request, timeout=PULL_SECONDS, retry=None)
            except (DeadlineExceeded, ServiceUnavailable):
                continue
            received = list(PullResponse.pb(response).received_messages)
            if received:
                self._pulled.put(received)

    def insert(self) -> None:
        """Insert and acknowledge, request after request."""
        client, path = open_bigquery(self._project), self._path
        while not self.done.is_set():
            received = self._request()
            if not received:
                continue
            messages = [Message(self._subject, one.message.data, one.message.attributes, "", 0) for one in received]
            events, unreadable = path.decode_or_refuse(messages)
            refused = insert_rows(client, self._table, path.row(path.dedupe(path.mask(events))))
            self._dead_letters.publish([*unreadable, *with_ids(messages, refused)])
            self._subscriber.acknowledge(subscription=self._subscription, ack_ids=[one.ack_id for one in received])
            if self._ticker.add(len(received)):
                self.done.set()

    def _request(self) -> list[Any]:
        """Return the messages of a request, or fewer when no more come soon, or none after a while."""
        try:
            received = self._pulled.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            return []
        until = time.monotonic() + FILL_SECONDS
        while len(received) < ROWS:
            try:
                received += self._pulled.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
        return received


def main(project: str, subject: str, total: int, threads: int, subscriber: SubscriberClient) -> None:
    """Run until *total* messages are acknowledged; raises the error of a thread."""
    consumer = Consumer(project, subject, Ticker(total), subscriber)
    for work in [consumer.pull] * PULLERS + [consumer.insert] * threads:
        threading.Thread(target=consumer.guarded, args=(work,), daemon=True).start()
    consumer.done.wait()
    if consumer.failure is not None:
        raise consumer.failure


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), open_subscriber())
