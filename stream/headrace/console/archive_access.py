"""The archive that settings name, opened."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from headrace.bigquery.write_streams import WriteStreams
from headrace.config.settings import Settings, read_archive_key
from headrace.dead_letters.archive_key import ArchiveKey
from headrace.dead_letters.archive_reader import Reader
from headrace.dead_letters.archive_writer import Archive, ArchiveNames
from headrace.runtime.google_clients import open_bigquery, open_subscriber, open_write

if TYPE_CHECKING:
    from headrace.dead_letters.collector import Collector


def archive_names(settings: Settings) -> ArchiveNames:
    """Where the archive is."""
    return ArchiveNames(settings.project, settings.archive_dataset)


def open_archive(settings: Settings) -> Archive:
    """To append to; SettingsError without a key."""
    streams = WriteStreams(open_write(settings.project), settings.append_seconds)
    return Archive(archive_names(settings), streams, _key(settings), lambda: datetime.now(UTC))


def open_reader(settings: Settings) -> Reader:
    """To read; without a key lists and counts can be read, and no payload."""
    key = _key(settings) if settings.archive_key_file is not None else None
    return Reader(open_bigquery(settings.project), archive_names(settings), key)


@contextmanager
def collecting(settings: Settings) -> Iterator[None]:
    """Collect dead letters meanwhile, where there is a key to seal them with: elsewhere somebody else does."""
    if settings.archive_key_file is None:
        yield
        return
    stop = threading.Event()
    collector = open_collector(settings, stop)
    thread = threading.Thread(target=collector.run, name="letters", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def open_collector(settings: Settings, stop: threading.Event) -> Collector:
    """The collector, which ends when *stop* is set; SettingsError without a key."""
    from headrace.dead_letters.collector import Collector  # looking at letters needs no client of Pub/Sub

    return Collector(open_subscriber(), settings.names.dead_letter_subscription, open_archive(settings), stop)


def _key(settings: Settings) -> ArchiveKey:
    return ArchiveKey.of(read_archive_key(settings.archive_key_file))
