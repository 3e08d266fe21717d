"""docs/event-classes.md: its commands, and the producer that it shows."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from headrace.cli.app import app
from headrace.errors import Exit
from headrace.producers import EventProducer
from headrace.producers.testing import FakePublisher
from headrace.schemas.samples import SAMPLES
from tests.support.builders import PACKAGE
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "event-classes.md").read_text()
GENERATE, CHECK = re.findall(r"^```sh\n(headrace .*?)\n```$", PAGE, re.MULTILINE)


def test_the_example_publishes_an_event(nothing_set: None, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(SAMPLES, "contracts")
    for command in (GENERATE, CHECK):
        assert CliRunner().invoke(app, command.split()[1:]).exit_code == Exit.DONE
    monkeypatch.syspath_prepend(str(Path("src").resolve()))
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    names: dict[str, object] = {}
    exec(code, names)
    publish, fake = names["publish"], FakePublisher()
    assert callable(publish)
    with EventProducer(fake, source="/checkout", contracts=PACKAGE) as producer:
        publish(producer)
    assert [each["carrier"] for each in fake.events("flight_departed", PACKAGE)] == ["UA"]
