"""What a new member touches: the first place that lacks it is named. ``docs/extending.md`` has the same lists.

``python -m tests.repository.test_checklists`` prints the page's table.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pytest
import typer

from headrace.audit.windows import Kind as Finding
from headrace.backfill.readers import KINDS as FORMATS
from headrace.bigquery.event_table import META_SCHEMA
from headrace.cli.app import app
from headrace.config.settings import Settings
from headrace.core.dead_letter import Reason
from headrace.engine.health_pages import COUNTERS
from headrace.schemas.classification import Mask
from headrace.schemas.model import Kind
from tests.support.paths import ROOT

PAGE: Final = "docs/extending.md"
PRIMITIVES: Final = frozenset({"BOOLEAN", "INT", "LONG", "FLOAT", "DOUBLE", "STRING", "BYTES"})


IN_README: Final = frozenset({"headrace demo"})


@dataclass(frozen=True, slots=True)
class Member:
    """One thing of its kind: the *name* that code has for it, and the *value* that people write."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Place:
    """A *file*, or the pages and modules of a folder, that must match *pattern*; {name} and {value} are the member's.

    Without a pattern, other tests notice what is missing. *served* members need no mention there.
    """

    file: str
    todo: str
    pattern: str
    served: frozenset[str] = frozenset()

    def file_of(self, member: Member) -> str:
        return self.file.replace("{value}", member.value)

    def lacks(self, member: Member) -> bool:
        wanted = self.pattern.replace("{name}", re.escape(member.name)).replace("{value}", re.escape(member.value))
        return member.name not in self.served and not re.search(wanted, text_of(self.file_of(member)))


@dataclass(frozen=True, slots=True)
class Checklist:
    """What to change for one more *thing*, in this order; *tests* say whether it works."""

    thing: str
    members: Collection[Member]
    places: tuple[Place, ...]
    tests: str

    def next_place(self, member: Member) -> str | None:
        """Say which place comes next; None when the member is everywhere."""
        for number, place in enumerate(self.places, 1):
            if place.lacks(member):
                return (
                    f"{self.thing} {member.value}: next, change {place.file_of(member)}: {place.todo} "
                    f"(step {number} of {len(self.places)} in {PAGE}); then run {self.tests}"
                )
        return None


def text_of(file: str) -> str:
    path = ROOT / file
    if path.is_dir():
        return "\n".join(each.read_text() for each in sorted([*path.rglob("*.md"), *path.glob("*.py")]))
    return path.read_text() if path.is_file() else ""


def of_enum(kind: type[StrEnum]) -> list[Member]:
    return [Member(each.name, each.value) for each in kind]


def of_names(names: Collection[str]) -> list[Member]:
    return [Member(each, each) for each in names]


def commands(group: typer.Typer, path: str = "headrace") -> Iterator[str]:
    for each in group.registered_commands:
        assert each.callback
        yield f"{path} {each.name or each.callback.__name__.strip('_').replace('_', '-')}"
    for inner in group.registered_groups:
        assert inner.typer_instance
        yield from commands(inner.typer_instance, f"{path} {inner.name}")


