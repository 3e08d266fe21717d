"""Objects that Cloud Storage cannot send in pieces are refused when they are looked at."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from google.cloud import storage

from headrace.backfill import buckets
from headrace.backfill.backfill_errors import BackfillError


@pytest.mark.parametrize("content_type", ["application/gzip", "application/x-gzip"])
def test_an_object_that_is_packed_twice_is_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, content_type: str
) -> None:
    blob = SimpleNamespace(content_encoding="gzip", content_type=content_type)
    bucket = SimpleNamespace(get_blob=lambda name: blob)
    monkeypatch.setattr(buckets, "reach_storage", lambda place: None)
    monkeypatch.setattr(storage, "Client", lambda project: SimpleNamespace(bucket=lambda name: bucket))
    with pytest.raises(BackfillError, match=r"gs://days/1\.csv\.gz: .* in pieces .*; remove its Content-Encoding"):
        buckets.look_at_object("gs://days/1.csv.gz", "a-project")
