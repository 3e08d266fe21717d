"""What is said of a file of cases that is wrong, or that does not fit its contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.dev.contract_tests.case_file import CaseFile, CaseFileError
from headrace.dev.contract_tests.find_cases import case_files, contracts_beside
from tests.support.cases import run_text

GOOD = """subject: flight_departed
cases:
- name: a case
  given:
  - event:
      carrier: UA
      flight: 1545
      origin: EWR
      destination: IAH
      scheduled_at: 2025-12-31T05:15:00Z
      distance_miles: 1400
      cancelled: false
  expect:
    rows:
    - carrier: UA
"""


def test_the_default_time_is_the_first_of_2026() -> None:
    (result,) = run_text(GOOD + "      _ingested_at: 2026-01-01T00:00:00Z")
    assert result.passed


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("subject:", "subjekt:", "c.yaml, line 1: subjekt: no such key; did you mean subject?"),
        (
            "subject: flight_departed",
            "subject: flight",
            "line 1: subject: no contract for subject 'flight' in ",
        ),
        ("- name: a case", "- nam: a case", "c.yaml, line 3: cases[0].nam: no such key; did you mean name?"),
        ("name: a case", "name: ''", "line 3: cases[0].name: must have at least 1 character; write name: a short"),
        ("  - event:\n", "  - evnt:\n", "line 5: cases[0].given[0].evnt: no such key; did you mean event?"),
        ("flight: 1545", "flight: 1_545", "line 7: cases[0].given[0].event.flight: flight: text that is not a value"),
        ("      flight: 1545\n", "", "line 5: cases[0].given[0].event.flight: flight: missing, and it has no default"),
        ("flight: 1545", "fligth: 1545", "line 7: cases[0].given[0].event.fligth: fligth: the contract has no such"),
        ("flight: 1545", "flight: 1\n      flight: 2", "line 8: the same key twice in one mapping; remove one of them"),
        ("  expect:", "  - {hex: f}\n  expect:", "line 13: cases[0].given[1].hex: not bytes in hexadecimal; correct"),
        ("  expect:", "  - {hex: 12}\n  expect:", "line 13: cases[0].given[1].hex: not bytes in hexadecimal; correct"),
        ("  expect:", "  - {base64: a}\n  expect:", "line 13: cases[0].given[1].base64: not bytes in base64; correct"),
        (
            "  expect:",
            "  - {}\n  expect:",
            "line 13: cases[0].given[1]: not exactly one payload; write one of event, h",
        ),
        ("  expect:", "  - {hex: '', base64: ''}\n  expect:", "cases[0].given[1]: not exactly one payload; write one"),
        (
            "  - event:",
            "  - version: 7\n    event:",
            "line 5: cases[0].given[0].version: no contract flight_departed.v7",
        ),
        (
            "  given:",
            "  now: yesterday\n  given:",
            "line 4: cases[0].now: not RFC 3339; write a time as 2026-01-31T13:45:00Z",
        ),
        ("  given:", "  now: 12\n  given:", "line 4: cases[0].now: not a time; write a time with its offset, such as"),
        ("    rows:\n", "    rows: 1\n    row:\n", "line 15: cases[0].expect.row: no such key; did you mean rows?"),
        ("    rows:\n    - carrier: UA\n", "    rows: -1", "line 14: cases[0].expect.rows: neither a list of rows nor"),
        (
            "    rows:\n    - carrier: UA\n",
            "    rows: true",
            "line 14: cases[0].expect.rows: neither a list of rows nor",
        ),
        ("    - carrier:", "    - carier:", "cases[0].expect.rows[0].carier: the table has no such column; did you"),
        (
            "    - carrier: UA",
            "    - flight: UA",
            "line 15: cases[0].expect.rows[0].flight: text that is not a value of",
        ),
        (
            "    - carrier: UA",
            "    - cancelled: 1",
            "rows[0].cancelled: not a value of this field (got int); give True",
        ),
        ("    - carrier: UA", "    - carrier: null", "rows[0].carrier: not a value of this field (got NoneType); give"),
        (
            "    rows:",
            "    letters: [{reason: late}]\n    rows:",
            "line 14: cases[0].expect.letters[0].reason: must be",
        ),
        (
            "    rows:",
            "    masks: {carrier: hide}\n    rows:",
            "line 14: cases[0].expect.masks.carrier: must be 'redact'",
        ),
        (
            "    rows:",
            "    masks: {carier: omit}\n    rows:",
            "expect.masks.carier: the contract has no such field; did y",
        ),
        (
            "    rows:",
            "    duplicates: -1\n    rows:",
            "expect.duplicates: must be greater than or equal to 0; write d",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_line_reason_and_remedy(old: str, new: str, says: str) -> None:
    assert GOOD.count(old) == 1 or old == "  expect:"
    with pytest.raises(CaseFileError) as refused:
        run_text(GOOD.replace(old, new))
    assert says in str(refused.value)
    for secret in ("1_545", "yesterday", "hide"):
        assert secret not in str(refused.value)


def test_an_omitted_field_has_no_column() -> None:
    text = "subject: booking_created\ncases:\n- {name: a, given: [hex: ''], expect: {rows: [{card_number: null}]}}"
    with pytest.raises(CaseFileError, match="an omitted field has no column; remove it, and write card_number: omit"):
        run_text(text)


def test_two_cases_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.test.yaml"
    path.write_text(GOOD + GOOD.split("cases:\n")[1])
    with pytest.raises(CaseFileError, match=r"line 16: cases\[1\].name: another case has this name; write another"):
        CaseFile.read(path)


def test_files_are_found_below_folders_each_once_and_contracts_above_them(tmp_path: Path) -> None:
    below = tmp_path / "contracts" / "tests"
    below.mkdir(parents=True)
    for name in (
        "contracts/a.v1.avsc",
        "contracts/b.test.yml",
        "contracts/tests/a.test.yaml",
        "contracts/tests/a.yaml",
    ):
        (tmp_path / name).touch()
    found = case_files([tmp_path, below, below / "a.test.yaml"])
    assert [each.name for each in found] == ["b.test.yml", "a.test.yaml"]
    assert case_files([below / "a.yaml"]) == [below / "a.yaml"]
    assert [contracts_beside(each) for each in found] == [tmp_path / "contracts"] * 2
    assert contracts_beside(tmp_path / "x.test.yaml") is None
