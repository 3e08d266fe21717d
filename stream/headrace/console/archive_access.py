"""Open the archive of the settings."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from headrace.bigquery.write_streams import WriteStreams
from headrace.config.key_files import read_archive_key
from headrace.config.settings import Settings
from headrace.dead_letters.archive_key import ArchiveKey
from headrace.dead_letters.archive_reader import ArchiveReader
from headrace.dead_letters.archive_writer import ArchiveNames, ArchiveWriter
from headrace.runtime.google_clients import open_bigquery, open_subscriber, open_write

if TYPE_CHECKING:
    from headrace.dead_letters.collector import Collector


def archive_names(settings: Settings) -> ArchiveNames:
    """Return project and dataset of the archive."""
    return ArchiveNames(settings.project, settings.archive_dataset)


def open_archive(settings: Settings) -> ArchiveWriter:
    """Open the archive for writing. Raises SettingsError without a key."""
    streams = WriteStreams(open_write(settings.project), settings.append_seconds)
    return ArchiveWriter(archive_names(settings), streams, _key(settings), lambda: datetime.now(UTC))


def open_reader(settings: Settings) -> ArchiveReader:
    """Open the archive for reading. Without a key, the reader returns lists and counts, but no payloads."""
    key = _key(settings) if settings.archive_key_file is not None else None
    return ArchiveReader(open_bigquery(settings.project), archive_names(settings), key)


@contextmanager
def collecting(settings: Settings) -> Iterator[None]:
    """Collect dead letters in a thread. Without a key, do nothing, because another process collects them."""
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
    """Return a collector, which ends when *stop* is set. Raises SettingsError without a key."""
    from headrace.dead_letters.collector import Collector  # reading letters needs no Pub/Sub client

    return Collector(open_subscriber(), settings.names.dead_letter_subscription, open_archive(settings), stop)


def _key(settings: Settings) -> ArchiveKey:
    return ArchiveKey.of(read_archive_key(settings.archive_key_file))
