"""The shell completes subjects, reasons, states and formats, and never sees an error.

Ids of letters are in ``tests/integration/test_dead_letters.py``.
"""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from headrace.core.dead_letter import Reason
from headrace.runtime.google_clients import BIGQUERY
from headrace.schemas.samples import SAMPLES
from tests.support.completion import complete

PROJECT = {"HEADRACE_PROJECT": "a-project", "HEADRACE_CONTRACTS": str(SAMPLES)}


def test_words_that_the_program_knows_are_completed(tmp_path: Path) -> None:
    assert complete("headrace dead-letters list --reason un", tmp_path) == [
        each.value for each in Reason if each.value.startswith("un")
    ]
    assert complete("headrace replay --state ", tmp_path) == ["open", "replayed", "discarded", "all"]
    assert complete("headrace audit --format n", tmp_path) == ["ndjson"]
    assert complete("headrace contracts check --format ", tmp_path) == ["text", "json", "junit", "github", "sarif"]
    assert complete("headrace tail parcel_sent --outcome d", tmp_path) == ["duplicate", "dropped", "dead_lettered"]


def test_subjects_are_those_of_the_contracts_wherever_they_are_named(tmp_path: Path) -> None:
    for folder, names in {"own": ("parcel_sent.v1", "parcel_sent.v2", "parcel_lost.v1"), "test": ("a_try.v1",)}.items():
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / f"{name}.avsc").touch()
    (tmp_path / "own" / "notes.txt").touch()
    (tmp_path / "headrace.toml").write_text('contracts = "own"\n[profile.try]\ncontracts = "test"\n')

    assert complete("headrace audit --subject ", tmp_path, **PROJECT) == ["booking_created", "flight_departed"]
    assert complete("headrace audit --subject p", tmp_path) == ["parcel_lost", "parcel_sent"]
    assert complete("headrace backfill --profile try ", tmp_path) == ["a_try"]
    named = complete(f"headrace audit --contracts {SAMPLES} --subject f", tmp_path)
    assert named == ["flight_departed"]


def test_versions_are_those_of_the_subject(tmp_path: Path) -> None:
    for name in ("parcel_sent.v1", "parcel_sent.v2", "parcel_sent.v10", "parcel_sent.vx", "parcel_lost.v3"):
        (tmp_path / f"{name}.avsc").touch()

    named = {"HEADRACE_CONTRACTS": str(tmp_path)}
    assert complete("headrace contracts show parcel_sent --version ", tmp_path, **named) == ["1", "2", "10"]
    assert complete("headrace contracts diff parcel_sent 1 ", tmp_path, **named) == ["1", "2", "10"]
    assert complete("headrace contracts diff nothing ", tmp_path, **named) == []
    assert complete("headrace contracts codegen . parcel_sent --version ", tmp_path, **named) == ["1", "2", "10"]
    assert complete("headrace contracts codegen . parcel_sent parcel_l", tmp_path) == ["parcel_lost"]


def test_an_archive_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        assert complete("headrace dead-letters show 3f", tmp_path, **PROJECT, **{BIGQUERY: address}) == []


@pytest.mark.parametrize(
    "words", ["headrace dead-letters show 3f", "headrace audit --subject ", "headrace publish b"], ids=str
)
def test_no_error_reaches_the_shell(words: str, tmp_path: Path) -> None:
    assert complete(words, tmp_path) == []
    (tmp_path / "headrace.toml").write_text("project = \n")
    assert complete(words, tmp_path) == []
