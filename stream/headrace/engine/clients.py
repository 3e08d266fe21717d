"""The clients that the engine talks to services with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from google.cloud import bigquery

from headrace.bigquery.write_streams import WriteStreams

if TYPE_CHECKING:  # imported while the engine takes its claim
    from google.pubsub_v1 import PublisherClient


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients of one subject. A thread that is about to wait long for the subject calls *make_room* before."""

    publisher: PublisherClient
    bigquery: bigquery.Client
    streams: WriteStreams
    make_room: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class EngineClients:
    """The clients of the engine. A claim needs those of BigQuery alone.

    *claim_streams* append claims, and wait for an answer no longer than a lease allows. *letters* looks at the place
    where dead letters are kept, and returns what is wrong with it.
    """

    open_publisher: Callable[[], PublisherClient]
    bigquery: bigquery.Client
    streams: WriteStreams
    claim_streams: WriteStreams
    letters: Callable[[], list[str]]

    @cached_property
    def publisher(self) -> PublisherClient:
        """The client that publishes dead letters, opened once."""
        return self.open_publisher()

    def for_subject(self, make_room: Callable[[], None] = lambda: None) -> Clients:
        """Return those that a subject uses."""
        return Clients(self.publisher, self.bigquery, self.streams, make_room)
