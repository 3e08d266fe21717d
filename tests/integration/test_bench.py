"""Every rival moves a few events on the emulators, and what came of them is as it should be."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from stream.bench.end_to_end import Size, measure
from stream.bench.events import FLIGHTS
from stream.bench.rivals import BenchFailedError, child, watch

pytestmark = pytest.mark.emulators


def test_every_rival_moves_what_it_is_given_and_only_exactly_once_writes_each_event_once(
    emulators: object, tmp_path: Path
) -> None:
    said: list[str] = []
    size = Size(ours=10_000, handwritten=3_000, loop=1_000, ceiling=3_000, textbook=50, rounds=1)
    found = measure(FLIGHTS, size, tmp_path, said.append)
    assert all(found[f"{name}_eps"] > 0 for name in ("ours", "handwritten", "loop", "ceiling", "textbook"))
    assert len(said) == 5
    ((rows, ids),) = found["rows_beside_ids"]["ours"]
    assert rows == ids < size.ours
    ((rows, ids),) = found["rows_beside_ids"]["textbook"]
    assert rows == size.textbook > ids  # it does not deduplicate
    assert "ceiling" not in found["rows_beside_ids"]


def test_a_rival_that_ends_before_it_is_done_is_named_with_what_it_said(emulators: object, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        child([sys.executable, "-c", "raise SystemExit('no such subscription')"], {}, log) as process,
        pytest.raises(BenchFailedError, match="peer: stopped at 0 of 10 messages; it said: no such subscription"),
    ):
        watch(process, 10, "peer", log)
