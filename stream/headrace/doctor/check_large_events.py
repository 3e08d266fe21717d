"""The buckets of large events: whether they exist, and whether these credentials may read their objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from google.api_core.exceptions import NotFound

from headrace.doctor.check_services import is_emulated
from headrace.doctor.findings import Finding, Level, ok
from headrace.runtime.google_clients import open_storage
from headrace.runtime.reachability import Service
from headrace.schemas.bucket_folder import bucket_folder

if TYPE_CHECKING:
    from google.cloud import storage

CALL_SECONDS: Final = 5.0
_READ: Final = "storage.objects.get"


def look_at_large_events(
    folders: Sequence[str], open_client: Callable[[], storage.Client] = open_storage
) -> Iterator[Finding]:
    """Ask each bucket that *folders* of the setting `large_events` name."""
    client = open_client()
    for bucket in dict.fromkeys(folder.bucket for folder in map(bucket_folder, folders) if folder is not None):
        yield _judge(f"gs://{bucket}", client.bucket(bucket))


def _judge(place: str, bucket: storage.Bucket) -> Finding:
    try:
        if is_emulated(Service.STORAGE):
            bucket.reload(timeout=CALL_SECONDS)
            return ok(place, "exists; an emulator has no permissions")
        held = bucket.test_iam_permissions([_READ], timeout=CALL_SECONDS)
    except NotFound:
        return Finding(Level.PROBLEM, place, "the bucket does not exist", "create it, or correct large_events")
    if _READ in held:
        return ok(place, "its objects may be read")
    return Finding(
        Level.PROBLEM, place, "its objects may not be read", "grant the job roles/storage.objectViewer on the bucket"
    )
