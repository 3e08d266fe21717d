"""A minute of fuzzing at most; ``python -m tests.fuzz`` is the rest of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.__main__ import stretches, together
from tests.fuzz.corpus import CONTRACTS, PAIRS, load
from tests.support.paths import ROOT


def test_no_bad_payload_crashes_raises_costs_much_or_is_read_wrongly() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--count", "50000"], cwd=ROOT, capture_output=True, text=True
    )
    found = json.loads(done.stdout)

    assert found["bad"] == []
    assert (done.returncode, found["crashes"], found["payloads"]) == (0, 0, 50_000)
    assert 0 < found["canonical"] < found["unchanged"] < found["accepted"] < 50_000


def test_the_corpus_has_as_many_contracts_as_it_says() -> None:
    subjects = load()
    pairs = [each for each in subjects if each.reader is not each.writer]

    assert len(pairs) == PAIRS
    assert len([each for each in subjects if each.reader is each.writer and len(each.payloads) > 1]) >= CONTRACTS


def test_a_process_that_dies_is_counted_and_the_next_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    child = "import os, sys; print('{\"payloads\": 100}') if int(sys.argv[4]) > 2 else os.abort()"
    dying = tmp_path / "dying"
    dying.write_text(f"#!{sys.executable}\n{child}\n")
    dying.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(dying))
    total = together(stretches(0, 5))

    assert total["crashes"] == 3
    assert total["payloads"] == 100
    assert total["bad"][0]["why"].startswith("exit -6 in batch 0")
