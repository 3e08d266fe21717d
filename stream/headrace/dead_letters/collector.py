"""Move letters from the dead-letter topic to the archive. Only the collector's account may do both."""

from __future__ import annotations

import threading
from typing import Any, Final

import structlog
from google.api_core.exceptions import DeadlineExceeded, GoogleAPICallError
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.types import PullResponse

from headrace.dead_letters.archive_append import ArchiveError
from headrace.dead_letters.archive_writer import ArchiveWriter
from headrace.dead_letters.letter import read_pieces
from headrace.runtime.call_failures import in_words
from headrace.runtime.retry_policy import Backoff

PULL_MESSAGES: Final = 1000
PULL_SECONDS: Final = 1.0
ACKNOWLEDGE_SECONDS: Final = 30.0
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
_LOG = structlog.get_logger("headrace")


class Collector:
    """The collector. It acknowledges a letter only after the archive has stored it, and runs until *stop* is set."""

    def __init__(
        self, subscriber: SubscriberClient, subscription: str, archive: ArchiveWriter, stop: threading.Event
    ) -> None:
        self._subscriber = subscriber
        self._subscription = subscription
        self._archive = archive
        self._stop = stop
        self.collected = 0

    def run(self) -> None:
        """Collect until *stop* is set. Log each new failure once, and retry with growing pauses."""
        backoff, logged = Backoff(FIRST_PAUSE, LONGEST_PAUSE), ""
        while not self._stop.is_set():
            try:
                self.collect()
            except (ArchiveError, GoogleAPICallError) as error:
                need = str(error) if isinstance(error, ArchiveError) else in_words(error, self._need)
                if need != logged:
                    _LOG.warning("collecting_failed", needs=need)
                logged = need
                self._stop.wait(next(backoff))
            else:
                if logged:
                    _LOG.info("collecting_recovered")
                backoff.reset()
                logged = ""

    def collect(self) -> int:
        """Move the messages of one pull; return their number.

        Raise ArchiveError and the client's errors. Pub/Sub then delivers the messages again.
        """
        received = self._pull()
        if received:
            self._archive.append_letters([piece for each in received for piece in read_pieces(each.message)])
            self._subscriber.acknowledge(
                subscription=self._subscription,
                ack_ids=[each.ack_id for each in received],
                retry=None,
                timeout=ACKNOWLEDGE_SECONDS,
            )
            self.collected += len(received)
        return len(received)

    def _pull(self) -> list[Any]:
        try:
            response = self._subscriber.pull(
                subscription=self._subscription, max_messages=PULL_MESSAGES, retry=None, timeout=PULL_SECONDS
            )
        except DeadlineExceeded:
            return []
        return list(PullResponse.pb(response).received_messages)

    @property
    def _need(self) -> str:
        need = "the collector needs pubsub.subscriptions.consume on it"
        return f"{self._subscription}: {need}; create it with `headrace provision`"
