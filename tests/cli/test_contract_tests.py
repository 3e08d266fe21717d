"""``headrace test`` as a person or a pipeline of CI meets it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from headrace.cli.app import main
from headrace.errors import Exit
from headrace.schemas.samples import SAMPLES

CASES = """subject: flight_departed
cases:
- name: a flight becomes a row
  given:
  - event: &flight {carrier: UA, flight: 1, origin: EWR, destination: IAH, scheduled_at: 2025-12-31T05:15:00Z,
                    distance_miles: 1400, cancelled: false}
  expect: {rows: [{carrier: UA}]}
- name: a late flight
  given: [event: {<<: *flight, scheduled_at: 2020-12-31T05:15:00Z}]
  expect: {rows: [{carrier: DL}]}
"""
FAILED = """\
flights.test.yaml
  passed  a flight becomes a row
  FAILED  a late flight (line 8)
            letters: expected 0, got 1 (too_late: the event is older than late_after allows)
            rows: expected 1, got 0
"""


@pytest.fixture(autouse=True)
def _place(nothing_set: None) -> None:
    """A folder with contracts, and one file of cases in it."""
    for contract in SAMPLES.glob("*.avsc"):
        Path(contract.name).write_bytes(contract.read_bytes())
    Path("flights.test.yaml").write_text(CASES)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Exit:
    monkeypatch.setattr(sys, "argv", ["headrace", "test", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return Exit(int(ended.value.code or 0))


def test_each_case_is_a_line_and_a_failed_one_has_its_differences(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "flights.test.yaml") == Exit.FOUND
    shown = capsys.readouterr()
    assert shown.out == FAILED
    assert shown.err == "1 of 2 cases failed\n"


def test_cases_are_chosen_by_a_part_of_their_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, ".", "-k", "becomes") == Exit.DONE
    assert capsys.readouterr().err == "1 case passed\n"
    assert run(monkeypatch, ".", "--case", "nothing") == Exit.CONFIGURATION
    assert ".: no case has this text in its name; choose another text with --case" in capsys.readouterr().err


def test_json_has_every_case_and_the_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, ".", "--json") == Exit.FOUND
    shown = json.loads(capsys.readouterr().out)
    assert (shown["passed"], shown["failed"]) == (1, 1)
    assert shown["cases"][0] == {
        "file": "flights.test.yaml",
        "line": 3,
        "subject": "flight_departed",
        "case": "a flight becomes a row",
        "passed": True,
        "failures": [],
    }
    assert shown["cases"][1]["failures"][1] == {"where": "rows", "expected": "1", "got": "0"}
    assert run(monkeypatch, ".", "--format", "ndjson") == Exit.FOUND
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == shown["cases"]


def test_the_folder_of_the_contracts_is_the_default_and_needs_no_project(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch) == Exit.CONFIGURATION
    assert "contracts: missing; name the folder of your .avsc files with --contracts" in capsys.readouterr().err
    Path("headrace.toml").write_text('[profile.dev]\ncontracts = "."\n')
    monkeypatch.setenv("HEADRACE_PROFILE", "dev")
    assert run(monkeypatch, "-k", "becomes") == Exit.DONE
    Path("headrace.toml").write_text("contracts = 3\n")
    monkeypatch.delenv("HEADRACE_PROFILE")
    assert run(monkeypatch) == Exit.CONFIGURATION
    assert "headrace.toml, line 1: contracts: not text; write the name of a folder" in capsys.readouterr().err


def test_cases_elsewhere_name_the_folder_of_their_contracts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "f.test.yaml"
    elsewhere.write_text(CASES)
    assert run(monkeypatch, str(elsewhere), "-k", "becomes") == Exit.CONFIGURATION
    assert run(monkeypatch, str(elsewhere), "-k", "becomes", "--contracts", os.getcwd()) == Exit.DONE


def test_an_invalid_file_is_named_and_no_case_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("z.test.yaml").write_text("subject: flight_departed\nsubject: again\n")
    assert run(monkeypatch, ".") == Exit.CONFIGURATION
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "z.test.yaml, line 2: the same key twice in one mapping; remove one of them [HR-921]" in shown.err


def test_the_sample_cases_pass(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, str(SAMPLES)) == Exit.DONE, capsys.readouterr().out


def test_no_client_of_a_service_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection")

    monkeypatch.setattr("socket.socket.connect", refuse)
    assert run(monkeypatch, str(SAMPLES)) == Exit.DONE
