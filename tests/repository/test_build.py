"""What is written in C is compiled into the wheel; without a compiler the wheel goes without, and says so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.wheels import DISTRIBUTIONS, build_wheel


def build(into: Path, distribution: str = "schemas", **environment: str) -> tuple[set[str], str]:
    """The files of a wheel built into *into*, and the output of the build; *distribution* is its folder."""
    output = build_wheel(into, distribution, **environment)
    (wheel,) = into.iterdir()
    with zipfile.ZipFile(wheel) as archive:
        return {wheel.name, *archive.namelist()}, output


@pytest.mark.parametrize("environment", [{"CC": "/bin/false"}, {"CC": "no-such-compiler"}, {"PATH": "/nowhere"}])
def test_without_a_compiler_a_wheel_of_pure_python_is_built_and_one_notice_says_so(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    files, output = build(tmp_path, **environment)

    assert "headrace_schemas-0.1.0-py3-none-any.whl" in files
    assert [name for name in files if name.endswith((".so", ".c", ".h"))] == []
    assert output.count("headrace._columns is not compiled") == 1
    assert "Install a C compiler" in output


def test_with_a_compiler_one_wheel_serves_every_python_from_3_11_on(tmp_path: Path) -> None:
    files, output = build(tmp_path)
    if "is not compiled" in output:
        pytest.skip("no C compiler here")

    assert [name for name in files if re.fullmatch(r"headrace_schemas-0.1.0-cp311-abi3-\w+\.whl", name)]
    for module in ("_columns", "_json", "_encoder"):
        assert [name for name in files if re.fullmatch(rf"headrace/{module}\.\S+", name)]
    assert "warning" not in output


def test_a_wheel_that_is_compiled_for_another_platform_has_its_tag(tmp_path: Path) -> None:
    files, output = build(tmp_path, HEADRACE_WHEEL_PLATFORM="musllinux_1_2_aarch64")
    if "is not compiled" in output:
        pytest.skip("no C compiler here")

    assert "headrace_schemas-0.1.0-cp311-abi3-musllinux_1_2_aarch64.whl" in files


APPLICATION = """
import producers, schemas, stream
from headrace.producers import EventProducer
from headrace.producers.testing import FakePublisher
from headrace.schemas import Registry
from headrace.schemas.samples import SAMPLES
import headrace.schemas.registry as found

fake, registry = FakePublisher(), Registry.load(SAMPLES)
with EventProducer(fake, source="/own", contracts=registry) as producer:
    producer.publish("flight_departed", schemas.EVENT)
print(found.__file__, len(fake.events("flight_departed", registry)), producers.OWN, stream.OWN)
"""
EVENT = """
from datetime import UTC, datetime
EVENT = dict(carrier="UA", flight=1545, origin="EWR", destination="IAH", distance_miles=1400, cancelled=False)
EVENT["scheduled_at"] = datetime(2026, 11, 20, tzinfo=UTC)
"""


def test_an_application_may_have_modules_of_any_name_beside_the_installed_wheels(tmp_path: Path) -> None:
    installed, application = tmp_path / "installed", tmp_path / "application"
    for distribution in DISTRIBUTIONS:
        into = tmp_path / "wheels" / distribution.strip(".")
        into.mkdir(parents=True)
        build(into, distribution)
        for wheel in into.glob("*.whl"):
            zipfile.ZipFile(wheel).extractall(installed)
    assert {each.name for each in installed.iterdir() if not each.name.endswith(".dist-info")} == {"headrace"}

    (application / "producers").mkdir(parents=True)
    (application / "producers" / "__init__.py").write_text("OWN = 'mine'")
    (application / "schemas.py").write_text(EVENT)
    (application / "stream.py").write_text("OWN = 'mine too'")
    (application / "main.py").write_text(APPLICATION)
    variables = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run([sys.executable, "main.py"], cwd=application, env=variables, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.split() == [str(installed / "headrace" / "schemas" / "registry.py"), "1", "mine", "mine", "too"]
