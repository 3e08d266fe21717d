"""`headrace contracts codegen`, as a person and a pipeline call it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from headrace.cli.app import app
from headrace.contract_code.event_module import MARK
from headrace.errors import Exit
from headrace.schemas.errors import ContractError, UnknownSchemaError
from tests.support.contract_folders import write_version

pytestmark = pytest.mark.usefixtures("nothing_set")
N = ("n", "int")
M = {"name": "m", "type": ["null", "int"], "default": None}
OUT = Path("src/events")


@pytest.fixture
def folder() -> Path:
    """Two versions of one contract, and one of another."""
    place = Path("contracts")
    write_version(place, 1, N)
    write_version(place, 2, N, M)
    write_version(place, 1, N, subject="lambda")
    return place


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["contracts", "codegen", *words])


def states(*words: str) -> dict[str, str]:
    result = run(*words, "--json")
    files: list[dict[str, Any]] = json.loads(result.stdout)["files"]
    return {each["file"]: each["state"] for each in files}


def test_each_subject_has_a_module(folder: Path) -> None:
    made = {"src/events/lambda_.py": "new", "src/events/thing_happened.py": "new"}
    assert states("contracts", "--output", str(OUT)) == made
    text = (OUT / "thing_happened.py").read_text()
    assert text.startswith(f"{MARK} from the contract thing_happened.v2.\n")
    assert "m: int | None = None" in text


def test_a_check_writes_nothing_and_finds_what_is_out_of_date(folder: Path) -> None:
    assert run("contracts", "--output", str(OUT), "--check").exit_code == Exit.FOUND
    assert not OUT.exists()
    assert run("contracts", "--output", str(OUT)).exit_code == Exit.DONE
    assert run("contracts", "--output", str(OUT), "--check").exit_code == Exit.DONE
    write_version(folder, 3, N, M, {"name": "k", "type": "int", "default": 1})
    result = run("contracts", "--output", str(OUT), "--check")
    assert (result.exit_code, "1 file out of date" in result.stderr) == (Exit.FOUND, True)
    assert "k: int" not in (OUT / "thing_happened.py").read_text()


def test_a_module_of_a_contract_that_is_gone_is_removed_and_other_files_stay(folder: Path) -> None:
    run("contracts", "--output", str(OUT))
    (OUT / "own.py").write_text("x = 1\n")
    (folder / "lambda.v1.avsc").unlink()
    assert run("contracts", "--output", str(OUT), "--check").exit_code == Exit.FOUND
    assert states("contracts", "thing_happened", "--output", str(OUT)) == {"src/events/thing_happened.py": "unchanged"}
    assert states("contracts", "--output", str(OUT))["src/events/lambda_.py"] == "left over"
    assert sorted(each.name for each in OUT.iterdir()) == ["own.py", "thing_happened.py"]


def test_one_subject_may_be_written_into_one_file_in_any_version(folder: Path) -> None:
    Path("headrace.toml").write_text('contracts = "contracts"\n')
    assert run("contracts", "thing_happened", "--output", "one.py", "--version", "1").exit_code == Exit.DONE
    assert "thing_happened.v1" in Path("one.py").read_text()
    for words in (["--output", "one.py"], ["--output", "out", "--version", "1"]):
        result = run(*words)
        assert (result.exit_code, "name one SUBJECT" in result.stderr) == (Exit.USAGE, True)


def test_what_cannot_be_written_is_an_error(folder: Path) -> None:
    assert isinstance(run("contracts", "nothing", "--output", "out").exception, UnknownSchemaError)
    assert isinstance(
        run("contracts", "thing_happened", "--output", "out", "--version", "9").exception, UnknownSchemaError
    )
    write_version(folder, 3, N, late_after="soon")
    assert isinstance(run("contracts", "--output", "out").exception, ContractError)
    assert not Path("out").exists()
    assert run("contracts", "lambda", "--output", "out").exit_code == Exit.DONE
