"""Checks run side by side; one that fails or hangs leaves the others, and the report is due in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from headrace.doctor.findings import Area, Finding, Level, ok
from headrace.doctor.run_checks import MOST_THREADS, Check, Running

SECONDS = 0.3


@pytest.fixture
def forever() -> Iterator[threading.Event]:
    """What a service that never answers waits for, until the test ends."""
    event = threading.Event()
    yield event
    event.set()


def a_check(subject: str, *findings: Finding) -> Check:
    return Check(Area.DISK, subject, lambda: findings)


def found(checks: list[Check]) -> list[Finding]:
    return [each.finding for each in Running(checks).findings(time.monotonic() + SECONDS)]


def test_findings_come_in_the_order_of_the_checks() -> None:
    gate = threading.Event()

    def slow() -> Iterator[Finding]:
        gate.wait()
        yield ok("a", "slow")

    def fast() -> Iterator[Finding]:
        gate.set()
        yield ok("b", "fast")

    assert [each.subject for each in found([Check(Area.DISK, "a", slow), Check(Area.DISK, "b", fast)])] == ["a", "b"]


@pytest.mark.parametrize(
    ("error", "what", "remedy"),
    [
        (KeyError("a secret"), "not checked, because KeyError: this is a bug", "HEADRACE_DEBUG"),
        (TimeoutError("no answer"), "not checked, because no answer", ""),
        (
            ModuleNotFoundError("No module named 'apache_beam'", name="apache_beam"),
            "not checked, because apache_beam is not installed",
            "run pip install 'headrace[beam]'",
        ),
    ],
)
def test_a_check_that_fails_says_why_and_leaves_the_others(error: Exception, what: str, remedy: str) -> None:
    def broken() -> Iterator[Finding]:
        yield ok("a", "the first half")
        raise error

    half, failed, other = found([Check(Area.DISK, "a", broken), a_check("b", ok("b", "fine"))])
    assert (half.what, other.what) == ("the first half", "fine")
    assert (failed.level, failed.subject, failed.what) == (Level.UNKNOWN, "a", what)
    assert remedy in failed.remedy
    assert "secret" not in f"{failed.what}{failed.remedy}"


def test_a_check_that_hangs_is_given_up_with_what_it_has_found(forever: threading.Event) -> None:
    def hanging() -> Iterator[Finding]:
        yield ok("a", "the first half")
        forever.wait()

    begun = time.monotonic()
    half, late, other = found([Check(Area.DISK, "a", hanging, "look there"), a_check("b", ok("b", "fine"))])
    assert time.monotonic() - begun < SECONDS + 5
    assert (half.what, other.what) == ("the first half", "fine")
    assert (late.level, late.remedy) == (Level.UNKNOWN, "look there")
    assert late.what.startswith("not checked, because it did not end within ")


def test_checks_that_never_get_a_thread_are_reported(forever: threading.Event) -> None:
    def hanging() -> Iterator[Finding]:
        forever.wait()
        yield ok("a", "never")

    checks = [Check(Area.DISK, "a", hanging)] * MOST_THREADS + [a_check("b", ok("b", "fine"))]
    assert [each.level for each in found(checks)] == [Level.UNKNOWN] * (MOST_THREADS + 1)
