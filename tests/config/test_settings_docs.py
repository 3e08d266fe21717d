"""docs/settings.md names every setting, as the code does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from headrace.config.setting_engines import read_by
from headrace.config.setting_tables import TABLES
from headrace.config.settings import Settings
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "settings.md").read_text()


def shown(default: Any) -> str:
    if default is PydanticUndefined:
        return "needed"
    if default is None:
        return ""
    if isinstance(default, timedelta):
        return f"`{default.total_seconds() / 60:g}m`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def table(model: type[BaseModel]) -> list[str]:
    fields = {name: field for name, field in model.model_fields.items() if name not in TABLES}
    if model is Settings:
        rows = [f"| `{n}` | {shown(f.default)} | {read_by(n)} | {f.description} |" for n, f in fields.items()]
        return ["| Key | Default | Engine | Meaning |", "| --- | --- | --- | --- |", *rows]
    rows = [f"| `{name}` | {shown(field.default)} | {field.description} |" for name, field in fields.items()]
    return ["| Key | Default | Meaning |", "| --- | --- | --- |", *rows]


HEADINGS: list[tuple[type[BaseModel], str]] = [
    (Settings, "## Settings"),
    *((model, f"## `[{name}]`") for name, model in TABLES.items()),
]


@pytest.mark.parametrize(("model", "heading"), HEADINGS)
def test_every_setting_is_documented_with_its_default(model: type[BaseModel], heading: str) -> None:
    section = PAGE.partition(f"{heading}\n")[2].partition("\n## ")[0]
    assert [line for line in section.splitlines() if line.startswith("|")] == table(model), "\n".join(table(model))


if __name__ == "__main__":
    print("\n\n".join("\n".join(table(model)) for model, _ in HEADINGS))