SCHEMAS, STREAM = "schemas/headrace/schemas", "stream/headrace"
CHECKLISTS: Final = (
    Checklist(
        "mask",
        of_enum(Mask),
        (
            Place(f"{SCHEMAS}/classification.py", "its name, in `Mask`", r"{name} = "),
            Place(f"{SCHEMAS}/lint_fields.py", "the types that it fits, in `_fits`", r"Mask\.{name}\b"),
            Place(f"{SCHEMAS}/masked.py", "the type of its column", r"Mask\.{name}\b"),
            Place(f"{STREAM}/steps/mask/mask_columns.py", "the function for its values", r"Mask\.{name}\b"),
            Place("docs/contracts.md", "a line in the table of masks", r"\| `{value}` \|"),
        ),
        "tests/steps/mask/test_masks.py",
    ),
    Checklist(
        "dead-letter reason",
        of_enum(Reason),
        (
            Place(f"{STREAM}/core/dead_letter.py", "its name, in `Reason`", r"{name} = "),
            Place(f"{STREAM}/dead_letters/remedies.py", "a sentence with the remedy", r"Reason\.{name}\b"),
            Place("docs/dead-letters/{value}.md", "a page: usual causes, what to do, can replaying help", "# {value}"),
            Place("docs/dead-letters/README.md", "a link to the page", r"\[{value}\]\({value}\.md\)"),
            Place("ARCHITECTURE.md", "its name, among the reasons", r"`{value}`"),
        ),
        "tests/dead_letters/test_remedies.py",
    ),
    Checklist(
        "logical type",
        of_enum(Kind),
        (
            Place(f"{SCHEMAS}/model.py", "its name, in `Kind`", r"{name} = "),
            Place(f"{SCHEMAS}/logical_types.py", "the Avro type that carries it", r"Kind\.{name}\b", PRIMITIVES),
            Place(f"{SCHEMAS}/model.py", "the same for the encoder, in `AVRO_TYPES`", r"Kind\.{name}: ", PRIMITIVES),
            Place(f"{SCHEMAS}/validate_scalar.py", "the check of a value", r"Kind\.{name}\b"),
            Place(f"{SCHEMAS}/scalars.py", "its bounds, or its reader", r"Kind\.{name}\b"),
            Place(f"{SCHEMAS}/from_json.py", "its text in JSON", r"Kind\.{name}\b", frozenset({"BOOLEAN", "STRING"})),
            Place(f"{SCHEMAS}/json_encoding/make_plan.py", "its forms by a convention of JSON", r"Kind\.{name}\b"),
            Place(f"{SCHEMAS}/drawn.py", "random values for tests and the bench", r"Kind\.{name}\b"),
            Place(f"{STREAM}/bigquery/columns.py", "its BigQuery type", r"Kind\.{name}\b"),
            Place(f"{STREAM}/bigquery/event_table.py", "its Arrow type", r"Kind\.{name}\b"),
            Place(f"{STREAM}/contract_code/python_types.py", "its Python type", r"Kind\.{name}\b"),
            Place(f"{STREAM}/contract_catalog/example_event.py", "a value to show", r"Kind\.{name}\b"),
            Place("tests/support/strategies.py", "values for property tests", r"Kind\.{name}\b"),
            Place("docs/contracts.md", "a line in the table of types", r"\| .*`{value}`.* \|"),
        ),
        "tests/schemas, tests/bigquery/test_event_table.py",
    ),
    Checklist(
        "metric",
        of_names(list(COUNTERS)),
        (
            Place(f"{STREAM}/engine/health_pages.py", "its name and its help, in `COUNTERS`", r'"{value}": \('),
            Place(f"{STREAM}/engine", "a call of `count`, where it happens", r'count\("{value}"'),
        ),
        "tests/engine/test_health.py",
    ),
    Checklist(
        "column of every table",
        of_names(META_SCHEMA.names),
        (
            Place(f"{STREAM}/bigquery/row_columns.py", "its declaration, in `OWN_COLUMNS`", r'"{value}", "[A-Z]'),
            Place(f"{STREAM}/steps/decode/decode_messages.py", "its values, in `_with_meta`", r'"{value}": '),
            Place("docs/contracts.md", "its name, among the columns of every table", r"`{value}`"),
            Place("docs/transformations.md", "its name, among the columns of expressions", r"`{value}`"),
        ),
        "tests/bigquery/test_event_table.py, tests/steps/decode",
    ),
    Checklist(
        "shared setting",
        of_names(list(Settings.model_fields)),
        (
            Place(f"{STREAM}/config/settings.py", "its field, with default and description", r"\n    {value}: "),
            Place(f"{STREAM}/config/setting_engines.py", "its name, if one engine alone reads it", ""),
            Place(
                "docs/settings.md",
                "its line, as `python -m tests.config.test_settings_docs` prints it",
                r"\| `{value}` \|",
                frozenset({"dataflow", "schema_registry"}),
            ),
            Place(f"{STREAM}/job.py", "its value, in `Job`, where the steps need it", ""),
        ),
        "tests/deploy/test_setting_engines.py",
    ),
    Checklist(
        "command",
        of_names([*commands(app)]),
        (
            Place(
                f"{STREAM}/cli/app.py", "its place among the others; its options and help in the file of its group", ""
            ),
            Place(f"{STREAM}/cli/commands", "a module that does the work", ""),
            Place("docs", "an example, on the page of its subject", r"{value}\b", IN_README),
        ),
        "tests/cli/test_cli.py",
    ),
    Checklist(
        "poll interval of idle subjects",
        of_names(["PULL_SECONDS"]),
        (
            Place(f"{STREAM}/engine/puller.py", "the shortest, `PULL_SECONDS`", r"\n{value}: "),
            Place(f"{STREAM}/engine/origins.py", "how it grows with the number of subjects", r"interval\({value}"),
        ),
        "tests/engine/test_puller.py",
    ),
    Checklist(
        "backfill format",
        of_names(list(FORMATS)),
        (
            Place(f"{STREAM}/backfill/readers.py", "its ending and its function, in `KINDS`", r'"{value}": '),
            Place("docs/backfill.md", "its ending, among the formats", r"`{value}`"),
        ),
        "tests/backfill/test_lines.py",
    ),
    Checklist(
        "audit rule",
        of_enum(Finding),
        (
            Place(f"{STREAM}/audit/windows.py", "its name, its words and its rule in `judge`", r"Kind\.{name}: "),
            Place("docs/audit.md", "a line in the table of kinds", r"`{value}`"),
        ),
        "tests/audit/test_audit.py",
    ),
)


