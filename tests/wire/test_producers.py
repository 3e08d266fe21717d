"""Publishers without Headrace's SDK: their events arrive once, with the right values, and retries are duplicates."""

from __future__ import annotations

import sys

import pytest

from tests.support.paths import ROOT
from tests.wire.harness import Producer, a_service_of_parcels, assert_solves_the_task

pytestmark = [pytest.mark.emulators, pytest.mark.timeout(600)]


def test_a_publisher_in_python_solves_the_task(project: str) -> None:
    producer = Producer("python", [sys.executable, str(ROOT / "tests/wire/plain_producer.py")])

    assert_solves_the_task(producer, a_service_of_parcels(project), events=1_000)
