"""The plugin of pytest, in a project that uses it and in one that does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from headrace.schemas.samples import SAMPLES

pytest_plugins = ["pytester"]

CASES = """subject: flight_departed
cases:
- name: a flight becomes a row
  given: [event: &flight {carrier: UA, flight: 1, origin: EWR, destination: IAH, distance_miles: 1400,
                          scheduled_at: 2025-12-31T05:15:00Z, cancelled: false}]
  expect: {rows: 1}
- name: a flight is late
  given: [event: *flight]
  expect: {letters: [reason: too_late]}
"""
APPLICATION = """
from datetime import UTC, datetime

from headrace.producers import EventProducer

FLIGHT = {"carrier": "UA", "flight": 1, "origin": "EWR", "destination": "IAH", "distance_miles": 1400,
          "scheduled_at": datetime.now(UTC), "cancelled": False}


def test_publishes(fake_publisher, headrace_registry, headrace_table):
    with EventProducer(fake_publisher, source="/app", contracts=headrace_registry) as producer:
        producer.publish("flight_departed", FLIGHT)
    table = headrace_table("flight_departed")
    table.receive(fake_publisher.messages)
    assert [row["carrier"] for row in table.rows] == ["UA"]
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a folder of contracts and cases, and a test of its application."""
    folder = pytester.mkdir("contracts")
    for contract in SAMPLES.glob("*.avsc"):
        (folder / contract.name).write_bytes(contract.read_bytes())
    (folder / "flights.test.yaml").write_text(CASES)
    pytester.makepyfile(APPLICATION)
    return pytester


def test_cases_in_the_folder_of_the_contracts_are_tests(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nheadrace_contracts = contracts\n")
    done = project.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(passed=2, failed=1)
    done.stdout.fnmatch_lines(
        [
            "*flights.test.yaml, line 7",
            "*letters: expected 1 (too_late), got 0",
            "*rows: expected 0, got 1",
            "FAILED contracts/flights.test.yaml::a flight is late*",
        ]
    )
    assert "Traceback" not in done.stdout.str()


def test_an_invalid_file_is_an_error_of_the_collection(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nheadrace_contracts = contracts\n")
    (project.path / "contracts" / "flights.test.yaml").write_text("subject: flight_departed\ncase: []\n")
    done = project.runpytest_subprocess("contracts")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*flights.test.yaml, line 2: case: no such key; did you mean cases?"])


def test_without_the_setting_nothing_is_collected_and_a_fixture_says_what_is_missing(project: pytest.Pytester) -> None:
    done = project.runpytest_subprocess()
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*headrace_contracts: missing; name the folder of the contracts in pytest's*"])


def test_a_second_folder_is_refused(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nheadrace_contracts = contracts other\n")
    done = project.runpytest_subprocess()
    done.stderr.fnmatch_lines(["*headrace_contracts: 2 folders; name one"])


def test_the_plugin_imports_nothing_that_takes_long() -> None:
    heavy = ["grpc", "google.pubsub_v1", "pyarrow", "numpy", "pydantic", "yaml", "fastavro", "typer"]
    code = f"import sys, headrace.dev.pytest_plugin; print(sorted(set({heavy}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path.home())
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_broker_serves_googles_clients(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nheadrace_contracts = contracts\n")
    project.makepyfile(
        """
        from google.cloud import pubsub

        def test_publishes(headrace_broker):
            topic = pubsub.PublisherClient().create_topic(name="projects/test/topics/one").name
            assert pubsub.PublisherClient().publish(topic, b"a").result(30)
        """
    )
    project.runpytest_subprocess("--ignore", "contracts").assert_outcomes(passed=1)


OWN_TEST = """
from datetime import UTC, datetime

import pytest
from headrace.producers import PublishError

FLIGHT = {"carrier": "UA", "flight": 1, "origin": "EWR", "destination": "IAH", "distance_miles": 1400,
          "scheduled_at": datetime(2026, 1, 2, tzinfo=UTC), "cancelled": False}


def test_is_published(fake_producer):
    fake_producer.publish("flight_departed", FLIGHT)
    fake_producer.publish("flight_departed", {**FLIGHT, "flight": 2})
    fake_producer.assert_published("flight_departed", flight=2, carrier="UA")
    fake_producer.assert_published("flight_departed", times=2)
    fake_producer.assert_published("booking_created", times=0)


def test_a_failure_reaches_the_application(fake_producer):
    fake_producer.fail(ConnectionError("no broker"))
    fake_producer.publish("flight_departed", FLIGHT)
    fake_producer.publish("flight_departed", {**FLIGHT, "flight": 2})
    with pytest.raises(PublishError, match="1 event was not published"):
        fake_producer.flush()
    fake_producer.assert_published("flight_departed", flight=2)


def test_says_what_was_published_instead(fake_producer):
    fake_producer.publish("flight_departed", FLIGHT)
    fake_producer.assert_published("flight_departed", flight=7)


def test_is_as_the_golden_file_has_it(fake_producer, headrace_golden):
    fake_producer.publish("flight_departed", FLIGHT)
    headrace_golden(fake_producer, "golden/flights.json")
"""


def test_the_fixtures_of_producers_need_only_the_setting(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nheadrace_contracts = contracts\n")
    project.makepyfile(test_own=OWN_TEST)
    done = project.runpytest_subprocess("test_own.py")
    done.assert_outcomes(passed=2, failed=2)
    done.stdout.fnmatch_lines(
        [
            "*flight_departed: expected 1 with {'flight': 7}, got 0; published:",
            "*  1. {'flight': 1}",
            "*flights.json: not found; to write it anew, run pytest with --headrace-update-golden*",
        ]
    )
    done.stdout.no_fnmatch_line("*During handling of the above exception*")


def test_a_golden_file_is_written_on_request_and_then_compared(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nheadrace_contracts = contracts\n")
    file = project.makepyfile(test_own=OWN_TEST)
    golden = ["test_own.py", "-k", "golden"]
    project.runpytest_subprocess(*golden, "--headrace-update-golden").assert_outcomes(passed=1)
    project.runpytest_subprocess(*golden).assert_outcomes(passed=1)
    file.write_text(OWN_TEST.replace('"flight": 1,', '"flight": 3,'))
    done = project.runpytest_subprocess(*golden)
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*flights.json: the events differ; *", '*-      "flight": 1,', '*+      "flight": 3,'])
