"""Hostile payloads and contracts: refused, quickly, in little memory, and without taking the process down."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.support.hostile import CONTRACTS, PAYLOADS
from tests.support.paths import ROOT

CPU_SECONDS = 0.050
EXTRA_KIB = 50 * 1024


@pytest.fixture(scope="module")
def results() -> dict[str, dict[str, Any]]:
    command = [sys.executable, "-m", "tests.support.hostile"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=120)
    found: dict[str, dict[str, Any]] = json.loads(finished.stdout)
    return found


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_hostile_payload_is_refused_cheaply(results: dict[str, dict[str, Any]], name: str) -> None:
    result = results[name]

    assert (result["exit"], result["outcome"]) == (0, "UndecodableError")
    assert_cheap(result)


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_hostile_contract_is_refused_by_the_lint(results: dict[str, dict[str, Any]], name: str) -> None:
    result = results[name]

    assert (result["exit"], result["outcome"]) == (0, "ContractError")
    assert result["message"].startswith("thing_happened.v1")


def test_the_harness_notices_crashes_other_errors_memory_and_time(results: dict[str, dict[str, Any]]) -> None:
    assert results["planted: accepted"]["outcome"] == "accepted"
    assert results["planted: another error"]["outcome"] == "raised IndexError"
    assert results["planted: a signal"]["exit"] == -6
    assert results["planted: too much memory"]["outcome"] == "raised MemoryError"
    assert results["planted: 100 MB"]["extra_kib"] > EXTRA_KIB
    assert results["planted: slow"]["cpu_seconds"] > CPU_SECONDS


def assert_cheap(result: dict[str, Any]) -> None:
    assert result["cpu_seconds"] < CPU_SECONDS
    assert result["extra_kib"] < EXTRA_KIB
