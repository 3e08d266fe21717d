"""A plugin for pytest: writes how long each test took, in seconds, setup included."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

_SECONDS: Counter[str] = Counter()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _SECONDS[report.nodeid] += report.duration  # type: ignore[assignment]


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):  # a worker of xdist: the process that started it gets every test
        Path(os.environ["MUTATION_DURATIONS"]).write_text(json.dumps(_SECONDS))
