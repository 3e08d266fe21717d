"""Modules of classes, as a project has them: they pass mypy and ruff, and mypy finds a wrong field."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from headrace.contract_code.event_module import event_module
from headrace.schemas.registry import Contract
from tests.support.builders import PACKAGE, a_contract, a_record
from tests.support.event_classes import foreign_contracts
from tests.support.paths import ROOT
from tests.support.strategies import contracts

CONFIG = """
[mypy]
strict = true
namespace_packages = true
explicit_package_bases = true
[mypy-google.*]
follow_imports = skip
ignore_missing_imports = true
"""
PRODUCER = """
from __future__ import annotations

import datetime as dt

from headrace.producers import EventProducer

from flight_departed import SUBJECT, FlightDeparted


def publish(producer: EventProducer, now: dt.datetime) -> None:
    flight = FlightDeparted(
        carrier="UA", flight=1, origin="EWR", destination="IAH", scheduled_at=now, distance_miles=9, cancelled=False
    )
    producer.publish(SUBJECT, flight)
    producer.publish(SUBJECT, {"carrier": "UA"})
    flight.carrier = "AA"  # wrong
    producer.publish(SUBJECT, 5)  # wrong
    FlightDeparted(carrier="UA")  # wrong
    FlightDeparted(  # wrong
        carier="UA", flight=1, origin="EWR", destination="IAH", scheduled_at=now, distance_miles=9, cancelled=False
    )
    FlightDeparted(
        carrier="UA",
        flight="1545",  # wrong
        origin="EWR",
        destination="IAH",
        scheduled_at="now",  # wrong
        distance_miles=9,
        cancelled=False,
    )
"""


TAKEN = ("class", "list", "str", "field", "dt", "Decimal", "SUBJECT", "annotations", "self", "Thing", "None", "date")
DAY = {"type": "int", "logicalType": "date"}
LONG = a_record(
    "a." + "Very" * 30,
    ("n" * 150, "int", {"doc": "many words " * 30}),
    ("x", "string", {"default": "'\"\n" * 40}),
)
THINGS = [a_record("x.thing", ("n", "int")), a_record("y.Thing", ("n", "int")), {"type": "array", "items": "long"}]
MANY = {"type": "enum", "name": "Many", "symbols": [f"SYMBOL_{number}" for number in range(40)]}
LISTS = {"type": "array", "items": {"type": "array", "items": "int"}}


def wide() -> Contract:
    """Every name that is taken, and lines that are too long for a formatter."""
    return a_contract(
        *((name, ["null", DAY], {"default": None}) for name in (*TAKEN, "unit-price", "__slots__", "match")),
        ("long", {"type": "map", "values": LONG}),
        ("symbols", MANY, {"default": "SYMBOL_3"}),
        ("one", {"type": "enum", "name": "One", "symbols": ["S" * 100]}),
        ("either", ["string", *THINGS, "null"], {"default": 'it\'s "that"'}),
        ("moment", {"type": "long", "logicalType": "timestamp-millis"}, {"default": 1}),
        ("lists", LISTS, {"default": [[1, 2], []]}),
        ("whole", a_record("Whole", ("n", "int"), ("m", "float", {"default": 0.5})), {"default": {"n": 5}}),
        ("data", "bytes", {"default": "a\u00ff\"'"}),
        ("quoted", "int", {"doc": 'said "so"'}),
        subject="wide_thing",
    )


def mypy(folder: Path) -> list[str]:
    (folder / "mypy.ini").write_text(CONFIG)
    packages = [str(ROOT / each) for each in ("schemas", "producers")]
    line = [sys.executable, "-m", "mypy", "--config-file=mypy.ini", "--cache-dir=cache", "."]
    path = {"MYPYPATH": ":".join([str(folder), *packages])}
    done = subprocess.run(line, cwd=folder, env=path, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if ": error: " in line]


def ruff(folder: Path, *words: str) -> str:
    line = [str(Path(sys.executable).with_name("ruff")), *words, "--isolated", "--no-cache", "."]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The modules of the samples, of other teams' schemas, and of drawn contracts."""
    place = tmp_path_factory.mktemp("modules")
    drawn: list[Contract] = []

    @given(contracts())
    @settings(derandomize=True, database=None, max_examples=25, suppress_health_check=list(HealthCheck))
    def draw(contract: Contract) -> None:
        drawn.append(contract)

    draw()
    for number, each in enumerate([*PACKAGE, *foreign_contracts(), wide()]):
        (place / f"named_{number}.py").write_text(event_module(each))
    for number, each in enumerate(drawn):
        (place / f"drawn_{number}.py").write_text(event_module(each))
    (place / "flight_departed.py").write_text(event_module(PACKAGE.latest("flight_departed")))
    return place


def test_mypy_accepts_them_and_finds_wrong_fields_of_a_producer(folder: Path) -> None:
    (folder / "a_producer.py").write_text(PRODUCER)
    found = mypy(folder)
    assert [each for each in found if not each.startswith("a_producer.py")] == []
    lines = {int(re.findall(r":(\d+):", each)[0]) for each in found}
    assert lines == {number for number, line in enumerate(PRODUCER.splitlines(), 1) if "# wrong" in line}


def test_ruff_changes_nothing(folder: Path) -> None:
    (folder / "a_producer.py").unlink(missing_ok=True)
    assert ruff(folder, "format", "--diff") == ""
    assert ruff(folder, "format", "--diff", "--line-length=120") == ""
    assert ruff(folder, "check", "--select=E4,E7,E9,F,I,UP,B,C4,SIM,PIE", "--target-version=py311") == ""
