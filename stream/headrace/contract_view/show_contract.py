"""One version of a contract, whole: for a person as text, and for programs as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from headrace.contract_view.contract_settings import graph_of, settings_of, waivers_of
from headrace.contract_view.field_views import FieldView, field_views
from headrace.contract_view.subjects import Subject
from headrace.contract_view.view_lines import labelled, paragraph, section
from headrace.schemas.registry import Contract

_OF_TABLE: Final[tuple[str, ...]] = ("table", "partition", "cluster", "expire_after_days", "require_partition_filter")
_IN_HEADING: Final = ("name", "doc", *_OF_TABLE)


def contract_json(subject: Subject, contract: Contract) -> dict[str, Any]:
    """Return a contract as plain values; settings have the names of annotations."""
    settings = settings_of(contract)
    views = field_views(contract)
    return {
        "subject": subject.name,
        "version": contract.ref.version,
        "versions": list(subject.numbers),
        "state": subject.state,
        "faults": [str(each) for each in subject.refused.faults] if subject.refused else [],
        "settings": settings,
        "columns": [each._asdict() for each in views if each.column],
        "not_stored": [each._asdict() for each in _not_stored(views)],
        "graph": graph_of(contract),
        "waivers": [each._asdict() for each in contract.options.waivers],
        "notices": list(contract.notices),
    }


def contract_lines(subject: Subject, contract: Contract) -> Iterator[str]:
    """Yield the lines of a contract for a person."""
    settings, views = settings_of(contract), field_views(contract)
    versions = ", ".join(map(str, subject.numbers))
    yield from paragraph(f"{subject.name}.v{contract.ref.version} ({settings['name']}), versions {versions}")
    if contract.doc:
        yield from paragraph(contract.doc)
    if subject.refused is not None:
        refused = (line for each in subject.refused.faults for line in paragraph(str(each), 2))
        yield from section(subject.state, refused)
    table = {name: settings[name] for name in _OF_TABLE if name in settings}
    yield from section("table", labelled(table))
    yield from section("contract", labelled({name: settings[name] for name in settings if name not in _IN_HEADING}))
    yield from section("columns", (line for each in views if each.column for line in _column(each)))
    yield from section("not stored", (line for each in _not_stored(views) for line in _without_column(each)))
    yield from section("graph", labelled(graph_of(contract)))
    yield from section("waivers", labelled(waivers_of(contract)))
    yield from section("notices", (line for each in contract.notices for line in paragraph(each, 2)))


def _not_stored(views: Sequence[FieldView]) -> list[FieldView]:
    """Return the fields without a column, without those within one of them or within a token."""
    records = {each.field for each in views if each.bigquery == "RECORD"}
    outer = ((each, each.field.rpartition(".")[0]) for each in views if not each.column)
    return [each for each, around in outer if not around or around in records]


def _column(view: FieldView) -> Iterator[str]:
    yield from paragraph(f"{view.column}  {view.bigquery} {view.mode}", 2)
    named = f"{view.field}: " if view.field and view.field != view.column else ""
    if view.type:
        yield from paragraph(f"{named}{view.type_and_default}", 6)
    yield from _facts(view)


def _without_column(view: FieldView) -> Iterator[str]:
    yield from paragraph(f"{view.field}  {view.type_and_default}", 2)
    yield from _facts(view)


def _facts(view: FieldView) -> Iterator[str]:
    if view.mask:
        yield from paragraph(view.mask, 6, "mask ")
    if view.aliases:
        yield from paragraph(", ".join(view.aliases), 6, "alias ")
    if view.doc:
        yield from paragraph(view.doc, 6)