def rows() -> list[str]:
    lines = ["| To add a | Change, in this order | Write there |", "| --- | --- | --- |"]
    for each in CHECKLISTS:
        for number, place in enumerate(each.places, 1):
            file = place.file.replace("{value}", "<name>")
            lines.append(f"| {each.thing if number == 1 else ''} | {number}. `{file}` | {place.todo} |")
        lines.append(f"| | Run | {', '.join(f'`{path}`' for path in each.tests.split(', '))} |")
    return lines


@pytest.mark.parametrize("checklist", CHECKLISTS, ids=[each.thing for each in CHECKLISTS])
def test_every_member_is_in_every_place(checklist: Checklist) -> None:
    assert checklist.members
    missing = [sentence for each in checklist.members if (sentence := checklist.next_place(each))]
    assert not missing, "\n".join(missing)


@pytest.mark.parametrize("checklist", CHECKLISTS, ids=[each.thing for each in CHECKLISTS])
def test_a_new_member_is_led_to_the_first_place(checklist: Checklist) -> None:
    new = Member("ZEBRA", "zebra")
    first = next(place for place in checklist.places if place.pattern)
    sentence = checklist.next_place(new)
    assert sentence
    assert sentence.startswith(f"{checklist.thing} zebra: next, change {first.file_of(new)}: ")


@pytest.mark.parametrize("checklist", CHECKLISTS, ids=[each.thing for each in CHECKLISTS])
def test_the_files_and_tests_exist(checklist: Checklist) -> None:
    named = [place.file for place in checklist.places if "{value}" not in place.file]
    assert [file for file in [*named, *checklist.tests.split(", ")] if not (ROOT / file).exists()] == []


def test_the_page_has_the_same_lists() -> None:
    lines = [line for line in (ROOT / PAGE).read_text().splitlines() if line.startswith("|")]
    assert lines[: len(rows())] == rows(), "\n".join(rows())


if __name__ == "__main__":
    print("\n".join(rows()))
