"""Objects of Cloud Storage, on its emulator: read as files are, piece by piece, and written once."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.cloud import storage

from headrace.backfill import buckets
from headrace.backfill.backfill_errors import BackfillError
from headrace.backfill.file_rounds import Task, rounds
from headrace.backfill.files import look_at, opened
from headrace.backfill.mapping import Mapping
from headrace.core.message import Message
from tests.backfill.test_backfill import NOW, a_mapping
from tests.integration.test_backfill import Place, flights
from tests.support.buckets import a_bucket, put
from tests.support.builders import FLIGHT
from tests.support.files import WRITERS

pytestmark = pytest.mark.emulators


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[storage.Bucket]:
    with a_bucket(tmp_path) as bucket:
        yield bucket


@pytest.fixture
def place(project: str, tmp_path: Path) -> Place:
    return Place(project, tmp_path)


def events_of(file: str | Path) -> list[tuple[bytes, str]]:
    files = look_at([file], FLIGHT, Mapping(), "test")
    messages: list[Message] = [each for found in rounds(Task(FLIGHT, Mapping(), files, NOW)) for each in found.messages]
    return [(each.data, each.attributes["ce-id"]) for each in messages]


def test_every_format_reads_as_it_does_from_a_disk_packed_or_not(tmp_path: Path, bucket: storage.Bucket) -> None:
    for name, write in WRITERS.items():
        path = write(tmp_path / f"flights.{name}", FLIGHT, flights(250))
        expected = events_of(path)
        assert len(expected) == 250
        assert events_of(put(bucket, path)) == expected, name
        if name != "parquet":
            assert events_of(put(bucket, path, packed=True)) == expected, name


def test_an_object_is_held_in_pieces_and_gets_another_key_when_it_changes(
    tmp_path: Path, bucket: storage.Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "PIECE_BYTES", 256 * 1024)
    path = tmp_path / "flights.csv"
    path.write_bytes(b"carrier,flight\n" * 500_000)
    (file,) = look_at([put(bucket, path)], FLIGHT, Mapping(), "test")
    with opened(file) as (content, raw):
        tracemalloc.start()
        read = sum(len(piece) for piece in iter(lambda: content.read(64 * 1024), b""))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert raw.tell() == read == file.size == 7_500_000
    assert most < 3_000_000
    path.write_bytes(b"carrier,flight\n")
    put(bucket, path)
    assert look_at([file.place], FLIGHT, Mapping(), "test")[0].key != file.key


def test_an_object_that_is_not_there_is_refused_before_anything_is_read(bucket: storage.Bucket) -> None:
    with pytest.raises(BackfillError, match=r"gs://history/no\.csv: cannot be read \(NotFound\)"):
        look_at(["gs://history/no.csv"], FLIGHT, Mapping(), "test")
    with pytest.raises(BackfillError, match="write gs://BUCKET/NAME"):
        look_at(["gs://no.csv"], FLIGHT, Mapping(), "test")
    with pytest.raises(BackfillError, match="unpack it"):
        look_at(["gs://history/no.parquet.gz"], FLIGHT, Mapping(), "test")


def test_a_packed_object_is_backfilled_once(place: Place, bucket: storage.Bucket) -> None:
    path = WRITERS["csv"](place.folder / "day.csv", FLIGHT, flights(300))
    address = put(bucket, path, packed=True)
    done = place.backfill(address, options=["--mapping", str(a_mapping(place.folder, 'source = "/archive"'))])
    assert (done.code, done.counts["written"]) == (0, 300), done.output
    again = place.backfill(address, options=["--mapping", str(a_mapping(place.folder, 'source = "/archive"'))])
    assert (again.code, again.counts["lines"], again.counts["written"]) == (0, 0, 0), again.output
