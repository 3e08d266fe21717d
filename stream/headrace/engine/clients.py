"""The clients that the engine talks to services with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from google.cloud import bigquery
from google.pubsub_v1 import PublisherClient

from headrace.bigquery.write_streams import WriteStreams


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients of one subject. A thread that is about to wait long for the subject calls *make_room* before."""

    publisher: PublisherClient
    bigquery: bigquery.Client
    streams: WriteStreams
    make_room: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class EngineClients:
    """The clients of the engine.

    *claim_streams* append claims, and wait for an answer no longer than a lease allows. *letters* looks at the place
    where dead letters are kept, and returns what is wrong with it.
    """

    publisher: PublisherClient
    bigquery: bigquery.Client
    streams: WriteStreams
    claim_streams: WriteStreams
    letters: Callable[[], list[str]]

    def for_subject(self, make_room: Callable[[], None] = lambda: None) -> Clients:
        """Return those that a subject uses."""
        return Clients(self.publisher, self.bigquery, self.streams, make_room)
