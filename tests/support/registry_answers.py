"""The recorded answers of a real registry (Apicurio 2.6.13)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from tests.support.paths import ROOT

FOREIGN: Final = ROOT / "tests" / "support" / "foreign"
CCOMPAT: Final = "/apis/ccompat/v7"
NATIVE: Final = "/apis/registry/v2"


@dataclass(frozen=True)
class RecordedAnswer:
    """One answer, as it was received."""

    status: int
    media_type: str
    body: bytes


@cache
def recorded_answers() -> dict[str, RecordedAnswer]:
    """Every recorded answer by its path."""
    lines = map(json.loads, (FOREIGN / "registry-answers.jsonl").read_text().splitlines())
    return {
        each["path"]: RecordedAnswer(each["status"], each["headers"]["Content-Type"], each["body"].encode())
        for each in lines
    }


def recorded_schema(content_id: int) -> Any:
    """The schema that the registry has for *content_id*, as JSON."""
    return json.loads(recorded_text(content_id))


def recorded_text(content_id: int) -> str:
    """The schema that the registry has for *content_id*, byte for byte."""
    answer = recorded_answers()[f"{CCOMPAT}/schemas/ids/{content_id}"]
    text: str = json.loads(answer.body)["schema"]
    return text


def schema_text(name: str) -> str:
    """A schema of the teams that wrote the samples."""
    return (FOREIGN / name).read_text()
