"""docs/contract-check.md: every example of every rule, the pipelines, and what the command prints."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from typer.testing import CliRunner

from headrace.cli.app import app
from headrace.contract_check.findings import Finding
from headrace.contract_check.reports import ReportFormat
from headrace.schemas.compatibility.rules import Compatibility, Rule
from headrace.schemas.personal_names import PERSONAL_NAMES
from headrace.schemas.registry import read_folder
from tests.support.builders import contract_json
from tests.support.contract_folders import check_folder, commit_all, write_contract
from tests.support.paths import ROOT
from tests.support.transcripts import steps

PAGE = (ROOT / "docs" / "contract-check.md").read_text()
README = (ROOT / "README.md").read_text()
SECTIONS = re.findall(r"^### ([A-Z_]+)\n(.*?)(?=^### |\Z)", PAGE, re.DOTALL | re.MULTILINE)
BIN = Path(sys.executable).parent


class Example(NamedTuple):
    """The three versions of one rule; without *before*, a contract breaks it by itself."""

    before: dict[str, Any] | None
    breaks: dict[str, Any]
    keeps: dict[str, Any]
    in_place: bool


def example_of(section: str) -> Example:
    (code,) = re.findall(r"^```json\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    parts = dict(re.findall(r"^// (before|breaks|keeps)[^\n]*\n((?:(?!//).*\n)+)", code, re.MULTILINE))
    before = contract_of(parts["before"]) if "before" in parts else None
    return Example(before, contract_of(parts["breaks"]), contract_of(parts["keeps"]), "in the same version" in code)


def contract_of(lines: str) -> dict[str, Any]:
    """The contract of fields, and of annotations, one a line."""
    fields = [json.loads(line.replace("...", "." * 1_024)) for line in lines.splitlines() if line.startswith("{")]
    pairs = ",".join(line for line in lines.splitlines() if line.startswith('"'))
    annotations = json.loads(f"{{{pairs}}}")
    contract = contract_json(*fields, **annotations)
    if any("pii" in field for field in fields):
        contract["fields"][-1]["pii"] = "none"
    return contract


def findings(folder: Path, example: Example, newer: dict[str, Any], version: int) -> list[Finding]:
    """What a check finds with the newer version, beside the published one if there is one."""
    published = {}
    if example.before is not None:
        write_contract(folder, 1, example.before)
        published = read_folder(folder).contracts
    write_contract(folder, version, newer)
    return [each for each in check_folder(folder, published).findings if not each.waived]


def test_each_rule_has_a_section_in_the_order_of_the_code() -> None:
    assert [rule for rule, _ in SECTIONS] == [*Rule]


@pytest.mark.parametrize(("rule", "section"), SECTIONS, ids=[rule for rule, _ in SECTIONS])
def test_the_example_that_breaks_a_rule_breaks_it(rule: str, section: str, tmp_path: Path) -> None:
    example = example_of(section)
    found = findings(tmp_path, example, example.breaks, 1 if example.before is None or example.in_place else 2)

    assert rule in {each.rule for each in found}
    assert all(each.line > 1 for each in found if "{" not in each.remedy and rule in ("TYPE_CHANGED", "MASK_WEAKENED"))


@pytest.mark.parametrize(("rule", "section"), SECTIONS, ids=[rule for rule, _ in SECTIONS])
def test_the_example_that_keeps_a_rule_breaks_none(rule: str, section: str, tmp_path: Path) -> None:
    example = example_of(section)
    assert findings(tmp_path, example, example.keeps, 1 if example.before is None else 2) == []


def test_the_first_example_prints_what_the_page_says(nothing_set: None, monkeypatch: pytest.MonkeyPatch) -> None:
    (step,) = steps(PAGE)
    contract = re.findall(r"^```json\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)[0]
    without_ip = re.sub(r",\n[^\n]*\"ip\"[^\n]*", "", contract)
    Path("contracts").mkdir()
    Path("contracts/order_placed.v1.avsc").write_text(contract)
    Path("contracts/order_placed.v2.avsc").write_text(without_ip.replace('"scale": 2', '"scale": 4'))
    monkeypatch.setenv("COLUMNS", "80")
    result = CliRunner().invoke(app, step.command.split()[1:])

    assert (result.stdout + result.stderr).splitlines() == step.printed
    assert result.exit_code == 1


def test_the_waiver_of_the_page_is_one_in_both_forms(tmp_path: Path) -> None:
    (waivers,) = re.findall(r'^("waivers": \[.*?^\])', PAGE, re.DOTALL | re.MULTILINE)
    (toml,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    ip = ("ip", "string")
    write_contract(tmp_path, 1, contract_json(("n", "int"), ip))
    write_contract(tmp_path, 2, contract_json(("n", "int"), **json.loads(f"{{{waivers}}}")))
    (inline,) = check_folder(tmp_path, {}).findings
    schema = contract_json(("n", "int"))
    lines = [f"{key} = {json.dumps(value)}" for key, value in schema.pop("headrace").items()]
    write_contract(tmp_path, 2, schema)
    (tmp_path / "thing_happened.v2.headrace.toml").write_text("\n".join([*lines, toml]))
    (beside,) = check_folder(tmp_path, {}).findings

    assert inline.waived == beside.waived == "nobody reads it since March"


def test_every_setting_format_and_rule_that_cannot_be_waived_is_named() -> None:
    assert [each for each in (*Compatibility, *ReportFormat) if f"| `{each}` |" not in PAGE] == []
    (refused,) = re.findall(r"^These cannot be waived: (.*?)\. A waiver", PAGE, re.DOTALL | re.MULTILINE)
    assert re.findall(r"`(\w+)`", refused) == sorted(each for each in Rule if not each.is_waivable)


def test_the_names_that_seem_personal_are_those_of_the_code() -> None:
    (table,) = re.findall(r"^\| Kind \| Names \|\n\|[- |]+\n(.*?)\n\n", PAGE, re.DOTALL | re.MULTILINE)
    listed = [
        (kind, frozenset(name.split("_")))
        for kind, names in re.findall(r"^\| (\w+) \| (.*) \|$", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    ]

    assert listed == [(each.pii.kind, each.words) for each in PERSONAL_NAMES]


def pipelines() -> Iterator[tuple[str, str]]:
    github, gitlab, hooks = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    yield "vendor.github-workflows", github
    yield "vendor.gitlab-ci", gitlab
    assert hooks.startswith("repos:")


@pytest.mark.parametrize(("schema", "text"), [*pipelines()], ids=["GitHub", "GitLab"])
def test_a_pipeline_is_valid_and_its_command_runs(
    schema: str, text: str, tmp_path: Path, nothing_set: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pipeline.yml"
    path.write_text(text)
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", schema, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout

    write_contract(Path("contracts"), 1, contract_json(("n", "int")))
    commit_all(Path.cwd())
    (words,) = re.findall(r"headrace (contracts check contracts --against) \S+ (--format \w+)", text)
    result = CliRunner().invoke(app, [*words[0].split(), "HEAD", *words[1].split()])
    assert result.exit_code == 0, result.output


def test_the_hook_runs_with_every_commit_also_one_that_only_deletes(nothing_set: None) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    (repository,) = yaml.safe_load(re.findall(r"^```yaml\n(repos:.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[0])[
        "repos"
    ]
    (used,) = repository["hooks"]

    assert used["id"] == hook["id"]
    assert hook["always_run"], "pre-commit lists no deleted file"
    assert "files" not in hook
    assert not hook["pass_filenames"], "a check reads the whole folder"
    write_contract(Path("contracts"), 1, contract_json(("n", "int")))
    commit_all(Path.cwd())
    words = [*hook["entry"].split(), *used["args"]]
    result = CliRunner().invoke(app, ["HEAD" if each == "origin/main" else each for each in words[1:]])
    assert (words[0], result.exit_code) == ("headrace", 0)
