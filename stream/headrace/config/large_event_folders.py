"""Check of the setting `large_events`: folders of buckets."""

from __future__ import annotations

from headrace.schemas.bucket_folder import bucket_folder


def check_folder(address: str) -> str:
    """Return *address*; raises ValueError if it is not a folder of a bucket."""
    if bucket_folder(address) is None:
        raise ValueError("not the address of a bucket; write gs://BUCKET/FOLDER")
    return address
