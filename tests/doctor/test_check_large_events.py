"""What `headrace doctor` says of the buckets of large events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from headrace.doctor.check_large_events import look_at_large_events
from headrace.doctor.findings import Level
from tests.support.buckets import VARIABLE, a_bucket


class Buckets:
    """A client whose caller holds some permissions; no emulator has any."""

    def __init__(self, *held: str) -> None:
        self.held = [*held]

    def bucket(self, name: str) -> Buckets:
        return self

    def test_iam_permissions(self, wanted: Sequence[str], timeout: float) -> list[str]:
        return [each for each in wanted if each in self.held]


def test_a_bucket_exists_or_does_not(tmp_path: Path) -> None:
    with a_bucket(tmp_path) as bucket:
        there, missing = look_at_large_events([f"gs://{bucket.name}/a", f"gs://{bucket.name}/b", "gs://not-there"])
    assert (there.level, there.subject) == (Level.OK, f"gs://{bucket.name}")
    assert (missing.level, missing.subject) == (Level.PROBLEM, "gs://not-there")


@pytest.mark.parametrize(("held", "level"), [(["storage.objects.get"], Level.OK), ([], Level.PROBLEM)])
def test_objects_may_be_read_or_not(held: list[str], level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    client: Any = Buckets(*held)
    (found,) = look_at_large_events(["gs://acme-large/orders"], lambda: client)
    assert found.level is level
    assert found.subject == "gs://acme-large"
