"""One contract, whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings

from headrace.bigquery.columns import Column, columns_of
from headrace.bigquery.row_columns import OWN_COLUMNS
from headrace.contract_view.field_views import FieldView, field_views, personal_fields
from headrace.contract_view.show_contract import contract_json, contract_lines
from headrace.contract_view.subjects import Subject
from headrace.schemas.model import walk
from headrace.schemas.registry import Contract
from tests.support.builders import a_contract
from tests.support.growth import assert_linear
from tests.support.strategies import FIXED_PROFILE, contracts

N = ("n", "int")
BRANCHES = {"name": "u", "type": ["null", "int", {"type": "array", "items": ["null", "string"]}]}
LINES = {"type": "array", "items": {"type": "record", "name": "Line", "fields": [{"name": "sku", "type": "string"}]}}


def columns_within(columns: Sequence[Column], path: str = "") -> Iterator[tuple[str, Column]]:
    for each in columns:
        yield f"{path}{each.name}", each
        yield from columns_within(each.fields, f"{path}{each.name}.")


def view_of(field: Any, path: str) -> FieldView:
    (found,) = [each for each in field_views(a_contract(field)) if each.field == path]
    return found


def alone(contract: Contract) -> Subject:
    return Subject(contract.subject, (contract,), (contract.ref.version,), None)


def text(contract: Contract) -> str:
    return "\n".join(contract_lines(alone(contract), contract))


@given(contract=contracts())
@settings(FIXED_PROFILE)
def test_every_field_and_every_column_is_shown_once(contract: Contract) -> None:
    views = field_views(contract)
    there = dict(columns_within([*columns_of(contract.written), *OWN_COLUMNS]))
    shown = [each.column for each in views if each.column]

    assert len(shown) == len(set(shown))
    assert [each for each in shown if "." not in each] == [each for each in there if "." not in each]
    assert {path for path, _ in walk(contract.record)} <= {each.field for each in views}
    for each in (each for each in views if each.column):
        column = there[each.column]
        assert (each.bigquery, each.mode) == (str(column).removeprefix("REPEATED "), column.mode)


@pytest.mark.parametrize(
    ("field", "path", "column"),
    [
        (("lines", LINES), "lines.sku", "lines.sku"),
        (("lines", {"type": "map", "values": LINES}), "lines.sku", "lines.value.sku"),
        (("lines", {"type": "array", "items": LINES}), "lines.sku", "lines.items.sku"),
        (BRANCHES, "u.array_value", "u.array_value"),
    ],
)
def test_a_field_has_the_path_of_its_column(field: Any, path: str, column: str) -> None:
    assert view_of(field, path).column == column


def test_masks_are_in_the_words_of_the_contract() -> None:
    pii = {"kind": "phone", "mask": "partial", "keep_last": 2}
    view = view_of({"name": "phone", "type": "string", "pii": pii}, "phone")
    assert (view.mask, view.bigquery, view.mode) == ("phone: partial, keep_last 2", "STRING", "REQUIRED")


def test_what_is_not_stored_is_named_with_its_mask() -> None:
    contract = a_contract({"name": "card", "type": "string", "pii": {"kind": "card", "mask": "omit"}})
    assert "not stored\n  card  string\n      mask card: omit" in text(contract)
    assert [each["field"] for each in contract_json(alone(contract), contract)["not_stored"]] == ["card"]
    assert personal_fields(contract) == ["card"]


def test_fields_within_a_field_that_is_not_stored_go_with_it() -> None:
    inner = {"type": "record", "name": "P", "fields": [{"name": "x", "type": "int"}]}
    contract = a_contract({"name": "card", "type": inner, "pii": {"kind": "card", "mask": "omit"}})
    assert [each["field"] for each in contract_json(alone(contract), contract)["not_stored"]] == ["card"]


def test_columns_of_messages_and_derived_ones_are_columns_without_a_field() -> None:
    more: dict[str, Any] = {
        "metadata": {"key": {"attribute": "kafka.key", "pii": "none"}},
        "derived": [{"name": "twice", "type": "long", "expression": "n * 2", "doc": "Doubled"}],
        "fields": {"n": {"pii": "none"}, "at": {"pii": "none"}},
    }
    views = {each.column: each for each in field_views(a_contract(N, pii=None, **more)) if not each.field}
    assert list(views)[:2] == ["key", "twice"]
    assert (views["key"].bigquery, views["twice"].doc) == ("STRING", "Doubled")


def test_every_annotation_is_shown() -> None:
    given: dict[str, Any] = {
        "cluster": ["n"],
        "identity": {"fields": ["n"], "id": "derive"},
        "late_after": "7d",
        "expire_after_days": 30,
        "waivers": [{"rule": "FIELD_REMOVED", "field": "m", "reason": "nobody reads it"}],
        "where": "n > 1",
        "derived": [{"name": "twice", "type": "long", "expression": "n * 2"}],
        "rules": [{"name": "few", "expression": "n < 9", "else": "warn"}],
        "rollups": [{"name": "daily", "by": {"n": "n"}, "measures": {"events": "COUNT(*)"}}],
    }
    shown = text(a_contract(N, **given))
    for each in ("cluster", "identity.fields", "identity.id", "expire_after_days", "nobody reads it", "n > 1", "n * 2"):
        assert each in shown
    assert "COUNT(*)" in shown
    assert [line.split() for line in shown.splitlines() if "rules." in line] == [
        ["rules.few", "n", "<", "9"],
        ["rules.few.else", "warn"],
    ]


def test_a_line_fits_sixty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    long = "a" * 70
    field = {"name": long, "type": "string", "doc": "Many words " * 30, "default": "\x1b[31m" * 20}
    lines = list(contract_lines(alone(a_contract(field)), a_contract(field)))
    assert max(map(len, lines)) <= 60
    assert "\x1b" not in "".join(lines)


def test_many_fields_take_no_quadratic_time() -> None:
    def work_on(count: int) -> Callable[[], object]:
        fields = [
            {"name": f"f{number}", "type": "string", "pii": {"kind": "card", "mask": "omit"}} for number in range(count)
        ]
        contract = a_contract(*fields)
        return lambda: text(contract)

    assert_linear(work_on, 400)
