"""No child process runs what lies in the working folder, and every one is started by
``stream/headrace/runtime/processes.py``."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.backfill.file_rounds import Task
from headrace.backfill.files import look_at
from headrace.backfill.mapping import read_mapping
from headrace.backfill.reading_process import read_ahead
from headrace.runtime.clock import now_micros
from headrace.runtime.processes import child_environment, python, run, start
from headrace.schemas.samples import SAMPLES
from tests.support.builders import FLIGHT
from tests.support.paths import ROOT

HEADRACE = Path(sys.executable).parent / "headrace"
OURS = ("benchmarks", "dags/headrace_dags", "deploy", "docker", "producers", "schemas", "stream")
# Whose program the person chose: an editor, and gcloud; and the one module that starts Python.
STARTERS = {
    "schemas/build_wheels.py",
    "stream/headrace/console/editor.py",
    "stream/headrace/contract_check/git_state.py",
    "stream/headrace/deploy/gcloud.py",
    "stream/headrace/runtime/processes.py",
}
STARTING = {
    *(f"subprocess.{name}" for name in ("Popen", "run", "call", "check_call", "check_output", "getoutput")),
    *(f"os.{name}" for name in ("system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp")),
    *(f"os.{way}{how}" for way in ("exec", "spawn") for how in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")),
    "psutil.Popen",
}
FORKING = ("multiprocessing", "concurrent.futures.process", "pty", "asyncio.subprocess")
# What a child or the program itself could import by name, were the working folder looked through.
PLANTED = sorted(
    {*sys.stdlib_module_names, "orjson", "pyarrow", "numpy", "fastavro", "structlog", "pydantic"}
    | {"headrace", "google", "grpc", "typer", "rich", "sitecustomize", "usercustomize", "yaml"} - {"__main__"}
)


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: each module in it, once run, leaves its name in the file that is returned."""
    folder, found = tmp_path / "work", tmp_path / "executed"
    folder.mkdir()
    for name in PLANTED:
        (folder / f"{name}.py").write_text(f"open({str(found)!r}, 'a').write('{name} ')\nraise SystemExit(9)\n")
    monkeypatch.chdir(folder)
    return found


def executed(found: Path) -> str:
    return found.read_text() if found.exists() else ""


def test_python_alone_would_run_what_lies_there(planted: Path) -> None:
    subprocess.run([sys.executable, "-m", "headrace.backfill.reading_process"], capture_output=True, timeout=60)
    assert executed(planted) != ""


def test_the_process_that_reads_a_backfill_runs_nothing_of_the_folder_with_the_file(planted: Path) -> None:
    csv = Path("flights.csv")
    csv.write_text(
        "carrier,flight,origin,destination,scheduled_at,distance_miles,cancelled\n"
        "UA,1545,EWR,IAH,2026-11-20T05:15:00Z,1400,false\n"
    )
    mapping = read_mapping(None, FLIGHT)
    task = Task(FLIGHT, mapping, look_at([str(csv.resolve())], FLIGHT, mapping), now_micros())
    assert sum(len(each.messages) for each in read_ahead(task)) == 1
    assert executed(planted) == ""


@pytest.mark.parametrize("path", ["", ":", ":/opt/functions"], ids=["empty", "colon", "leading colon"])
def test_a_child_imports_nothing_from_the_working_folder(
    planted: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", path)
    done = run(python("headrace", "--version"))
    assert (done.returncode, done.stderr, executed(planted)) == (0, "", "")


def test_the_folders_of_pythonpath_are_passed_on(tmp_path: Path) -> None:
    (tmp_path / "a_function.py").write_text("print('found')")
    assert run(python("a_function"), {"PYTHONPATH": f":{tmp_path}"}).stdout == "found\n"
    assert child_environment({"PYTHONPATH": "::"}) == {}


@pytest.mark.parametrize(
    "arguments",
    [
        ["provision", "--dry-run", "--project", "a-project", "--contracts", "nowhere"],
        ["backfill", "flight_departed", "none.csv", "--project", "a-project", "--contracts", str(SAMPLES), "--dry-run"],
        ["capacity", "estimate", "--rate", "9"],
    ],
    ids=" ".join,
)
def test_the_program_runs_nothing_of_the_working_folder(planted: Path, arguments: list[str]) -> None:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("HEADRACE_", "PYTHON"))}
    subprocess.run([str(HEADRACE), *arguments], env=plain, capture_output=True, timeout=120)
    assert executed(planted) == ""


def test_python_m_forgets_the_working_folder_before_it_imports_anything_of_weight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("typer", "rich", "pydantic", "orjson"):
        Path(f"{name}.py").write_text("raise SystemExit(9)")
    done = subprocess.run([sys.executable, "-m", "headrace", "--version"], capture_output=True, timeout=60)
    assert done.returncode == 0


def test_a_child_ends_with_its_parent_and_is_given_what_lies_over_our_variables() -> None:
    with start([sys.executable, "-c", "import os; print(os.environ['GIVEN'])"], {"GIVEN": "7"}, stdout=-1) as child:
        assert child.communicate()[0] == b"7\n"


def _calls(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{each.name}" for each in node.names)


def sources() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", *OURS], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.splitlines() if name.endswith(".py")]


@pytest.mark.parametrize("source", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_other_module_starts_a_process(source: Path) -> None:
    name, tree = str(source.relative_to(ROOT)), ast.parse(source.read_text())
    if name in STARTERS:
        return
    assert sorted(set(_calls(tree)) & STARTING) == []
    imported = set(_imports(tree)) - {"multiprocessing.util"}
    if name == "producers/headrace/producers/process_end.py":  # a hook at the end of an application's own processes
        imported.discard("multiprocessing")
    assert [each for each in sorted(imported) if each.startswith(FORKING)] == []
    assert not {"subprocess.run", "subprocess.Popen", "os.fork"} & imported  # by the module's name, so that it is seen


def test_the_one_module_that_starts_python_gives_it_no_working_folder() -> None:
    tree = ast.parse((ROOT / "stream" / "headrace" / "runtime" / "processes.py").read_text())
    commands = [node for node in ast.walk(tree) if isinstance(node, ast.List) and "sys.executable" in ast.unparse(node)]
    assert commands != []
    assert [ast.unparse(each) for each in commands if ast.unparse(each.elts[1]) not in ("'-I'", "'-P'")] == []
